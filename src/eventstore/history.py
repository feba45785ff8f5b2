"""Reads the log: one document's stream, many documents' streams, or everything in order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from eventsourcing.persistence import (
    InterfaceError,
    MapperDeserialisationError,
    OperationalError,
    StoredEvent,
)
from psycopg import Connection
from psycopg.rows import DictRow

from domain.errors import LogUnavailable
from domain.events import Event
from eventstore.application import WorkflowApplication
from eventstore.mapper import FindKey, decoded, key_named_by
from eventstore.stored_log import binary_cursor

_AFTER = """
    SELECT originator_id, originator_version, topic, state, notification_id
    FROM docledger_events WHERE notification_id > %s ORDER BY notification_id LIMIT %s
"""
_LAST_POSITION = "SELECT coalesce(max(notification_id), 0) AS position FROM docledger_events"
_POSITION_OF = """
    SELECT notification_id AS position FROM docledger_events
    WHERE originator_id = %s ORDER BY originator_version DESC LIMIT 1
"""


LogRow = tuple[str, int, str, bytes, int]
"""Document, version, topic, state and position of an event."""


@dataclass(frozen=True, slots=True)
class UnreadableEvent:
    """An event whose stored form this version of docledger cannot understand."""

    document_id: str
    version: int
    topic: str
    error: str


class RecordedEvent(NamedTuple):
    """An event and its position in the whole log; a tuple, of which many are made fast."""

    position: int
    event: Event | UnreadableEvent


class History:
    """The log, for reading. Thread-safe; every call is one query, and one more for keys.

    Each raises LogUnavailable when the database cannot be reached.
    """

    def __init__(self, application: WorkflowApplication) -> None:
        self._application = application

    def after(self, position: int, limit: int) -> list[RecordedEvent]:
        """Return up to `limit` events after `position`, in log order."""
        with self._connected() as connection, binary_cursor(connection) as cursor:
            rows = cursor.execute(_AFTER, (position, limit), prepare=True).fetchall()
        return self._read(rows)

    def of_document(self, document_id: str, after_version: int = 0) -> list[RecordedEvent]:
        """Return the document's events after `after_version`, in order; none if unknown."""
        return self.since({document_id: after_version})[document_id]

    def streams(self, document_ids: Collection[str]) -> dict[str, list[RecordedEvent]]:
        """Return every event of these documents, each in order."""
        return self.since(dict.fromkeys(document_ids, 0))

    def since(self, after_versions: Mapping[str, int]) -> dict[str, list[RecordedEvent]]:
        """Return each document's events after the version given for it."""
        with _translated():
            found = self._application.append_recorder.select_streams(after_versions)
        every = self.decode(stored for stream in found.values() for stored in stream)
        streams: dict[str, list[RecordedEvent]] = {i: [] for i in after_versions}
        for recorded in every:
            streams[recorded.event.document_id].append(recorded)
        return streams

    def last_position(self) -> int:
        """Return the position of the newest event, 0 in an empty log."""
        with self._connected() as connection:
            row = connection.execute(_LAST_POSITION).fetchone()
        return int(row["position"]) if row else 0

    def position_of(self, document_id: str) -> int | None:
        """Return the position of the document's newest event, None if it has none."""
        with self._connected() as connection:
            row = connection.execute(_POSITION_OF, (document_id,), prepare=True).fetchone()
        return int(row["position"]) if row else None

    def decode(self, stored: Iterable[tuple[int, StoredEvent]]) -> list[RecordedEvent]:
        """Return the events that were stored, reading the keys of all in one query."""
        return self._read(
            [
                (str(e.originator_id), e.originator_version, e.topic, e.state, position)
                for position, e in stored
            ]
        )

    def _read(self, rows: Sequence[LogRow]) -> list[RecordedEvent]:
        named = {(row[0], key_id) for row in rows if (key_id := key_named_by(row[3]))}
        with _translated():
            if named:
                self._application.keys.prefetch(named)
            return read_rows(rows, self._application.keys.for_unsealing)

    @contextmanager
    def _connected(self) -> Iterator[Connection[DictRow]]:
        datastore = self._application.append_recorder.datastore
        with _translated(), datastore.get_connection() as connection:
            yield connection


def read_rows(rows: Iterable[LogRow], find_key: FindKey) -> list[RecordedEvent]:
    """Return the events of rows of the log; one that cannot be read hides no other."""
    recorded = []
    for document_id, version, topic, state, position in rows:
        event: Event | UnreadableEvent
        try:
            event = decoded(document_id, version, topic, state, find_key)
        except MapperDeserialisationError as error:
            event = UnreadableEvent(document_id, version, topic, str(error))
        # as the type's own call does, which takes twice as long
        recorded.append(_new(RecordedEvent, (position, event)))
    return recorded


_new: Any = tuple.__new__


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise LogUnavailable from error
