"""Applies a batch whatever it holds: what cannot be written is found by bisection and parked."""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence
from datetime import datetime

import psycopg
from psycopg import Connection

from postgres.statements import write
from postgres.tracking import READ_MODELS, lock_position, position_move
from projections.errors import is_row_fault, write_reason
from projections.folding import EventRefusal, Folding, parked_stream
from projections.live.batch import Applied, Batch, add_files, notify_applied
from projections.live.document_fold import (
    ReadStreams,
    by_document,
    fold_batch,
    fold_whole,
    without_names,
)
from projections.live.row_cache import rows_to_cache
from projections.log_reader import Recorded
from projections.row_changes import RowChanges
from projections.tables import STREAMS, load_rows, load_without_files, lock_documents
from projections.version import require_version

LOCKED_ELSEWHERE = "another session keeps the document's row in documents locked"
"""Why a document is parked that will be retried without being asked for."""


def apply_careful(
    connection: Connection, batch: Batch, position: int, read_streams: ReadStreams
) -> Applied | None:
    """Apply the events of the batch, which come after `position`, as far as no lock is in the way.

    Return None, with nothing applied, if another projector has moved the position. Raises
    OtherVersion for tables of another program's version.
    """
    with connection.transaction():
        if lock_position(connection, READ_MODELS) != position:
            return None
        require_version(connection)
        applied = write_batch(connection, batch, read_streams)
    if applied.events:
        notify_applied(connection, batch.events[applied.events - 1].position)
    return applied


def write_batch(connection: Connection, batch: Batch, read_streams: ReadStreams) -> Applied:
    """Do the work of `apply_careful` in the caller's transaction, which has the position locked."""
    locks = lock_documents(connection, batch.streams)
    awaited = locks.locked - set(batch.put_off)
    due = _before_any_of(awaited, batch.events)
    if not due:
        return Applied(0, awaited)
    streams = by_document(due)
    rows = load_without_files(connection, streams)
    add_files(connection, rows, streams)
    free = {i: events for i, events in streams.items() if i not in locks.locked}
    foldings = fold_batch(free, rows, read_streams)
    for document_id in streams.keys() - free.keys():
        if rows[document_id].stream.parked_at is None:
            foldings.append(_locked(Folding(rows[document_id]), streams[document_id][0]))
    _write(connection, foldings, locks.row_versions, batch.at)
    changes = RowChanges()
    for row in without_names(streams, rows):
        changes.put(STREAMS, None, row)
    changes.write(connection)
    write(connection, [position_move(READ_MODELS, due[-1].position, batch.at)])
    parked = {it.document_id: it.refusal for it in foldings if it.refusal}
    return Applied(len(due), awaited, parked, rows_to_cache(foldings, locks.row_versions))


def replace_rows(
    connection: Connection, stream: Sequence[Recorded], at: datetime
) -> EventRefusal | None:
    """Put what this whole stream makes in place of its document's rows, parked or not.

    Return None if all of it could be applied, else why the document is parked.
    """
    locks = lock_documents(connection, (stream[0].event.document_id,))
    if locks.locked:
        return EventRefusal(stream[0].position, LOCKED_ELSEWHERE)
    folding = fold_whole(stream, stream[-1].position)
    _write(connection, [folding], locks.row_versions, at)
    return folding.refusal


def _before_any_of(documents: Collection[str], events: Sequence[Recorded]) -> Sequence[Recorded]:
    if documents:
        for index, recorded in enumerate(events):
            if recorded.event.document_id in documents:
                return events[:index]
    return events


def _locked(folding: Folding, first: Recorded) -> Folding:
    folding.refusal = EventRefusal(first.position, LOCKED_ELSEWHERE)
    folding.first_position = first.position
    return folding


def _write(
    connection: Connection,
    foldings: Sequence[Folding],
    present: Container[str],
    at: datetime,
) -> None:
    """Write all, or by bisection what the database accepts; the others are refused and parked."""
    changes = RowChanges(whole=True)
    for folding in foldings:
        changes.add(folding, present, at)
    try:
        with connection.transaction():  # a savepoint
            changes.write(connection)
    except (psycopg.Error, ValueError, TypeError) as error:
        if not is_row_fault(error):
            raise
        if len(foldings) == 1:
            _park_as_before(connection, foldings[0], error, at)
            return
        half = len(foldings) // 2
        _write(connection, foldings[:half], present, at)
        _write(connection, foldings[half:], present, at)


def _park_as_before(
    connection: Connection, folding: Folding, error: Exception, at: datetime
) -> None:
    """Park a document whose rows cannot be written, with the rows that it has."""
    folding.refusal = EventRefusal(folding.first_position, write_reason(error))
    stream = load_rows(connection, (folding.document_id,))[folding.document_id].stream
    changes = RowChanges()
    changes.put(STREAMS, None, parked_stream(stream, folding.refusal, at))
    changes.write(connection)
