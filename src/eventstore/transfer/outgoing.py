"""Takes a log out of a database, as lines.

Contents are not among them: events name those by checksum, and they are copied as files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from domain.json_types import JsonObject
from eventstore.stored_log import StoredRow
from eventstore.transfer.lines import (
    DocumentLine,
    Header,
    KeyLine,
    document_line,
    event_line,
    header_line,
    key_line,
)

_TIME = """to_char({}::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_SNAPSHOT = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL timezone = 'UTC'; "
    # the reader of the lines may be slow
    "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0"
)
_CHOSEN = """
    notification_id > %(after)s AND (%(ids)s::text[] IS NULL OR originator_id = ANY (%(ids)s))
"""
# ruff: noqa: S608  (all parts stand in this module)
_IN_IT = f"""
    IN (SELECT DISTINCT originator_id FROM docledger_events WHERE {_CHOSEN})
"""
_COUNTS = f"""
    SELECT (SELECT count(*) FROM documents d WHERE d.id::text COLLATE "C" {_IN_IT}),
        (SELECT count(*) FROM document_keys k WHERE %(keys)s AND k.document_id {_IN_IT}),
        (SELECT count(*) FROM docledger_events WHERE {_CHOSEN}),
        (SELECT count(*) = count(*) FILTER (WHERE first = 1) FROM (
            SELECT min(originator_version) AS first FROM docledger_events WHERE {_CHOSEN}
            GROUP BY originator_id) AS streams)
"""
_DOCUMENTS = f"""
    SELECT d.id::text, CASE WHEN %(keys)s THEN d.title::text END,
        CASE WHEN %(keys)s THEN d.content::text END, d.realm_id::text,
        {_TIME.format("d.created_at")}, {_TIME.format("d.updated_at")}
    FROM documents d WHERE d.id::text COLLATE "C" {_IN_IT} ORDER BY d.id::text COLLATE "C"
"""
_KEYS = f"""
    SELECT k.document_id, k.key_id, k.key, {_TIME.format("k.created_at")}, k.life
    FROM document_keys k WHERE %(keys)s AND k.document_id {_IN_IT} ORDER BY k.document_id, k.life
"""
_EVENTS = f"""
    SELECT notification_id, originator_id, originator_version, topic, state
    FROM docledger_events WHERE {_CHOSEN} ORDER BY notification_id
"""
_FEW_ROWS, _MANY_ROWS = 10, 1000  # a row of `documents` holds a whole document


def export_events(
    connection: Connection,
    document_ids: Collection[str] | None = None,
    *,
    after: int = 0,
    with_keys: bool = True,
) -> Iterator[bytes]:
    """Yield the lines of an export, all of one moment, in memory that the log's length leaves be.

    Takes the whole log, or these documents; only what is after the position. Without keys neither
    titles nor contents go along, and the sealed parts stay sealed for good.
    """
    ids = None if document_ids is None else list(document_ids)
    chosen = {"after": after, "ids": ids, "keys": with_keys}
    with connection.transaction():
        connection.execute(_SNAPSHOT)
        with connection.cursor(row_factory=tuple_row) as cursor:
            documents, keys, events, whole = cursor.execute(_COUNTS, chosen).fetchall()[0]
        yield header_line(Header(documents, keys, events, after, whole))
        for row in _rows(connection, "documents", _DOCUMENTS, chosen, _FEW_ROWS):
            yield document_line(DocumentLine(*row))
        for row in _rows(connection, "keys", _KEYS, chosen, _MANY_ROWS):
            yield key_line(KeyLine(*row))
        for row in _rows(connection, "events", _EVENTS, chosen, _MANY_ROWS):
            yield event_line(StoredRow(*row))


def _rows(
    connection: Connection, name: str, query: str, chosen: JsonObject, rows: int
) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(f"export_{name}", row_factory=tuple_row) as cursor:
        cursor.itersize = rows
        cursor.execute(query.encode(), chosen, binary=True)
        yield from cursor
