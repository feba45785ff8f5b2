"""Folds whole documents for a rebuild; those that cannot be folded are parked as live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import dropwhile, takewhile
from typing import Any

from msgspec.structs import replace
from psycopg import Connection
from psycopg.rows import tuple_row

from domain.events import DocumentDeleted
from projections.folding import EventRefusal, Folding, parked_stream
from projections.log_reader import Recorded
from projections.rebuild.statements import PARKED_IN_LIVE_TABLES
from projections.rows import DocumentRows, StreamRow


@dataclass(frozen=True, slots=True)
class LiveParking:
    """How a document is parked in the live tables."""

    position: int
    at: datetime
    reason: str


def read_parked(connection: Connection) -> dict[str, LiveParking]:
    """Return every document that is parked in the live tables."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(PARKED_IN_LIVE_TABLES)
        return {row[0]: LiveParking(*row[1:]) for row in rows}


@dataclass(frozen=True)
class Folds:
    """Folds documents as the projector does.

    `parked` are the documents that are parked now; others that have to be are parked at `at`. With
    `stay_parked` a document stops where it does in the live tables, even where no event is at
    fault: the other tables, which stay, have it so.
    """

    at: datetime
    parked: Mapping[str, LiveParking] = field(default_factory=dict)
    stay_parked: bool = False

    def fold(self, document_id: str, events: Sequence[Recorded]) -> RebuiltDocument:
        """Return the document after these events, which are all that it has."""
        before = self.parked.get(document_id) if self.stay_parked else None
        return self._fold(document_id, events, before)

    def fold_until_parked(
        self, document_id: str, events: Sequence[Recorded], refusal: EventRefusal
    ) -> RebuiltDocument:
        """Return a document that is parked: as live, or if it is not, at its first event."""
        before = self.parked.get(document_id)
        known = before or LiveParking(refusal.position, self.at, refusal.reason)
        return self._fold(document_id, events, known)

    def _fold(
        self, document_id: str, events: Sequence[Recorded], until: LiveParking | None
    ) -> RebuiltDocument:
        folding = Folding(DocumentRows.none(document_id), replaces=True)
        due = events
        if until is not None:
            due = list(takewhile(lambda r: r.position < until.position, events))
        folding.apply_all(due)
        refusal = folding.refusal
        if refusal is None and until is not None and len(due) < len(events):
            refusal = EventRefusal(until.position, until.reason)
        stream = folding.rows.stream
        if refusal is not None:
            stream = self._parked(stream, refusal)
            left = dropwhile(lambda r: r.position < refusal.position, events)
            if any(isinstance(recorded.event, DocumentDeleted) for recorded in left):
                stream = replace(stream, original_name=None)  # keep no name of what is gone
        return RebuiltDocument(folding, stream, len(events))

    def _parked(self, stream: StreamRow, refusal: EventRefusal) -> StreamRow:
        before = self.parked.get(stream.document_id)
        same = before is not None and before.position == refusal.position
        return parked_stream(stream, refusal, before.at if before and same else self.at)


@dataclass(slots=True)
class RebuiltDocument:
    """What the events of one document make; `stream` has the mark if it is parked."""

    folding: Folding
    stream: StreamRow
    events: int

    def rows(self) -> Mapping[str, Iterable[Any]]:
        """Return the rows of each table by its name."""
        rows = self.folding.rows
        return {
            "processing_workflows": self.folding.workflows,
            "documents_processing_stages": rows.stages.values(),
            "stage_output_files": rows.files.values(),
            "document_streams": (self.stream,),
        }
