"""Folds a stretch of one document's stream and keeps what has to be written of it."""

from __future__ import annotations

from projections.draft import Draft
from projections.fold import apply
from projections.log_reader import Recorded
from projections.rows import DocumentRows, WorkflowRow


class Folding:
    """The rows of a document from `before` on, and every run's row that changed on the way.

    With `anew`, the tables' own rows of the document are to go; a deletion leads to that as well.
    """

    def __init__(self, before: DocumentRows, *, anew: bool = False) -> None:
        self.before = before
        self.anew = anew
        self._draft = Draft(before)
        self._rows: DocumentRows | None = before
        self._workflows: dict[str, WorkflowRow] = {}

    @property
    def rows(self) -> DocumentRows:
        """The rows after the last event that was applied."""
        if self._rows is None:
            self._rows = self._draft.rows()
        return self._rows

    @property
    def workflows(self) -> tuple[WorkflowRow, ...]:
        """The rows of the runs that changed, the current one among them."""
        return tuple(self._workflows.values())

    def apply(self, recorded: Recorded) -> None:
        """Fold one more event; raises CannotApply and changes nothing if it does not fit."""
        draft = self._draft
        before = draft.workflow
        apply(draft, recorded.position, recorded.event)
        self._rows = None
        workflow = draft.workflow
        if not draft.stream.registered:
            self._workflows.clear()
            self.anew = True
            self.before = DocumentRows.none(draft.document_id)
        elif workflow is not None and workflow is not before:
            self._workflows[workflow.id] = workflow
