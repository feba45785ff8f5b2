"""Applies a stretch of the log to the tables, document by document, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection

from domain.events import DocumentDeleted
from projections.errors import CannotApply
from projections.folding import Folding
from projections.log_reader import Recorded
from projections.rows import DocumentRows, StreamRow
from projections.tables import Changes, load_rows, lock_documents, write_changes

ReadStreams = Callable[[Collection[str]], Mapping[str, Sequence[Recorded]]]

LOCKED_ELSEWHERE = "another session keeps the document's row in documents locked"
"""Why a document is parked that will be taken up again by itself."""

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
    """How far a batch came: `events` of it, up to where a document of `locked` comes first."""

    events: int
    locked: frozenset[str]
    parked: Mapping[str, Refusal]


def apply_batch(
    connection: Connection[Any],
    batch: Sequence[Recorded],
    read_streams: ReadStreams,
    at: datetime,
    put_off: Collection[str] = (),
) -> Applied:
    """Write the rows that these events make.

    A document that cannot be applied is parked at `at`, as are those of `put_off` while another
    session has them locked. Any other locked document ends the batch before its first event.
    """
    standing = lock_documents(connection, {r.event.document_id for r in batch})
    waiting = standing.locked.difference(put_off)
    todo = _before_any_of(waiting, batch)
    streams = _by_document(todo)
    loaded = load_rows(connection, streams)
    due = {i: events for i, events in streams.items() if loaded[i].stream.parked_at is None}
    outcomes = _fold(loaded, due, standing.locked, read_streams)
    parked = _write(connection, outcomes, standing.present, at)
    _forget_deleted(connection, [loaded[i].stream for i in streams if i not in due], streams)
    return Applied(len(todo), waiting, parked)


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


def _before_any_of(documents: Collection[str], batch: Sequence[Recorded]) -> Sequence[Recorded]:
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
    locked: Collection[str],
    read_streams: ReadStreams,
) -> list[Outcome]:
    behind = [i for i, e in due.items() if i not in locked and _lacks_rows(loaded[i], e[0])]
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
    forgotten = [
        replace(stream, original_name=None)
        for stream in parked
        if any(isinstance(r.event, DocumentDeleted) for r in streams[stream.document_id])
    ]
    write_changes(connection, Changes(streams=forgotten))


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
    present: Collection[str],
    at: datetime,
) -> dict[str, Refusal]:
    """Write all, or if the database refuses, ever smaller parts; return who is parked and why."""
    changes = Changes()
    for outcome in outcomes:
        _add(changes, outcome, present, at)
    try:
        with connection.transaction():
            write_changes(connection, changes)
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


def _add(changes: Changes, outcome: Outcome, present: Collection[str], at: datetime) -> None:
    folding = outcome.folding
    stream = folding.rows.stream
    if outcome.refusal:
        stream = parked_stream(stream, outcome.refusal, at)
    changes.streams.append(stream)
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
    write_changes(connection, Changes(streams=[parked_stream(stream, refusal, at)]))
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
