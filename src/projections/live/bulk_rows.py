"""Writes the rows of documents that have just come in, thousands with a few statements.

Their events are alike but for the document, and so are the rows that the fold makes of them. So
the fold is asked about one document, and the database puts the others in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.rows import tuple_row

from domain.events import Event
from projections.fold import fold
from projections.live.batch import Batch, apply_batch
from projections.live.projector import READ_MODELS_CHANNEL
from projections.log_reader import LogReader
from projections.rows import DocumentRows
from projections.table import Table
from projections.tables import STAGES, STREAMS, WORKFLOWS
from projections.tracking import READ_MODELS, lock_position, move_position

SAMPLE_ID = "\x01"
"""The document that the fold is asked about: no text of any other part of a row contains it."""

_MOST_BETWEEN = 2000
# Of a document that is new, the first event has version 1.
_REST = """
    SELECT coalesce(min(notification_id), 0), count(*) FROM docledger_events
    WHERE notification_id > %s AND notification_id <= %s AND originator_version = 1
"""
_BETWEEN = """
    SELECT count(*) FROM docledger_events WHERE notification_id > %s AND notification_id < %s
"""
# Whoever deletes a document holds its row; waiting for it with rows of ours could be a deadlock.
_STANDING = """
    WITH kept AS MATERIALIZED (
        SELECT d.id FROM documents d WHERE d.id = ANY (ARRAY(
            SELECT e.originator_id FROM docledger_events e
            WHERE e.notification_id BETWEEN %(first)s AND %(last)s
                AND e.originator_version = %(version)s))
        ORDER BY d.id FOR KEY SHARE SKIP LOCKED
    )
    SELECT count(*) FROM kept
"""

# To check a key for each row takes a third of all the time, and here it can find nothing: the
# documents' rows are locked until the commit. So it is left out where that is allowed and leaves
# out nothing else: no trigger of somebody's, no other key.
_ONLY_KEYS_OF_DOCUMENTS = """
    SELECT has_parameter_privilege('session_replication_role', 'SET') AND NOT EXISTS (
        SELECT FROM pg_trigger t
        LEFT JOIN pg_constraint c ON c.oid = t.tgconstraint AND c.contype = 'f'
            AND c.confrelid = 'documents'::regclass
        LEFT JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attname = 'document_id'
        WHERE t.tgrelid = ANY (%s::regclass[]) AND t.tgtype & 4 = 4
            AND c.conkey IS DISTINCT FROM ARRAY[a.attnum]
    )
"""
_CHECK_KEYS = "SELECT set_config('session_replication_role', %s, true)"


@dataclass(frozen=True, slots=True)
class FreshDocuments:
    """A stretch of the log that holds the same events for each of some new documents, in turn.

    `sample` are these events as they would be for a document called `SAMPLE_ID`.
    """

    first_position: int
    last_position: int
    documents: int
    sample: Sequence[Event]


def write_fresh_rows(
    connection: Connection[Any], log: LogReader, fresh: FreshDocuments, at: datetime
) -> bool:
    """Write all rows of these documents and move the tracking position on, in one transaction.

    Waits for a batch that is being applied, and applies the few events that come before these; of
    documents that a projector was faster with, it leaves the rows as they are. Return False, having
    done nothing, if that takes the projector's care: the position is far behind, or not every
    document is there and free.
    """
    with connection.transaction():
        position = lock_position(connection, READ_MODELS, wait=True) or 0
        if position >= fresh.last_position:
            return True
        if position >= fresh.first_position:
            fresh = _rest(connection, position, fresh)
        if not fresh.documents or not _apply_before(connection, log, position, fresh, at):
            return False
        try:
            with connection.transaction():
                _write(connection, fresh)
        except (psycopg.IntegrityError, psycopg.DataError, _NotAllThere):
            return False
        move_position(connection, READ_MODELS, fresh.last_position, at)
        told = (READ_MODELS_CHANNEL, str(fresh.last_position))
        connection.execute("SELECT pg_notify(%s, %s)", told)
    return True


class _NotAllThere(Exception):
    """Some document is gone, or somebody holds its row."""


def _rest(connection: Connection[Any], position: int, fresh: FreshDocuments) -> FreshDocuments:
    """Return the documents of which nothing is applied at this position, which is among them."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        [(first, documents)] = cursor.execute(_REST, (position, fresh.last_position)).fetchall()
    return replace(fresh, first_position=first, documents=documents)


def _apply_before(
    connection: Connection[Any], log: LogReader, position: int, fresh: FreshDocuments, at: datetime
) -> bool:
    """Apply the few events between the position and the fresh documents; False if that fails."""
    between = _number(connection, _BETWEEN, (position, fresh.first_position))
    if between == 0:
        return True
    if between > _MOST_BETWEEN:
        return False
    batch = log.after(position, between)
    return not apply_batch(connection, Batch(batch, at), log.streams).locked


def _write(connection: Connection[Any], fresh: FreshDocuments) -> None:
    rows = DocumentRows.none(SAMPLE_ID)
    for event in fresh.sample:
        rows = fold(rows, 0, event)
    bounds = {
        "first": fresh.first_position,
        "last": fresh.last_position,
        "version": rows.stream.version,
    }
    if _number(connection, _STANDING, bounds) != fresh.documents:
        raise _NotAllThere
    workflows = [] if rows.workflow is None else [rows.workflow]
    parts: Sequence[tuple[Table[Any], Sequence[Any]]] = (
        (WORKFLOWS, workflows),
        (STAGES, list(rows.stages.values())),
        (STREAMS, [rows.stream]),
    )
    unchecked = _only_keys_of_documents(connection, [table.name for table, _ in parts])
    if unchecked:
        connection.execute(_CHECK_KEYS, ("replica",))
    for table, samples in parts:
        connection.execute(_insert(table), {**bounds, "sample": table.dumped(samples)})
    if unchecked:
        connection.execute(_CHECK_KEYS, ("origin",))


def _only_keys_of_documents(connection: Connection[Any], tables: Sequence[str]) -> bool:
    """Tell whether an insert sets off nothing but the checks that its document is there."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return bool(cursor.execute(_ONLY_KEYS_OF_DOCUMENTS, (list(tables),)).fetchall()[0][0])


def _insert(table: Table[Any]) -> sql.Composed:
    """Return the statement that writes a table's sample rows for each document of the stretch."""
    known = {
        "id": sql.SQL("replace(sample.id, {}, log.originator_id)").format(sql.Literal(SAMPLE_ID)),
        "document_id": sql.SQL("log.originator_id"),
        "position": sql.SQL("log.notification_id"),
    }
    values = [known.get(c) or sql.Identifier("sample", c) for c in table.columns]
    return sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {values} FROM docledger_events log "
        "CROSS JOIN json_populate_recordset(NULL::{table}, %(sample)s::json) sample "
        "WHERE log.notification_id BETWEEN %(first)s AND %(last)s "
        "AND log.originator_version = %(version)s"
    ).format(
        table=sql.Identifier(table.name),
        names=sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        values=sql.SQL(", ").join(values),
    )


def _number(connection: Connection[Any], query: str, values: Any) -> int:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return int(cursor.execute(query.encode(), values).fetchall()[0][0])
