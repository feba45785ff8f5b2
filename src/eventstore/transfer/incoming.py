"""Takes the lines of a log into a database, position for position."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from eventsourcing.persistence import MapperDeserialisationError, StoredEvent
from psycopg import Connection
from psycopg.rows import tuple_row

from eventstore.document_keys import DocumentKey
from eventstore.mapper import FindKey, event_of, key_named_by
from eventstore.stored_log import StoredRow
from eventstore.transfer.lines import (
    DocumentLine,
    Header,
    KeyLine,
    NotImportable,
    parse_line,
)

_PREPARE = """
    SET LOCAL timezone = 'UTC';
    SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0;
    CREATE TEMPORARY TABLE incoming_documents (
        id text COLLATE "C" PRIMARY KEY, title text, content text, realm_id text,
        created_at timestamptz, updated_at timestamptz
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE incoming_keys (
        document_id text COLLATE "C", key_id text, key bytea, created_at timestamptz, life int,
        UNIQUE NULLS NOT DISTINCT (document_id, life)
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE incoming_events (
        position bigint, document_id text COLLATE "C", version bigint, topic text, state bytea
    ) ON COMMIT DROP
"""
_TABLES: dict[type, str] = {
    DocumentLine: "incoming_documents",
    KeyLine: "incoming_keys",
    StoredRow: "incoming_events",
}
_ANALYZE = "ANALYZE incoming_documents; ANALYZE incoming_keys; ANALYZE incoming_events"
_KEYS_OF = "SELECT document_id, key_id, key FROM incoming_keys WHERE document_id = ANY (%s)"
# min() and not LIMIT 1: nearly always there is none, and a plan for one row alone would look at
# every event for each document.
_OBJECTIONS: tuple[tuple[str, str], ...] = (
    (
        """SELECT min(document_id) FROM (
            SELECT document_id, version, row_number() OVER (
                PARTITION BY document_id ORDER BY position) AS due FROM incoming_events) AS numbered
            WHERE version <> due""",
        "the versions of document '{}' do not go from 1 on without gap",
    ),
    (
        """SELECT min(i.id) FROM (SELECT id FROM incoming_documents
                UNION ALL SELECT document_id FROM incoming_keys) AS i
            WHERE NOT EXISTS (SELECT FROM incoming_events e WHERE e.document_id = i.id)""",
        "of document '{}' there is a row or a key and no event",
    ),
    (
        """SELECT min(e.document_id) FROM incoming_events e WHERE e.version = 1 AND EXISTS (
            SELECT FROM docledger_events d WHERE d.originator_id = e.document_id)""",
        "the log has events of document '{}' already",
    ),
    (
        """SELECT min(i.id) FROM incoming_documents i
            WHERE EXISTS (SELECT FROM documents d WHERE d.id = i.id)""",
        "there is a document '{}' here already",
    ),
    (
        """SELECT min(i.document_id) FROM incoming_keys i JOIN document_keys k
            ON k.document_id = i.document_id""",
        "there is a key of document '{}' here already",
    ),
)
_LOG_IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM docledger_events)"
_READ_ALREADY = """
    SELECT projection, position FROM tracking
    WHERE position >= (SELECT min(position) FROM incoming_events) LIMIT 1
"""
_LOCK = "SELECT docledger_lock_log()"
_DOCUMENT_COUNT = "SELECT count(*) FROM incoming_events WHERE version = 1"
_OWN = """
    SELECT set_config('docledger.own_change', 'yes', true),
        set_config('docledger.times_ordered', 'yes', true)
"""
_NOT_OWN = """
    SELECT set_config('docledger.own_change', 'no', true),
        set_config('docledger.times_ordered', 'no', true)
"""
_INSERT_ROWS = """
    INSERT INTO documents (id, title, content, realm_id, created_at, updated_at)
        SELECT id, title, content, realm_id, created_at, updated_at FROM incoming_documents;
    INSERT INTO document_keys (document_id, life, key_id, key, created_at)
        SELECT document_id, life, key_id, key, created_at FROM incoming_keys
"""
# A key without a life is that of every life in which an event names it: of the last, if none does.
_KEYS_OF_LIVES = """
    UPDATE incoming_keys k SET life = 1 WHERE k.life IS NULL AND k.document_id NOT IN (
        SELECT document_id FROM incoming_events
        WHERE topic = 'DocumentRegistered' AND version > 1);
    WITH lives AS MATERIALIZED (
        SELECT e.document_id AS id, e.version AS first, row_number() OVER by_version AS life,
            coalesce(lead(e.version) OVER by_version, 9223372036854775807) AS next
        FROM incoming_events e JOIN incoming_keys k ON k.document_id = e.document_id
        WHERE k.life IS NULL AND e.topic = 'DocumentRegistered'
        WINDOW by_version AS (PARTITION BY e.document_id ORDER BY e.version)
    ), named AS MATERIALIZED (
        SELECT l.id, l.life, l.next = 9223372036854775807 AS is_last, bool_or(position(
            convert_to('"sealed":"' || k.key_id || '.', 'UTF8') IN e.state) > 0) AS is_named
        FROM lives l JOIN incoming_keys k ON k.document_id = l.id AND k.life IS NULL
        JOIN incoming_events e ON e.document_id = l.id
            AND e.version >= l.first AND e.version < l.next
        GROUP BY l.id, l.life, l.next
    ), moved AS (
        DELETE FROM incoming_keys WHERE life IS NULL RETURNING *
    )
    INSERT INTO incoming_keys (document_id, key_id, key, created_at, life)
        SELECT m.document_id, m.key_id, m.key, m.created_at, n.life
        FROM moved m JOIN named n ON n.id = m.document_id
        WHERE n.is_named OR n.is_last AND NOT EXISTS (
            SELECT FROM named o WHERE o.id = n.id AND o.is_named)
"""
_KEEP_POSITIONS = """
    INSERT INTO docledger_events
            (originator_id, originator_version, topic, state, notification_id)
        SELECT document_id, version, topic, state, position FROM incoming_events ORDER BY position
"""
_MOVE_SEQUENCE = """
    SELECT setval('docledger_events_notification_id_seq', greatest(
        (SELECT last_value FROM docledger_events_notification_id_seq),
        (SELECT max(position) FROM incoming_events)))
    WHERE EXISTS (SELECT FROM incoming_events)
"""
_NEW_POSITIONS = """
    INSERT INTO docledger_events (originator_id, originator_version, topic, state)
        SELECT document_id, version, topic,
            CASE WHEN encode(substring(state FROM 8 FOR 27), 'escape') COLLATE "C" < last.at
                THEN overlay(state PLACING convert_to(last.at, 'UTF8') FROM 8 FOR 27)
                ELSE state END
        FROM incoming_events, (SELECT docledger_last_at() COLLATE "C" AS at) AS last
        ORDER BY position
"""
_CHUNK_LINES = 500
_CHUNK_BYTES = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import brought in; `kept_positions` unless it was appended behind other events."""

    documents: int
    events: int
    kept_positions: bool


Advance = Callable[[int, int], None]
"""Told how many events were read, and of how many."""


def import_events(
    connection: Connection,
    lines: Iterable[bytes],
    *,
    append: bool = False,
    advance: Advance = lambda _done, _total: None,
) -> Imported:
    """Take the lines of an export in, all or nothing, over a connection in autocommit mode.

    Into an empty log they come with the positions that they had. With `append` they may follow
    other events, at new positions, their times moved on where the log is later already; the log
    must not know their documents.

    Raises NotImportable for a file that is not whole or not fit, and for a log that has events.
    """
    numbered = enumerate(lines, start=1)
    header = _header(numbered)
    with connection.transaction(), _refusals():
        connection.execute(_PREPARE)
        _refuse_full(connection, append=append)
        events = _Reading(connection, header, advance).read(numbered)
        connection.execute(_ANALYZE)
        connection.execute(_LOCK)
        empty = _refuse_full(connection, append=append)
        _refuse_unfit(connection)
        connection.execute(_KEYS_OF_LIVES)
        connection.execute(_OWN)
        connection.execute(_INSERT_ROWS)
        if empty:
            _refuse_read_already(connection)
            connection.execute(_KEEP_POSITIONS)
            connection.execute(_MOVE_SEQUENCE)
        else:
            connection.execute(_NEW_POSITIONS)
        connection.execute(_NOT_OWN)
        documents = _one(connection, _DOCUMENT_COUNT)
    return Imported(documents, events, empty)


def _header(numbered: Iterator[tuple[int, bytes]]) -> Header:
    number, line = next(numbered, (1, b"{}"))
    header = parse_line(number, line)
    if not isinstance(header, Header):
        raise NotImportable("This is no export of events: its first line is no header.")
    if header.after or not header.whole_streams:
        raise NotImportable(
            "The export begins within documents' histories, and only whole ones can be imported; "
            "export those documents without --after."
        )
    return header


class _refusals:  # noqa: N801  (used as a function is)
    """Tells what the database says of values that no column takes, without the values."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
            said = error.diag.message_primary if error.sqlstate == "23505" else None
            raise NotImportable(
                f"The file does not fit the database: {said or type(error).__name__}."
            ) from None


class _Reading:
    """Brings lines into tables of this session, looking at each event on the way."""

    def __init__(self, connection: Connection, header: Header, advance: Advance) -> None:
        self._connection = connection
        self._header = header
        self._advance = advance
        self._last = StoredRow(0, "", 0, "", b"")

    def read(self, numbered: Iterator[tuple[int, bytes]]) -> int:
        """Read all lines; return how many events there were."""
        header = self._header
        due = {
            DocumentLine: header.documents,
            KeyLine: header.keys,
            StoredRow: header.events,
        }
        counts = dict.fromkeys(due, 0)
        for chunk in _chunks(numbered):
            parsed = [(number, parse_line(number, line)) for number, line in chunk]
            for kind, of_kind in itertools.groupby(parsed, key=lambda item: type(item[1])):
                rows = list(of_kind)
                if kind not in counts:
                    raise NotImportable(f"Line {rows[0][0]} is a second header.")
                counts[kind] += len(rows)
                if kind is StoredRow:
                    self._check(rows)
                self._copy(kind, [row for _, row in rows])
            self._advance(counts[StoredRow], header.events)
        if counts != due:
            raise NotImportable(
                f"The file is not whole: it has {counts[StoredRow]} of {header.events} events."
            )
        return counts[StoredRow]

    def _copy(self, kind: type, rows: Sequence[tuple[object, ...]]) -> None:
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {_TABLES[kind]} FROM STDIN".encode()) as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def _check(self, rows: list[tuple[int, Any]]) -> None:
        find_key = self._keys([row for _, row in rows])
        for number, row in rows:
            self._check_order(number, row)
            stored = StoredEvent(row.document_id, row.version, row.topic, row.state)
            try:
                event_of(stored, find_key)
            except MapperDeserialisationError as error:
                raise NotImportable(f"Line {number}: the event cannot be read: {error}.") from error
            self._last = row

    def _check_order(self, number: int, row: StoredRow) -> None:
        if row.position <= self._last.position:
            raise NotImportable(f"Line {number}: its position is not after that of the line ahead.")
        if row.at < self._last.at:
            raise NotImportable(f"Line {number}: its time is before that of the line ahead.")

    def _keys(self, rows: list[StoredRow]) -> FindKey:
        named = {row.document_id for row in rows if key_named_by(row.state)}
        with self._connection.cursor(binary=True, row_factory=tuple_row) as cursor:
            found = {
                (document_id, key_id): DocumentKey(key_id, key)
                for document_id, key_id, key in cursor.execute(_KEYS_OF, (list(named),))
            }
        return lambda document_id, key_id: found.get((document_id, key_id))


def _chunks(numbered: Iterator[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """Yield a few hundred lines at a time, fewer where they are long."""
    chunk: list[tuple[int, bytes]] = []
    size = 0
    for number, line in numbered:
        chunk.append((number, line))
        size += len(line)
        if len(chunk) >= _CHUNK_LINES or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _refuse_full(connection: Connection, *, append: bool) -> bool:
    """Return whether the log is empty; raise NotImportable if it should be."""
    empty = bool(_one(connection, _LOG_IS_EMPTY))
    if not empty and not append:
        raise NotImportable(
            "The log has events already; import into an empty database, or add --append to have "
            "these follow at new positions."
        )
    return empty


def _refuse_unfit(connection: Connection) -> None:
    for query, why in _OBJECTIONS:
        found = _one(connection, query)
        if found is not None:
            raise NotImportable(f"Nothing was imported: {why.format(found)}.")


def _refuse_read_already(connection: Connection) -> None:
    if (projection := _one(connection, _READ_ALREADY)) is not None:
        raise NotImportable(
            f"Nothing was imported: '{projection}' has gone past these positions already, in a log "
            "that was there before; use a database that was just migrated, or --append."
        )


def _one(connection: Connection, query: str) -> Any:
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query.encode()).fetchone()
    return None if row is None else row[0]
