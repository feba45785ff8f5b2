"""Between domain events and what the log stores of them.

Stored state is JSON that begins with the event's time at a fixed place, so that the append
function can move it on:

    {"at":"2026-11-24T01:54:33.000000Z","actor":…,"command_id":…, the event's own fields …}

`class_version` comes next from 2 on, `sealed` where the event has a personal part. The document's
id, the version and the topic are columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, cast

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    JSONTranscoder,
    Mapper,
    MapperDeserialisationError,
    PersistenceError,
    StoredEvent,
)
from msgspec import ValidationError, convert
from msgspec.json import Decoder, Encoder
from msgspec.json import decode as from_json
from msgspec.structs import replace

from domain.errors import LogUnreadable
from domain.events import EVENT_TYPES, Event, Personal
from domain.json_types import JsonObject
from domain.lives import BEGINS_LIFE
from eventstore.document_keys import DocumentKey, DocumentKeys, SealingKey
from eventstore.recorded import LogRow, RecordedEvent, UnreadableEvent

_to_json = Encoder().encode
# Fields are encoded in their order: this is the first one that is no column and not the time. What
# stands before it can hold no such bytes, since a quotation mark in a text follows a backslash.
_BODY = b',"actor":"'
_BEGUN = b'{"at":"%b"'
_CLASS_VERSION = b',"class_version":%d'
_SEALED_STATE = b'%b,"sealed":"%b"}'
# What these are looked for by: from the end and without the closing quotation mark, of which
# there are many, the search takes half as long; it is a good part of what an event takes. A
# version counts wherever it stands: what only a newer docledger knows must not pass for old.
_NAMES_VERSION = b'"class_version'
_NAMES_SEALED = b'"sealed'
# How the decoder begins what it says of types and names alone; it quotes values otherwise.
_TOLD = ("Expected `", "Object missing required field `")
_SEALED_BEGINS, _SEALED_ENDS = b',"sealed":"', b'"}'


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
    """The library's mapper for frozen events, upcasting and sealing included.

    A personal part is sealed under the key of the life that the event is of.
    """

    def __init__(self, keys: DocumentKeys) -> None:
        super().__init__(transcoder=JSONTranscoder())
        self._keys = keys

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """Return what is stored of the event, the log being asked of which life it is."""
        return self.stored_event(cast("Event", domain_event))

    def stored_event(self, event: Event, life: int | None = None) -> StoredEvent:
        """Return what is stored of an event of this life, None where only the log knows which.

        Raises the decoder's ValidationError for one that could not be read again: what is once in
        the log stays there, so it must not even get in.
        """
        document_id, version, topic = event.document_id, event.version, type(event).__name__
        encoded = _to_json(event)
        decoder_of(type(event))(encoded)
        if (personal := personal_part(event)) is None:
            return StoredEvent(document_id, version, topic, _state(event, encoded))
        encoded = _to_json(replace(event, personal=None))
        begins = topic == BEGINS_LIFE
        life = self._life_of(event, begins=begins) if life is None else life
        sealing = self._keys.for_sealing(document_id, life, begins=begins)
        sealed = sealed_part(sealing.key, personal, document_id, version, topic)
        state = _SEALED_STATE % (_state(event, encoded)[:-1], sealed.encode())
        return SealedEvent(document_id, version, topic, state, sealing)

    def _life_of(self, event: Event, *, begins: bool) -> int:
        if begins and event.version == 1:
            return 1
        return self._keys.count_lives(event.document_id) + begins

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
    row: LogRow = document_id, version, stored.topic, stored.state, 0
    event = read_rows([row], find_key)[0].event
    if isinstance(event, UnreadableEvent):
        raise MapperDeserialisationError(event.error)
    return event


def read_rows(rows: Iterable[LogRow], find_key: FindKey) -> list[RecordedEvent]:
    """Return the events of rows of the log; one that cannot be read hides no other.

    Raises what `find_key` raises of the library's PersistenceError.
    """
    recorded = []
    stream, named = None, b""
    # One loop for all of them: a call for each row would be a good part of what reading it takes.
    for document_id, version, topic, state, position in rows:
        event: Event | UnreadableEvent
        try:
            if document_id != stream:
                stream, named = document_id, _named(document_id)
            decode = AS_STORED.get(topic)
            if decode is None or state.rfind(_NAMES_VERSION) >= 0:
                body = None
            elif (at := state.rfind(_NAMES_SEALED)) < 0:
                body = state[:-1]
            else:
                body = _open_body(document_id, version, topic, state, at - 1, find_key)
            if decode is None or body is None:
                event = _upcast(document_id, version, topic, state, find_key)
            else:
                # One pass over the bytes: the columns are spliced in ahead of the closing brace.
                event = decode(body + named + _version_end(version))
        except PersistenceError:
            raise
        except Exception as error:
            # Whatever is wrong with one stored event must not keep others from being read.
            wrong = _wrong(version, topic, error)
            event = UnreadableEvent(document_id, version, topic, wrong)
        # as the type's own call does, which takes twice as long
        recorded.append(_new(RecordedEvent, (position, event)))
    return recorded


_new: Any = tuple.__new__


def _wrong(version: int, topic: str, error: Exception) -> str:
    if isinstance(error, MapperDeserialisationError):
        return str(error)
    return f"state of version {version}, {topic}: {_without_content(error)}"


def _upcast(document_id: str, version: int, topic: str, state: bytes, find_key: FindKey) -> Event:
    event_type = EVENT_TYPES.get(topic)
    if event_type is None:
        raise MapperDeserialisationError(f"unknown topic '{topic[:100]}'")
    fields: JsonObject = from_json(state)
    fields["document_id"] = document_id
    fields["version"] = version
    sealed: str | None = fields.pop("sealed", None)
    if sealed is not None:
        key = find_key(document_id, sealed.partition(".")[0])
        if key is not None:
            about = _about(document_id, version, topic)
            fields["personal"] = from_json(key.unseal(sealed, about))
    upcast(event_type, fields)
    return convert(fields, event_type)


@cache
def decoder_of(event_type: type[Event]) -> Callable[[bytes], Event]:
    """Return what makes an event of its fields in JSON, those of its columns among them."""
    return Decoder(event_type).decode


# All are made before any thread can read: msgspec tells other threads of a type while it is still
# looking at its fields, and one that decodes by half a description ends the process.
for _event_type in EVENT_TYPES.values():
    decoder_of(_event_type)

AS_STORED = {topic: decoder_of(it) for topic, it in EVENT_TYPES.items() if it.class_version == 1}
"""What decodes events that have had one version only, by topic."""


@lru_cache(maxsize=1024)
def _named(document_id: str) -> bytes:
    return b',"document_id":' + _to_json(document_id)


@lru_cache(maxsize=256)
def _version_end(version: int) -> bytes:
    return b',"version":%d}' % version


def _open_body(
    document_id: str, version: int, topic: str, state: bytes, at: int, find_key: FindKey
) -> bytes | None:
    """Return a state with a sealed part without its closing brace, that part in the open.

    None if what is at this place looks like a sealed part and is none of the mapper's.
    """
    sealed = _sealed(state, at)
    if sealed is None:
        return None
    open_part = state[:at]
    key_id, _, text = sealed.partition(b".")
    key = find_key(document_id, key_id.decode(errors="replace"))
    if key is None:
        return open_part
    opened = key.unseal_base64(text, _about(document_id, version, topic))
    return open_part + b',"personal":' + opened


def personal_part(event: Event) -> Personal | None:
    """Return what of the event goes into the log under the document's key only."""
    personal: Personal | None = getattr(event, "personal", None)
    return personal


