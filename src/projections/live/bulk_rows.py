"""Writes the rows of newly imported documents, thousands with a few statements.

Their events are the same but for the document, and so are the rows that the fold makes of them. So
one document is folded, and the database puts the ids of the others in place of its own.
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
from postgres.tracking import READ_MODELS, lock_position, move_position
from projections.fold import fold
from projections.live.batch import Batch
from projections.live.careful import write_batch
from projections.live.statements import (
    EVENTS_BETWEEN,
    INSERT_FOR_EACH_DOCUMENT,
    LOCK_DOCUMENTS_OF_STRETCH,
    NEW_DOCUMENTS_AFTER,
    ONLY_DOCUMENT_KEYS_CHECKED,
    SET_REPLICATION_ROLE,
)
from projections.log_reader import LogReader
from projections.rows import DocumentRows
from projections.statements import NOTIFY, READ_MODELS_CHANNEL
from projections.table import AnyTable
from projections.tables import STAGES, STREAMS, WORKFLOWS

SAMPLE_ID = "\x01"
"""Id of the document that is folded: no other text of a row contains it."""

_MAX_BETWEEN = 2000


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
    connection: Connection, log: LogReader, fresh: FreshDocuments, at: datetime
) -> bool:
    """Write all rows of these documents and move the tracking position on, in one transaction.

    Waits for a batch that is being applied, and applies the few events that come before these. The
    rows of documents that a projector has applied already stay as they are. Return False, with
    nothing done, if that is for the projector to do: the position is far behind, or some document
    was deleted or is locked.
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
        except (psycopg.IntegrityError, psycopg.DataError, _NotAllLocked):
            return False
        move_position(connection, READ_MODELS, fresh.last_position, at)
        connection.execute(NOTIFY, (READ_MODELS_CHANNEL, str(fresh.last_position)))
    return True


class _NotAllLocked(Exception):
    """Some document was deleted, or another session has it locked."""


def _rest(connection: Connection, position: int, fresh: FreshDocuments) -> FreshDocuments:
    """Return the documents of which nothing is applied at this position, which is among them."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        [(first, documents)] = cursor.execute(
            NEW_DOCUMENTS_AFTER, (position, fresh.last_position)
        ).fetchall()
    return replace(fresh, first_position=first, documents=documents)


def _apply_before(
    connection: Connection, log: LogReader, position: int, fresh: FreshDocuments, at: datetime
) -> bool:
    """Apply the few events between the position and the fresh documents; False if that fails."""
    between = _number(connection, EVENTS_BETWEEN, (position, fresh.first_position))
    if between == 0:
        return True
    if between > _MAX_BETWEEN:
        return False
    batch = log.after(position, between)
    return not write_batch(connection, Batch.of(batch, at), log.streams).locked


def _write(connection: Connection, fresh: FreshDocuments) -> None:
    rows = DocumentRows.none(SAMPLE_ID)
    for event in fresh.sample:
        rows = fold(rows, 0, event)
    bounds = {
        "first": fresh.first_position,
        "last": fresh.last_position,
        "version": rows.stream.version,
    }
    if _number(connection, LOCK_DOCUMENTS_OF_STRETCH, bounds) != fresh.documents:
        raise _NotAllLocked
    workflows = [] if rows.workflow is None else [rows.workflow]
    parts: Sequence[tuple[AnyTable, Sequence[Any]]] = (
        (WORKFLOWS, workflows),
        (STAGES, list(rows.stages.values())),
        (STREAMS, [rows.stream]),
    )
    # To check a key for each row takes a third of all the time, and cannot fail: the documents
    # are locked until the commit. So it is left out where that leaves out nothing else.
    unchecked = _only_keys_of_documents(connection, [table.name for table, _ in parts])
    if unchecked:
        connection.execute(SET_REPLICATION_ROLE, ("replica",))
    for table, samples in parts:
        connection.execute(_insert(table), {**bounds, "sample": table.dumped(samples)})
    if unchecked:
        connection.execute(SET_REPLICATION_ROLE, ("origin",))


def _only_keys_of_documents(connection: Connection, tables: Sequence[str]) -> bool:
    """Tell whether an insert sets off nothing but the checks that its document is there."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return bool(cursor.execute(ONLY_DOCUMENT_KEYS_CHECKED, (list(tables),)).fetchall()[0][0])


def _insert(table: AnyTable) -> sql.Composed:
    """Return the statement that writes a table's sample rows for each document of the stretch."""
    known = {
        "id": sql.SQL("replace(sample.id, {}, log.originator_id)").format(sql.Literal(SAMPLE_ID)),
        "document_id": sql.SQL("log.originator_id"),
        "position": sql.SQL("log.notification_id"),
    }
    values = [known.get(c) or sql.Identifier("sample", c) for c in table.columns]
    return sql.SQL(INSERT_FOR_EACH_DOCUMENT).format(
        table=sql.Identifier(table.name),
        names=sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        values=sql.SQL(", ").join(values),
    )


def _number(connection: Connection, query: bytes, values: Any) -> int:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return int(cursor.execute(query, values).fetchall()[0][0])
