"""What a batch makes of each document in it, before any of it is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec.structs import replace

from domain import events as e
from projections.folding import Folding
from projections.log_reader import Recorded
from projections.rows import DocumentRows, StreamRow

ReadStreams = Callable[[Collection[str]], Mapping[str, Sequence[Recorded]]]
"""Returns every event of these documents, each one's in order."""

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


def by_document(batch: Iterable[Recorded]) -> dict[str, list[Recorded]]:
    """Return the events of each document, in order."""
    streams: dict[str, list[Recorded]] = {}
    for recorded in batch:
        streams.setdefault(recorded.event.document_id, []).append(recorded)
    return streams


def fold_batch(
    streams: Mapping[str, Sequence[Recorded]],
    rows: Mapping[str, DocumentRows],
    read_streams: ReadStreams,
) -> list[Folding]:
    """Fold the events of each document on from its rows; parked documents are left out.

    A document that lost rows, as when another application deletes it and inserts it again, is
    folded from its first event on, for which `read_streams` is asked.
    """
    due = {i: events for i, events in streams.items() if rows[i].stream.parked_at is None}
    incomplete = [
        i
        for i, events in due.items()
        if events[0].event.version != rows[i].stream.version + 1 or not rows[i].complete
    ]
    whole_streams = read_streams(incomplete) if incomplete else {}
    foldings = []
    for document_id, events in due.items():
        if document_id in whole_streams:
            folding = fold_whole(whole_streams[document_id], events[-1].position)
        else:
            folding = Folding(rows[document_id])
            folding.apply_all(events)
        foldings.append(folding)
    return foldings


def fold_whole(stream: Sequence[Recorded], until: int) -> Folding:
    """Fold all events of a document up to this position, whatever rows it has."""
    folding = Folding(DocumentRows.none(stream[0].event.document_id), replaces=True)
    folding.apply_all([recorded for recorded in stream if recorded.position <= until])
    return folding


def without_names(
    streams: Mapping[str, Sequence[Recorded]], rows: Mapping[str, DocumentRows]
) -> list[StreamRow]:
    """Return the rows, without names, of documents that were deleted while they were parked.

    No name of a deleted document is kept; a retry folds all of its events again.
    """
    return [
        replace(rows[i].stream, original_name=None)
        for i, events in streams.items()
        if rows[i].stream.parked_at is not None
        and any(isinstance(r.event, e.DocumentDeleted) for r in events)
    ]
