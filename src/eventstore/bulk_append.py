"""Appends the events of thousands of documents in one transaction, under the log's own lock.

Whole documents win or lose, as with a command's append. What can be done without the lock is done
before it: the events travel by COPY into tables of this session, and their time is put in when
they land.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from eventsourcing.persistence import StoredEvent
from psycopg import Connection
from psycopg.rows import tuple_row

from eventstore.document_keys import DocumentKey, DocumentKeys, SealingKey
from eventstore.mapper import EventMapper, SealedEvent, parse_time

_TABLES = """
    CREATE TEMPORARY TABLE IF NOT EXISTS bulk_documents (
        number int, id text COLLATE "C", first_version bigint, row_wanted text,
        life bigint, key_id text, key text
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE IF NOT EXISTS bulk_events (
        number int, version bigint, topic text, body text
    ) ON COMMIT DELETE ROWS
"""
_SETTINGS = (
    "SET timezone = 'UTC'; SET lock_timeout = '10s'; "
    # plans that were made when the log was empty would scan it
    "SET enable_seqscan = off; "
    "SET idle_in_transaction_session_timeout = '30s'"
)
# Rows that somebody is deleting are left for later; those that are kept cannot be deleted before
# the events are there, so that their deletion is noted after them.
_KEEP_ROWS = """
    WITH kept AS MATERIALIZED (
        SELECT d.id FROM documents d WHERE d.id = ANY (ARRAY(
            SELECT b.id FROM bulk_documents b WHERE b.row_wanted = 'present'))
        ORDER BY d.id FOR KEY SHARE SKIP LOCKED
    )
    SELECT id::text FROM kept
"""
_LOCK = "SELECT docledger_lock_log()"
_TIME = """
    SELECT greatest(docledger_last_at() COLLATE "C",
        to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') COLLATE "C")
"""
_DROP_LOSERS = """
    DELETE FROM bulk_documents b WHERE
        b.id = ANY (%s)
        OR b.row_wanted = 'absent' AND EXISTS (SELECT FROM documents d WHERE d.id = b.id)
        OR b.first_version - 1 <> coalesce((
            SELECT e.originator_version FROM docledger_events e WHERE e.originator_id = b.id
            ORDER BY e.originator_version DESC LIMIT 1), 0)
        OR b.key_id IS NOT NULL AND b.key_id IS DISTINCT FROM coalesce((
            SELECT k.key_id FROM document_keys k
            WHERE k.document_id = b.id AND k.life = b.life),
            CASE WHEN b.key IS NOT NULL THEN b.key_id END)
    RETURNING b.id
"""
_INSERT_KEYS = """
    INSERT INTO document_keys (document_id, life, key_id, key, created_at)
    SELECT b.id, b.life, b.key_id, decode(b.key, 'hex'), %s::timestamptz FROM bulk_documents b
    WHERE b.key IS NOT NULL ON CONFLICT (document_id, life) DO NOTHING
"""
_INSERT_EVENTS = """
    WITH stored AS (
        INSERT INTO docledger_events (originator_id, originator_version, topic, state)
        SELECT b.id, e.version, e.topic, convert_to('{"at":"' || %s || '"' || e.body, 'UTF8')
        FROM bulk_events e JOIN bulk_documents b ON b.number = e.number
        ORDER BY e.number, e.version
        RETURNING notification_id
    )
    SELECT min(notification_id), max(notification_id), count(*) FROM stored
"""
_ORDERED = "SELECT set_config('docledger.times_ordered', %s, true)"
_BODY_AT = len('{"at":"2026-11-24T01:54:33.000000Z"')


class RowWanted(Enum):
    """How the document's row in `documents` has to be for its events to land."""

    PRESENT = "present"
    ABSENT = "absent"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class BulkStream:
    """What is to be appended to one document: bodies of states, from after their time on.

    `events` are (version, topic, body), their versions one after another.
    """

    document_id: str
    events: Sequence[tuple[int, str, str]]
    row_wanted: RowWanted = RowWanted.PRESENT
    sealing: SealingKey | None = None


@dataclass(frozen=True, slots=True)
class BulkAppended:
    """What landed: a stretch of the log that holds these events and no others.

    `lost` documents had changed meanwhile, or somebody holds their rows; nothing of them landed.
    """

    documents: int
    events: int
    first_position: int = 0
    last_position: int = 0
    at: datetime | None = None
    lost: frozenset[str] = field(default_factory=frozenset)


def prepare_bulk_appends(connection: Connection) -> None:
    """Make the session's tables and settings; `connection` is in autocommit mode."""
    connection.execute(_SETTINGS)
    connection.execute(_TABLES)


def bulk_append(connection: Connection, streams: Sequence[BulkStream]) -> BulkAppended:
    """Append the events of these documents, each whole or not at all, in one transaction.

    Raises psycopg.Error, after which nothing landed unless the connection broke at the commit.
    """
    if not streams:
        return BulkAppended(0, 0)
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        with cursor.copy("COPY bulk_documents FROM STDIN") as copy:
            copy.write("".join(map(_document_line, range(len(streams)), streams)))
        with cursor.copy("COPY bulk_events FROM STDIN") as copy:
            copy.write("".join(_event_lines(streams)))
        kept = {row[0] for row in cursor.execute(_KEEP_ROWS)}
        wanting = [s.document_id for s in streams if s.row_wanted is RowWanted.PRESENT]
        gone = [document_id for document_id in wanting if document_id not in kept]
        cursor.execute(_LOCK)
        at: str = cursor.execute(_TIME).fetchall()[0][0]
        lost = frozenset(row[0] for row in cursor.execute(_DROP_LOSERS, (gone,)))
        cursor.execute(_INSERT_KEYS, (at,))
        cursor.execute(_ORDERED, ("yes",))
        first, last, events = cursor.execute(_INSERT_EVENTS, (at,)).fetchall()[0]
        cursor.execute(_ORDERED, ("no",))
    documents = len(streams) - len(lost)
    return BulkAppended(documents, events, first or 0, last or 0, parse_time(at), lost)


def bulk_stream(
    mapper: EventMapper,
    events: Iterable[Any],
    life: int,
    row_wanted: RowWanted = RowWanted.PRESENT,
) -> BulkStream:
    """Return these events of one document as a bulk append takes them, their own times left out.

    Those that have a personal part are of this life.
    """
    stored = [mapper.stored_event(event, life) for event in events]
    sealing = next((e.sealing for e in stored if isinstance(e, SealedEvent)), None)
    listed = [(e.originator_version, e.topic, _body(e)) for e in stored]
    return BulkStream(str(stored[0].originator_id), listed, row_wanted, sealing)


def forget_keys(keys: DocumentKeys, streams: Iterable[BulkStream]) -> None:
    """Have the keys of these streams asked for again: whether new ones were stored is not known."""
    used = {(s.document_id, s.sealing.life): s.sealing for s in streams if s.sealing is not None}
    keys.settle(used, ())


def _body(stored: StoredEvent) -> str:
    return stored.state[_BODY_AT:].decode()


def _document_line(number: int, stream: BulkStream) -> str:
    sealing = stream.sealing
    life, key_id, key = "\\N", "\\N", "\\N"
    if sealing is not None:
        life, key_id = str(sealing.life), sealing.key.key_id
        key = _new_key(sealing.key, is_new=sealing.is_new)
    return (
        f"{number}\t{_escaped(stream.document_id)}\t{stream.events[0][0]}\t"
        f"{stream.row_wanted.value}\t{life}\t{key_id}\t{key}\n"
    )


def _new_key(key: DocumentKey, *, is_new: bool) -> str:
    return key.key.hex() if is_new else "\\N"


def _event_lines(streams: Sequence[BulkStream]) -> Iterable[str]:
    for number, stream in enumerate(streams):
        for version, topic, body in stream.events:
            # JSON has no raw control character, so its backslashes are all there is to escape.
            escaped = body.replace("\\", "\\\\") if "\\" in body else body
            yield f"{number}\t{version}\t{topic}\t{escaped}\n"


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
