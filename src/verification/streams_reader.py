"""Reads whole streams on a connection of the caller's, so that log and tables are of one moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from eventsourcing.persistence import StoredEvent
from psycopg import Connection
from psycopg.rows import tuple_row

from eventstore.history import History
from eventstore.recorded import RecordedEvent
from eventstore.stored_log import StoredRow, binary_cursor

_DOCUMENTS_AFTER = """
    SELECT originator_id, count(*) FROM docledger_events WHERE originator_id > %s
    GROUP BY originator_id ORDER BY originator_id LIMIT %s
"""
_STREAMS = """
    SELECT notification_id, originator_id, originator_version, topic, state
    FROM docledger_events WHERE originator_id = ANY (%s)
    ORDER BY originator_id, originator_version
"""


class StreamsUnderCheck:
    """The log, for a check; events are told apart, not yet read, while a transaction is open."""

    def __init__(self, history: History) -> None:
        self._history = history

    def documents_after(
        self, connection: Connection, document_id: str, limit: int
    ) -> list[tuple[str, int]]:
        """Return the next documents by id, each with the number of its events."""
        with connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(_DOCUMENTS_AFTER, (document_id, limit)).fetchall()

    def stored(
        self, connection: Connection, document_ids: Collection[str]
    ) -> list[tuple[int, StoredEvent]]:
        """Return the documents' events with their positions."""
        with binary_cursor(connection) as cursor:
            rows = [StoredRow(*row) for row in cursor.execute(_STREAMS, (list(document_ids),))]
        return [(r.position, StoredEvent(r.document_id, r.version, r.topic, r.state)) for r in rows]

    def streams(
        self, stored: Sequence[tuple[int, StoredEvent]]
    ) -> Mapping[str, Sequence[RecordedEvent]]:
        """Return the events by document; what cannot be read stands there as unreadable."""
        streams: dict[str, list[RecordedEvent]] = defaultdict(list)
        for recorded in self._history.decode(stored):
            streams[recorded.event.document_id].append(recorded)
        return streams
