"""Reads the log: one document's stream, many documents' streams, or everything in order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter

from eventsourcing.persistence import (
    InterfaceError,
    OperationalError,
    ProgrammingError,
    StoredEvent,
)
from psycopg import Connection
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import DictRow

from domain.errors import LogUnavailable
from domain.lives import BEGINS_LIFE, ENDS_LIFE, MOVES_LIFE, Life, lives_of
from eventstore.application import WorkflowApplication
from eventstore.mapper import key_named_by, read_rows
from eventstore.recorded import LogRow, RecordedEvent
from eventstore.stored_log import binary_cursor

_AFTER = """
    SELECT originator_id, originator_version, topic, state, notification_id
    FROM docledger_events WHERE notification_id > %s ORDER BY notification_id LIMIT %s
"""
_OF_LIVES = """
    SELECT originator_id, originator_version, topic, state, notification_id
    FROM docledger_events WHERE originator_id = ANY(%s) AND topic = ANY(%s)
    ORDER BY originator_id, originator_version
"""
_LAST_POSITION = "SELECT coalesce(max(notification_id), 0) AS position FROM docledger_events"
_POSITION_OF = """
    SELECT notification_id AS position FROM docledger_events
    WHERE originator_id = %s ORDER BY originator_version DESC LIMIT 1
"""


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

    def lives(self, document_ids: Collection[str]) -> dict[str, list[Life]]:
        """Return the lives of each of these documents, none of an unknown one.

        Whether events may be shown is a matter of the realm that their life had.
        """
        asked = (list(document_ids), [BEGINS_LIFE, MOVES_LIFE, *ENDS_LIFE])
        with self._connected() as connection, binary_cursor(connection) as cursor:
            rows = cursor.execute(_OF_LIVES, asked, prepare=True).fetchall()
        # What is sealed tells nothing of lives, so that no key has to be asked for.
        events = [recorded.event for recorded in read_rows(rows, lambda *_: None)]
        streams = groupby(events, attrgetter("document_id"))
        lives = {document_id: lives_of(its) for document_id, its in streams}
        return {document_id: lives.get(document_id, []) for document_id in document_ids}

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


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise LogUnavailable from error
    except ProgrammingError as error:
        if isinstance(error.__cause__, InsufficientPrivilege):
            raise LogUnavailable from error
        raise
