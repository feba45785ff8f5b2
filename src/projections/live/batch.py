"""Applies a stretch of the log to the tables, document by document, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import psycopg
from msgspec.structs import replace
from psycopg import Connection

from domain import events as e
from projections.folding import Folding
from projections.live.document_fold import (
    Outcome,
    Refusal,
    by_document,
    fold_on,
    fold_stream,
    kept_rows,
    lacks_rows,
    needs_files,
    parked_stream,
)
from projections.live.prepared import Prepared
from projections.live.row_cache import Kept, KnownRows
from projections.log_reader import Recorded
from projections.rows import DocumentRows, StreamRow
from projections.table import Part, write
from projections.tables import (
    STREAMS,
    Changes,
    Standing,
    load_files,
    load_rows,
    load_without_files,
    lock_documents,
)
from projections.tracking import READ_MODELS, moving

ReadStreams = Callable[[Collection[str]], Mapping[str, Sequence[Recorded]]]

LOCKED_ELSEWHERE = "another session keeps the document's row in documents locked"
"""Why a document is parked that will be taken up again by itself."""

_FAULTS_OF_ROWS = ("22", "23", "54")  # SQLSTATE classes: data, integrity, program limits


@dataclass(frozen=True, slots=True)
class Applied:
    """How far a batch came: `events` of it, up to where a document of `locked` comes first.

    `rows` are what the tables hold of documents, once the transaction has committed.
    """

    events: int
    locked: Set[str]
    parked: Mapping[str, Refusal]
    rows: Mapping[str, Kept] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Events of the log in order, to be applied at `at`.

    A document that cannot be applied is parked, as are those of `put_off` while another session
    has them locked. Any other locked document ends the batch before its first event.
    """

    events: Sequence[Recorded]
    at: datetime
    put_off: Collection[str] = ()

    @cached_property
    def document_ids(self) -> Set[str]:
        """The documents that the events are about."""
        return {recorded.event.document_id for recorded in self.events}


def apply_batch(
    connection: Connection[Any],
    batch: Batch,
    read_streams: ReadStreams,
    *,
    standing: Standing | None = None,
    known: KnownRows | None = None,
    loaded: Mapping[str, DocumentRows] | None = None,
    prepared: Prepared | None = None,
    meanwhile: Callable[[Mapping[str, Kept]], None] = lambda _: None,
) -> Applied:
    """Write the rows that these events make, and move the tracking position.

    `standing` is how the documents stand, their locks taken already, and `loaded` what rows some of
    them had then, without files. Without `known`, nothing is taken to be as it was, and rows that
    the database refuses park their documents alone; with it, all is written at once: the database
    fails that, or NotAsKnown is raised, where the slower way has to be taken instead. So it is with
    what was `prepared`, which is taken if the documents stand as it says.
    `meanwhile` begins what may be done while the database writes, given what will be known then.
    """
    standing = standing or lock_documents(connection, batch.document_ids)
    if prepared is not None and prepared.holds(standing):
        kept = kept_rows(prepared.outcomes, standing)
        meanwhile(kept)
        moved = moving(READ_MODELS, batch.events[-1].position, batch.at)
        _write_known(connection, prepared.changes, moved)
        return Applied(len(batch.events), frozenset(), {}, kept)
    waiting = standing.locked - set(batch.put_off)
    todo = _before_any_of(waiting, batch.events)
    if not todo:
        return Applied(0, waiting, {})
    streams = by_document(todo)
    before = _rows_before(connection, streams, standing, known, loaded or {})
    due = {i: events for i, events in streams.items() if before[i].stream.parked_at is None}
    outcomes = _fold(before, due, standing.locked, read_streams)
    moved = moving(READ_MODELS, todo[-1].position, batch.at)
    kept = kept_rows(outcomes, standing)
    meanwhile(kept)
    if known is None:
        parked = _write(connection, outcomes, standing.present, batch.at)
        write(connection, [moved])
    else:
        parked = _write_all(connection, outcomes, standing.present, batch.at, moved)
    _forget_deleted(connection, [before[i].stream for i in streams if i not in due], streams)
    return Applied(len(todo), waiting, parked, kept)


class NotAsKnown(Exception):
    """Something is not as it was known to be, or some row cannot be written."""


def _rows_before(
    connection: Connection[Any],
    streams: Mapping[str, Sequence[Recorded]],
    standing: Standing,
    known: KnownRows | None,
    loaded: Mapping[str, DocumentRows],
) -> dict[str, DocumentRows]:
    rows = known.of(streams, standing.marks) if known else {}
    rows |= {i: loaded[i] for i in streams if i in loaded}
    rows |= load_without_files(connection, [i for i in streams if i not in rows])
    wanted = [i for i, events in streams.items() if needs_files(rows[i], events)]
    files = load_files(connection, wanted)
    return rows | {i: replace(rows[i], files=found) for i, found in files.items()}


