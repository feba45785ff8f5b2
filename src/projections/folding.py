"""Folds a stretch of one document's stream and keeps what has to be written of it."""

from __future__ import annotations

from projections.fold import fold
from projections.log_reader import Recorded
from projections.rows import DocumentRows, WorkflowRow


class Folding:
    """The rows of a document from `before` on, and every run's row that changed on the way.

    With `anew`, the tables' own rows of the document are to go; a deletion leads to that as well.
    """

    def __init__(self, before: DocumentRows, *, anew: bool = False) -> None:
        self.before = before
        self.rows = before
        self.anew = anew
        self._workflows: dict[str, WorkflowRow] = {}

    @property
    def workflows(self) -> tuple[WorkflowRow, ...]:
        """The rows of the runs that changed, the current one among them."""
        return tuple(self._workflows.values())

    def apply(self, recorded: Recorded) -> None:
        """Fold one more event; raises CannotApply and changes nothing if it does not fit."""
        workflow = self.rows.workflow
        self.rows = fold(self.rows, recorded.position, recorded.event)
        if not self.rows.stream.registered:
            self._workflows.clear()
            self.anew = True
            self.before = DocumentRows.none(self.rows.document_id)
        elif self.rows.workflow is not None and self.rows.workflow is not workflow:
            self._workflows[self.rows.workflow.id] = self.rows.workflow
