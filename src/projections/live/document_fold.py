"""What a stretch of the log makes of each document in it, before any of it is written."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from domain import events as e
from domain.values import WorkflowStatus
from projections.errors import CannotApply
from projections.folding import Folding
from projections.live.row_cache import NOT_ASKED, Kept
from projections.log_reader import Recorded
from projections.rows import DocumentRows, StreamRow
from projections.tables import STREAMS, Changes, Standing

ABOUT_NO_FILE = frozenset(
    (
        e.DocumentChanged,
        e.OriginalStored,
        e.DocumentExtracted,
        e.WorkflowPaused,
        e.WorkflowResumed,
        e.WorkflowCancelled,
        e.WorkflowCompleted,
        e.StageRequested,
        e.StageRerunRequested,
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

    def put_into(self, changes: Changes, present: Container[str], at: datetime) -> None:
        """Have the rows written; of a document that is not present, the stream's alone."""
        folding = self.folding
        stream, before = folding.rows.stream, folding.before.stream
        if self.refusal:
            stream = parked_stream(stream, self.refusal, at)
        changes.put(STREAMS, before if before.version else None, stream)
        if stream.document_id in present:
            if folding.anew:
                changes.anew.append(stream.document_id)
            changes.add_rows(folding.before, folding.rows, folding.workflows)


def by_document(batch: Iterable[Recorded]) -> dict[str, list[Recorded]]:
    """Return the events of each document, in order."""
    streams: dict[str, list[Recorded]] = {}
    for recorded in batch:
        streams.setdefault(recorded.event.document_id, []).append(recorded)
    return streams


def needs_files(rows: DocumentRows, events: Sequence[Recorded]) -> bool:
    """Tell whether the files are still to be asked for: most events are about none of them."""
    if rows.files is not NOT_ASKED:
        return False
    return bool(rows.stream.staged) or any(type(r.event) not in ABOUT_NO_FILE for r in events)


def lacks_rows(rows: DocumentRows, first: Recorded) -> bool:
    """Tell whether rows were lost, as when another application deleted and made the document."""
    return not rows.whole or first.event.version != rows.stream.version + 1


def fold_stream(stream: Sequence[Recorded], until: int) -> Outcome:
    """Return what all events of a document up to this position make, whatever rows it has."""
    none = DocumentRows.none(stream[0].event.document_id)
    events = [recorded for recorded in stream if recorded.position <= until]
    return fold_on(Folding(none, anew=True), events)


def fold_on(folding: Folding, events: Sequence[Recorded]) -> Outcome:
    """Return what these events make, up to the first one that cannot be applied."""
    return Outcome(folding, events[0].position, fold_all(folding, events))


def fold_all(folding: Folding, events: Sequence[Recorded]) -> Refusal | None:
    """Fold these events; return why the document is parked if one cannot be applied."""
    refused = folding.apply_all(events)
    if refused is None:
        return None
    recorded, error = refused
    return Refusal(recorded.position, fold_reason(recorded.event, error))


def parked_stream(stream: StreamRow, refusal: Refusal, at: datetime) -> StreamRow:
    """Return the stream's row with the mark of a parked document."""
    return replace(
        stream, parked_at=at, parked_position=refusal.position, parked_error=refusal.reason
    )


def kept_rows(outcomes: Iterable[Outcome], standing: Standing) -> dict[str, Kept]:
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


def fold_reason(event: Any, error: Exception) -> str:
    """Say what is wrong in words of ours: the text of any other error might quote content."""
    topic = getattr(event, "topic", type(event).__name__)
    unreadable = getattr(event, "error", None)
    if unreadable is not None:
        return f"{topic}, version {event.version}, cannot be read: {unreadable}"
    reason = str(error) if isinstance(error, CannotApply) else type(error).__name__
    return f"{topic}, version {event.version}: {reason}"