def _write_all(
    connection: Connection[Any],
    outcomes: Iterable[Outcome],
    present: Container[str],
    at: datetime,
    moved: Part,
) -> dict[str, Refusal]:
    changes = Changes()
    for outcome in outcomes:
        outcome.put_into(changes, present, at)
    _write_known(connection, changes, moved)
    return {o.folding.rows.document_id: o.refusal for o in outcomes if o.refusal}


def _write_known(connection: Connection[Any], changes: Changes, moved: Part) -> None:
    try:
        changes.encode()
    except (ValueError, TypeError) as error:
        raise NotAsKnown from error
    changes.write(connection, moved)


def replace_rows(
    connection: Connection[Any], stream: Sequence[Recorded], at: datetime
) -> Refusal | None:
    """Put what this whole stream makes in place of its document's rows, parked or not.

    Return None if all of it could be applied, else why the document is parked.
    """
    document_id = stream[0].event.document_id
    standing = lock_documents(connection, (document_id,))
    if standing.locked:
        return Refusal(stream[0].position, LOCKED_ELSEWHERE)
    outcome = fold_stream(stream, stream[-1].position)
    return _write(connection, [outcome], standing.present, at).get(document_id)


def _before_any_of(documents: Set[str], batch: Sequence[Recorded]) -> Sequence[Recorded]:
    if documents:
        for index, recorded in enumerate(batch):
            if recorded.event.document_id in documents:
                return batch[:index]
    return batch


def _fold(
    loaded: Mapping[str, DocumentRows],
    due: Mapping[str, Sequence[Recorded]],
    locked: Container[str],
    read_streams: ReadStreams,
) -> list[Outcome]:
    behind = [
        i for i, events in due.items() if i not in locked and lacks_rows(loaded[i], events[0])
    ]
    whole_streams = read_streams(behind) if behind else {}
    outcomes = []
    for document_id, events in due.items():
        if document_id in locked:
            refusal = Refusal(events[0].position, LOCKED_ELSEWHERE)
            outcomes.append(Outcome(Folding(loaded[document_id]), events[0].position, refusal))
        elif document_id in whole_streams:
            outcomes.append(fold_stream(whole_streams[document_id], events[-1].position))
        else:
            outcomes.append(fold_on(Folding(loaded[document_id]), events))
    return outcomes


def _forget_deleted(
    connection: Connection[Any],
    parked: Iterable[StreamRow],
    streams: Mapping[str, Sequence[Recorded]],
) -> None:
    """Keep no name of a document that was deleted while it was parked; a retry folds it anew."""
    changes = Changes()
    for stream in parked:
        if any(isinstance(r.event, e.DocumentDeleted) for r in streams[stream.document_id]):
            changes.put(STREAMS, None, replace(stream, original_name=None))
    changes.write(connection)


def _write(
    connection: Connection[Any],
    outcomes: Sequence[Outcome],
    present: Container[str],
    at: datetime,
) -> dict[str, Refusal]:
    """Write all, or if the database refuses, ever smaller parts; return who is parked and why."""
    changes = Changes(whole=True)
    for outcome in outcomes:
        outcome.put_into(changes, present, at)
    try:
        with connection.transaction():
            changes.write(connection)
    except (psycopg.Error, ValueError, TypeError) as error:
        if not is_fault_of_rows(error):
            raise
        if len(outcomes) == 1:
            return _park_as_before(connection, outcomes[0], error, at)
        half = len(outcomes) // 2
        return _write(connection, outcomes[:half], present, at) | _write(
            connection, outcomes[half:], present, at
        )
    return {o.folding.rows.document_id: o.refusal for o in outcomes if o.refusal}


def is_fault_of_rows(error: Exception) -> bool:
    """Tell whether the database would refuse these rows again, and other rows perhaps not."""
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        return error.sqlstate[:2] in _FAULTS_OF_ROWS
    return isinstance(error, psycopg.DataError | ValueError | TypeError)


def _park_as_before(
    connection: Connection[Any], outcome: Outcome, error: Exception, at: datetime
) -> dict[str, Refusal]:
    document_id = outcome.folding.rows.document_id
    stream = load_rows(connection, (document_id,))[document_id].stream
    refusal = Refusal(outcome.first_position, write_reason(error))
    changes = Changes()
    changes.put(STREAMS, None, parked_stream(stream, refusal, at))
    changes.write(connection)
    return {document_id: refusal}


def write_reason(error: Exception) -> str:
    if not isinstance(error, psycopg.Error):
        return f"the rows cannot be written: {type(error).__name__}"
    where = error.diag.constraint_name or error.diag.column_name or error.diag.table_name
    named = f" ({where})" if where else ""
    return f"the database refuses the rows: {type(error).__name__}{named}"