def key_named_by(state: bytes) -> str | None:
    """Return the id of the key under which part of a stored event is sealed, None if nothing is."""
    at = state.rfind(_SEALED_BEGINS)
    sealed = _sealed(state, at) if at >= 0 else None
    return None if sealed is None else sealed.partition(b".")[0].decode(errors="replace")


def _sealed(state: bytes, at: int) -> bytes | None:
    """Return what is sealed at this place, None if it is none of the mapper's."""
    if not (state.startswith(_SEALED_BEGINS, at) and state.endswith(_SEALED_ENDS)):
        return None
    sealed = state[at + len(_SEALED_BEGINS) : -len(_SEALED_ENDS)]
    return None if b'"' in sealed or b"\\" in sealed else sealed


def upcast(event_type: type[Event], fields: JsonObject) -> None:
    """Bring the stored fields, in place, from the version they have to the newest.

    Raises MapperDeserialisationError for a version that only a newer docledger knows.
    """
    version: int = fields.pop("class_version", 1)
    if version > event_type.class_version:
        raise MapperDeserialisationError(
            f"version {version} of {event_type.__name__} needs a newer docledger"
        )
    while version < event_type.class_version:
        step: Callable[[JsonObject], None] = getattr(
            event_type, f"upcast_v{version}_v{version + 1}"
        )
        step(fields)
        version += 1


def _state(event: Event, encoded: bytes) -> bytes:
    begun = _BEGUN % format_time(event.at).encode()
    if event.class_version > 1:
        begun += _CLASS_VERSION % event.class_version
    return begun + encoded[encoded.index(_BODY) :]


def sealed_part(
    key: DocumentKey, personal: Personal, document_id: str, version: int, topic: str
) -> str:
    """Return what is stored of an event's personal part."""
    return sealed_json(key, _to_json(personal), document_id, version, topic)


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
        wrong, _, where = str(error).partition(" - at ")
        told = wrong if wrong.startswith(_TOLD) else "a value that is not one of those known"
        return f"{told} at {where}" if where else told
    return str(error) if isinstance(error, LogUnreadable) else type(error).__name__
