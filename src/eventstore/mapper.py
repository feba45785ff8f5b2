"""Between domain events and what the log stores of them.

Stored state is JSON that begins with the event's time at a fixed place, so that the append
function can move it on:

    {"at":"2026-11-24T01:54:33.000000Z","actor":…,"command_id":…, the event's own fields …}

`class_version` is there from 2 on, `sealed` where the event has a personal part. The document's
id, the version and the topic are columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    JSONTranscoder,
    Mapper,
    MapperDeserialisationError,
    PersistenceError,
    StoredEvent,
)
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from domain.errors import LogUnreadable
from domain.events import EVENT_TYPES, Event, Personal
from eventstore.document_keys import DocumentKey, DocumentKeys, SealingKey

_NOT_IN_BODY = {"document_id", "version", "at", "personal"}
_WHOLE = b'%b,"document_id":%b,"version":%d}'
# What these are looked for by: from the end and without the closing quotation mark, of which
# there are many, the search takes half as long; it is a good part of what an event takes.
_NAMES_VERSION = b'"class_version'
_NAMES_SEALED = b'"sealed'
_SEALED = re.compile(rb',"sealed":"([0-9a-f]+)\.([A-Za-z0-9+/=]+)"}\Z')


@dataclass(frozen=True)
class SealedEvent(StoredEvent):
    """A stored event with the key of its personal part, which the append sees to."""

    sealing: SealingKey


# The events of a command have one time, and so have those that an append moved on.
@lru_cache(maxsize=256)
def format_time(at: datetime) -> str:
    """Return `at` as the 27 characters that the log stores."""
    return f"{at.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"


@lru_cache(maxsize=256)
def parse_time(text: str) -> datetime:
    """Return the aware UTC time of 27 stored characters."""
    return datetime.fromisoformat(text)


class EventMapper(Mapper[str]):
    """The library's mapper for frozen pydantic events, upcasting and sealing included."""

    def __init__(self, keys: DocumentKeys) -> None:
        super().__init__(transcoder=JSONTranscoder())
        self._keys = keys

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """Return what is stored of the event."""
        event = cast("Event", domain_event)
        topic = type(event).__name__
        parts = [f'{{"at":"{format_time(event.at)}"']
        if event.class_version > 1:
            parts.append(f'"class_version":{event.class_version}')
        parts.append(event.model_dump_json(exclude=_NOT_IN_BODY, exclude_none=True)[1:-1])
        if (personal := personal_part(event)) is None:
            return StoredEvent(event.document_id, event.version, topic, _state(parts))
        sealing = self._keys.for_sealing(event.document_id, event.version)
        sealed = sealed_part(sealing.key, personal, event.document_id, event.version, topic)
        parts.append(f'"sealed":"{sealed}"')
        return SealedEvent(event.document_id, event.version, topic, _state(parts), sealing)

    def to_domain_event(self, stored_event: StoredEvent) -> Event:
        """Return the event that was stored, upcast to its newest version.

        Raises MapperDeserialisationError for an unknown topic or a state that does not fit, and
        the library's PersistenceError if a key cannot be asked for.
        """
        return event_of(stored_event, self._keys.for_unsealing)


FindKey = Callable[[str, str], DocumentKey | None]
"""Gives a document's key of this id, None if it is gone."""


def event_of(stored: StoredEvent, find_key: FindKey) -> Event:
    """Return the event that was stored, upcast to its newest version.

    Raises MapperDeserialisationError for an unknown topic or a state that does not fit, and what
    `find_key` raises of the library's PersistenceError.
    """
    document_id, version = str(stored.originator_id), stored.originator_version
    return decoded(document_id, version, stored.topic, stored.state, find_key)


