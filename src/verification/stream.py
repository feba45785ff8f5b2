"""Goes through one stream: is every event readable, due and allowed, and does it fold?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.document_workflow import DocumentWorkflow, evolve
from domain.events import Event
from domain.legality import objection
from eventstore.recorded import UnreadableEvent
from projections.folding import Folding
from projections.log_reader import Recorded
from projections.rows import DocumentRows
from verification.difference import Difference


@dataclass
class StreamCheck:
    """What a stream makes, and what is wrong with it.

    `folding` holds the rows as of position `until`, None if an event up to there does not fold.
    """

    document_id: str
    until: int
    folding: Folding | None = None
    differences: list[Difference] = field(default_factory=list)

    def go_through(self, stream: Sequence[Recorded]) -> None:
        """Look at every event, in the order of versions."""
        state = DocumentWorkflow.unborn(self.document_id)
        folding = Folding(DocumentRows.none(self.document_id))
        behind = 0
        is_behind = False
        for recorded in stream:
            if recorded.position <= behind:
                self._object(recorded.event, "its position is before that of the version ahead")
            behind = max(behind, recorded.position)
            if recorded.position > self.until and not is_behind:
                is_behind = True
                self.folding = folding
                folding = _copy(folding)
            next_state = self._step(state, folding, recorded)
            if next_state is None:
                return
            state = next_state
        if not is_behind:
            self.folding = folding

    def _step(
        self, state: DocumentWorkflow, folding: Folding, recorded: Recorded
    ) -> DocumentWorkflow | None:
        event = recorded.event
        if not isinstance(event, Event):
            self._object(event, f"it cannot be read: {getattr(event, 'error', '')}")
            return None
        if (why := objection(state, event)) is not None:
            self._object(event, f"it is not allowed there: {why}")
        try:
            folding.apply(recorded)
            return evolve(state, event)
        except Exception as error:  # whatever it is, the other documents are to be checked
            if why is None:
                self._object(event, f"it does not fit the events ahead: {type(error).__name__}")
            return None

    def _object(self, event: Event | UnreadableEvent, why: str) -> None:
        topic = getattr(event, "topic", type(event).__name__)
        detail = f"version {event.version}, {topic[:100]}: {why}"
        self.differences.append(Difference(self.document_id, "stream", detail))


def _copy(folding: Folding) -> Folding:
    """Return a folding that goes on from there, for the sake of its refusals alone."""
    return Folding(folding.rows)
