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
from domain.values import WorkflowStatus
from projections.errors import CannotApply
from projections.folding import Folding
from projections.known_rows import NOT_ASKED, Kept, KnownRows
from projections.log_reader import Recorded
from projections.rows import DocumentRows, StreamRow
from projections.table import Part, write
from projections.tables import (
    STREAMS,
    Changes,
    RowsLost,
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

ABOUT_NO_FILE = frozenset(
    (
        e.DocumentChanged,
        e.OriginalStored,
        e.WorkflowPaused,
        e.WorkflowResumed,
        e.WorkflowCancelled,
        e.WorkflowCompleted,
        e.StageRequested,
        e.StageStarted,
        e.StageCompleted,
        e.StageFailed,
        e.StageSkipped,
        e.StageRetried,
        e.StageReset,
    )
)
"""Events that leave the rows of files alone, unless an attempt has files that are not rows yet."""

_COMPLETED = WorkflowStatus.COMPLETED.value
_FAULTS_OF_ROWS = ("22", "23", "54")  # SQLSTATE classes: data, integrity, program limits


@dataclass(frozen=True, slots=True)
class Refusal:
    """The event at which a document is parked, and why, without any content."""

    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch made of one document."""

    folding: Folding
    first_position: int
    refusal: Refusal | None = None


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
    meanwhile: Callable[[], None] = lambda: None,
) -> Applied:
    """Write the rows that these events make, and move the tracking position.

    `standing` is how the documents stand, their locks taken already. Without `known`, nothing is
    taken to be as it was, and rows that the database refuses park their documents alone; with it,
    all is written at once: NotAsKnown is raised where the slower way has to be taken instead.
    `meanwhile` begins what may be done while the database writes.
    """
    standing = standing or lock_documents(connection, batch.document_ids)
    waiting = standing.locked - set(batch.put_off)
    todo = _before_any_of(waiting, batch.events)
    if not todo:
        return Applied(0, waiting, {})
    streams = _by_document(todo)
    before = _rows_before(connection, streams, standing, known)
    due = {i: events for i, events in streams.items() if before[i].stream.parked_at is None}
    outcomes = _fold(before, due, standing.locked, read_streams)
    moved = moving(READ_MODELS, todo[-1].position, batch.at)
    meanwhile()
    if known is None:
        parked = _write(connection, outcomes, standing.present, batch.at)
        write(connection, [moved])
    else:
        parked = _write_all(connection, outcomes, standing.present, batch.at, moved)
    _forget_deleted(connection, [before[i].stream for i in streams if i not in due], streams)
    return Applied(len(todo), waiting, parked, _kept(outcomes, standing))


class NotAsKnown(Exception):
    """Something is not as it was known to be, or the database refuses some row."""


def _rows_before(
    connection: Connection[Any],
    streams: Mapping[str, Sequence[Recorded]],
    standing: Standing,
    known: KnownRows | None,
) -> dict[str, DocumentRows]:
    rows = known.of(streams, standing.marks) if known else {}
    rows |= load_without_files(connection, [i for i in streams if i not in rows])
    wanted = [i for i, events in streams.items() if _needs_files(rows[i], events)]
    files = load_files(connection, wanted)
    return rows | {i: replace(rows[i], files=found) for i, found in files.items()}


def _needs_files(rows: DocumentRows, events: Sequence[Recorded]) -> bool:
    """Tell whether the files are still to be asked for: most events are about none of them."""
    if rows.files is not NOT_ASKED:
        return False
    return bool(rows.stream.staged) or any(type(r.event) not in ABOUT_NO_FILE for r in events)


def _write_all(
    connection: Connection[Any],
    outcomes: Iterable[Outcome],
    present: Container[str],
    at: datetime,
    moved: Part,
) -> dict[str, Refusal]:
    changes = Changes()
    for outcome in outcomes:
        _add(changes, outcome, present, at)
    try:
        changes.write(connection, moved)
    except RowsLost as error:
        raise NotAsKnown from error
    except (psycopg.Error, ValueError, TypeError) as error:
        if is_fault_of_rows(error):
            raise NotAsKnown from error
        raise
    return {o.folding.rows.document_id: o.refusal for o in outcomes if o.refusal}


def _kept(outcomes: Iterable[Outcome], standing: Standing) -> dict[str, Kept]:
    """Return what is to be remembered: nothing of documents that are parked or gone.

    Nor of those that are through, which hardly anybody touches again: to catch up with a long log
    would fill the memory with them.
    """
    every = [o.folding.rows for o in outcomes if o.refusal is None]
    marks = standing.marks
    return {
        rows.document_id: Kept(marks[rows.document_id], rows)
        for rows in every
        if rows.document_id in marks and not _is_through(rows)
    }


def _is_through(rows: DocumentRows) -> bool:
    return rows.workflow is not None and rows.workflow.status == _COMPLETED


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
    outcome = _fold_stream(stream, stream[-1].position)
    return _write(connection, [outcome], standing.present, at).get(document_id)


def _before_any_of(documents: Set[str], batch: Sequence[Recorded]) -> Sequence[Recorded]:
    if documents:
        for index, recorded in enumerate(batch):
            if recorded.event.document_id in documents:
                return batch[:index]
    return batch


def _by_document(batch: Iterable[Recorded]) -> dict[str, list[Recorded]]:
    streams: dict[str, list[Recorded]] = {}
    for recorded in batch:
        streams.setdefault(recorded.event.document_id, []).append(recorded)
    return streams


def _fold(
    loaded: Mapping[str, DocumentRows],
    due: Mapping[str, Sequence[Recorded]],
    locked: Container[str],
    read_streams: ReadStreams,
) -> list[Outcome]:
    behind = [
        i for i, events in due.items() if i not in locked and _lacks_rows(loaded[i], events[0])
    ]
    whole_streams = read_streams(behind) if behind else {}
    outcomes = []
    for document_id, events in due.items():
        if document_id in locked:
            refusal = Refusal(events[0].position, LOCKED_ELSEWHERE)
            outcomes.append(Outcome(Folding(loaded[document_id]), events[0].position, refusal))
        elif document_id in whole_streams:
            outcomes.append(_fold_stream(whole_streams[document_id], events[-1].position))
        else:
            outcomes.append(_fold_on(Folding(loaded[document_id]), events))
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


def _lacks_rows(rows: DocumentRows, first: Recorded) -> bool:
    """Tell whether rows were lost, as when another application deleted and made the document."""
    return not rows.whole or first.event.version != rows.stream.version + 1


def _fold_stream(stream: Sequence[Recorded], until: int) -> Outcome:
    none = DocumentRows.none(stream[0].event.document_id)
    events = [recorded for recorded in stream if recorded.position <= until]
    return _fold_on(Folding(none, anew=True), events)


def _fold_on(folding: Folding, events: Sequence[Recorded]) -> Outcome:
    for recorded in events:
        try:
            folding.apply(recorded)
        except Exception as error:  # whatever it is, it must not stop the other documents
            refusal = Refusal(recorded.position, fold_reason(recorded.event, error))
            return Outcome(folding, events[0].position, refusal)
    return Outcome(folding, events[0].position)


def _write(
    connection: Connection[Any],
    outcomes: Sequence[Outcome],
    present: Container[str],
    at: datetime,
) -> dict[str, Refusal]:
    """Write all, or if the database refuses, ever smaller parts; return who is parked and why."""
    changes = Changes(whole=True)
    for outcome in outcomes:
        _add(changes, outcome, present, at)
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


def _add(changes: Changes, outcome: Outcome, present: Container[str], at: datetime) -> None:
    folding = outcome.folding
    stream, before = folding.rows.stream, folding.before.stream
    if outcome.refusal:
        stream = parked_stream(stream, outcome.refusal, at)
    changes.put(STREAMS, before if before.version else None, stream)
    if stream.document_id in present:
        if folding.anew:
            changes.anew.append(stream.document_id)
        changes.add_rows(folding.before, folding.rows, folding.workflows)


def parked_stream(stream: StreamRow, refusal: Refusal, at: datetime) -> StreamRow:
    """Return the stream's row with the mark of a parked document."""
    return replace(
        stream, parked_at=at, parked_position=refusal.position, parked_error=refusal.reason
    )


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


def fold_reason(event: Any, error: Exception) -> str:
    """Say what is wrong in words of ours: the text of any other error might quote content."""
    topic = getattr(event, "topic", type(event).__name__)
    unreadable = getattr(event, "error", None)
    if unreadable is not None:
        return f"{topic}, version {event.version}, cannot be read: {unreadable}"
    reason = str(error) if isinstance(error, CannotApply) else type(error).__name__
    return f"{topic}, version {event.version}: {reason}"


def write_reason(error: Exception) -> str:
    if not isinstance(error, psycopg.Error):
        return f"the rows cannot be written: {type(error).__name__}"
    where = error.diag.constraint_name or error.diag.column_name or error.diag.table_name
    named = f" ({where})" if where else ""
    return f"the database refuses the rows: {type(error).__name__}{named}"