def decoded(document_id: str, version: int, topic: str, state: bytes, find_key: FindKey) -> Event:
    """Return the event of which this is stored, as `event_of` does."""
    event_type = EVENT_TYPES.get(topic)
    if event_type is None:
        raise MapperDeserialisationError(f"unknown topic '{topic[:100]}'")
    try:
        if event_type.class_version == 1 and state.rfind(_NAMES_VERSION) < 0:
            body: bytes | None = state[:-1]
            if state.rfind(_NAMES_SEALED) >= 0:
                body = _open_body(document_id, version, topic, state, find_key)
            if body is not None:
                # One pass over the bytes: the columns are spliced in ahead of the closing brace.
                whole = _WHOLE % (body, _quoted(document_id), version)
                read: Event = event_type.__pydantic_validator__.validate_json(whole)
                return read
        return _upcast(event_type, document_id, version, topic, state, find_key)
    except (MapperDeserialisationError, PersistenceError):
        raise
    except Exception as error:
        # Whatever is wrong with one stored event must not keep others from being read.
        raise MapperDeserialisationError(
            f"state of version {version}, {topic}: {_without_content(error)}"
        ) from error


def _upcast(
    event_type: type[Event],
    document_id: str,
    version: int,
    topic: str,
    state: bytes,
    find_key: FindKey,
) -> Event:
    fields: dict[str, Any] = from_json(state)
    fields["document_id"] = document_id
    fields["version"] = version
    sealed: str | None = fields.pop("sealed", None)
    if sealed is not None:
        key = find_key(document_id, sealed.partition(".")[0])
        if key is not None:
            about = _about(document_id, version, topic)
            fields["personal"] = from_json(key.unseal(sealed, about))
    upcast(event_type, fields)
    return event_type.model_validate(fields)


@lru_cache(maxsize=1024)
def _quoted(document_id: str) -> bytes:
    return to_json(document_id)


def _open_body(
    document_id: str, version: int, topic: str, state: bytes, find_key: FindKey
) -> bytes | None:
    """Return a state with a sealed part without its closing brace, that part in the open.

    None if it looks as if something were sealed, but not as the mapper seals it.
    """
    found = _SEALED.match(state, state.rfind(b',"sealed":"'))
    if found is None:
        return None
    open_part = state[: found.start()]
    key = find_key(document_id, found[1].decode("ascii"))
    if key is None:
        return open_part
    opened = key.unseal_base64(found[2], _about(document_id, version, topic))
    return open_part + b',"personal":' + opened


def personal_part(event: Event) -> Personal | None:
    """Return what of the event goes into the log under the document's key only."""
    personal: Personal | None = getattr(event, "personal", None)
    return personal


def key_named_by(state: bytes) -> str | None:
    """Return the id of the key under which part of a stored event is sealed, None if nothing is."""
    at = state.rfind(b',"sealed":"')
    found = _SEALED.match(state, at) if at >= 0 else None
    return None if found is None else found[1].decode("ascii")


def upcast(event_type: type[Event], fields: dict[str, Any]) -> None:
    """Bring the stored fields, in place, from the version they have to the newest.

    Raises MapperDeserialisationError for a version that only a newer docledger knows.
    """
    version: int = fields.pop("class_version", 1)
    if version > event_type.class_version:
        raise MapperDeserialisationError(
            f"version {version} of {event_type.__name__} needs a newer docledger"
        )
    while version < event_type.class_version:
        step: Callable[[dict[str, Any]], None] = getattr(
            event_type, f"upcast_v{version}_v{version + 1}"
        )
        step(fields)
        version += 1


def _state(parts: list[str]) -> bytes:
    return (",".join(parts) + "}").encode()


def sealed_part(
    key: DocumentKey, personal: Personal, document_id: str, version: int, topic: str
) -> str:
    """Return what is stored of an event's personal part."""
    plaintext = personal.model_dump_json(exclude_none=True).encode()
    return sealed_json(key, plaintext, document_id, version, topic)


def sealed_json(
    key: DocumentKey, plaintext: bytes, document_id: str, version: int, topic: str
) -> str:
    """Return what is stored of a personal part that is JSON already."""
    return key.seal(plaintext, _about(document_id, version, topic))


def _about(document_id: str, version: int, topic: str) -> bytes:
    return f"{document_id}\0{version}\0{topic}".encode()


def _without_content(error: Exception) -> str:
    """Return what is wrong without the values, which may be personal."""
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['type']}"
            for e in error.errors(include_input=False)
        )
    return str(error) if isinstance(error, LogUnreadable) else type(error).__name__
