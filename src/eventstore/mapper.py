"""Between domain events and what the log stores of them.

Stored state is JSON that begins with the event's time at a fixed place, so that the append
function can move it on:

    {"at":"2026-11-24T01:54:33.000000Z","actor":…,"command_id":…, the event's own fields …}

`class_version` is there from 2 on, `sealed` where the event has a personal part. The document's
id, the version and the topic are columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, MapperDeserialisationError, StoredEvent
from pydantic import ValidationError
from pydantic_core import from_json

from domain.errors import LogUnreadable
from domain.events import EVENT_TYPES, Event
from eventstore.document_keys import DocumentKeys

_NOT_IN_BODY = {"document_id", "version", "at", "personal"}
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


def format_time(at: datetime) -> str:
    """Return `at` as the 27 characters that the log stores."""
    return at.astimezone(UTC).strftime(_TIME)


def parse_time(text: str) -> datetime:
    """Return the aware UTC time of 27 stored characters."""
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


class EventMapper(Mapper[str]):
    """The library's mapper for frozen pydantic events, upcasting and sealing included."""

    def __init__(self, keys: DocumentKeys) -> None:
        super().__init__(transcoder=JSONTranscoder())
        self._keys = keys

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """Return what is stored of the event."""
        event = domain_event
        assert isinstance(event, Event)
        topic = type(event).__name__
        parts = [f'{{"at":"{format_time(event.at)}"']
        if event.class_version > 1:
            parts.append(f'"class_version":{event.class_version}')
        parts.append(event.model_dump_json(exclude=_NOT_IN_BODY, exclude_none=True)[1:-1])
        if (sealed := self._seal(event, topic)) is not None:
            parts.append(f'"sealed":"{sealed}"')
        state = (",".join(parts) + "}").encode()
        return StoredEvent(event.document_id, event.version, topic, state)

    def _seal(self, event: Event, topic: str) -> str | None:
        personal = getattr(event, "personal", None)
        if personal is None:
            return None
        key = self._keys.for_sealing(event.document_id, event.version)
        plaintext = personal.model_dump_json(exclude_none=True).encode()
        return key.seal(plaintext, _about(event.document_id, event.version, topic))

    def to_domain_event(self, stored_event: StoredEvent) -> Event:
        """Return the event that was stored, upcast to its newest version.

        Raises MapperDeserialisationError for an unknown topic or a state that does not fit.
        """
        event_type = EVENT_TYPES.get(stored_event.topic)
        if event_type is None:
            raise MapperDeserialisationError(f"unknown topic '{stored_event.topic[:100]}'")
        try:
            return self._decode(event_type, stored_event)
        except (ValidationError, ValueError, LogUnreadable) as error:
            raise MapperDeserialisationError(
                f"state of version {stored_event.originator_version}, {stored_event.topic}: "
                f"{_without_content(error)}"
            ) from error

    def _decode(self, event_type: type[Event], stored: StoredEvent) -> Event:
        state = stored.state
        plain = b'"sealed"' not in state and b'"class_version"' not in state
        if plain and event_type.class_version == 1:
            # One pass over the bytes: the columns are spliced in ahead of the closing brace.
            columns = json.dumps(
                {"document_id": stored.originator_id, "version": stored.originator_version}
            )
            return event_type.model_validate_json(state[:-1] + b"," + columns[1:].encode())
        fields: dict[str, Any] = from_json(state)
        fields["document_id"] = stored.originator_id
        fields["version"] = stored.originator_version
        self._unseal(fields, stored)
        upcast(event_type, fields)
        return event_type.model_validate(fields)

    def _unseal(self, fields: dict[str, Any], stored: StoredEvent) -> None:
        sealed = fields.pop("sealed", None)
        if sealed is None:
            return
        key = self._keys.find(str(stored.originator_id))
        if key is None:
            return
        about = _about(str(stored.originator_id), stored.originator_version, stored.topic)
        plaintext = key.unseal(sealed, about)
        fields["personal"] = None if plaintext is None else from_json(plaintext)


def upcast(event_type: type[Event], fields: dict[str, Any]) -> None:
    """Bring the stored fields, in place, from the version they have to the newest."""
    version = fields.pop("class_version", 1)
    while version < event_type.class_version:
        step: Callable[[dict[str, Any]], None] = getattr(
            event_type, f"upcast_v{version}_v{version + 1}"
        )
        step(fields)
        version += 1


def _about(document_id: str, version: int, topic: str) -> bytes:
    return f"{document_id}\0{version}\0{topic}".encode()


def _without_content(error: Exception) -> str:
    """Return what is wrong without the values, which may be personal."""
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors(include_input=False)
        )
    return type(error).__name__ if isinstance(error, ValueError) else str(error)
