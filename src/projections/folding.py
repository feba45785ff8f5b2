"""Folds a stretch of one document's stream and keeps what has to be written of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from projections.draft import Draft
from projections.fold import apply
from projections.log_reader import Recorded
from projections.rows import DocumentRows, WorkflowRow


class Refused(NamedTuple):
    """An event that does not fit, and why."""

    recorded: Recorded
    error: Exception


class Folding:
    """The rows of a document from `before` on, and every run's row that changed on the way.

    With `anew`, the tables' own rows of the document are to go; a deletion leads to that as well.
    """

    def __init__(self, before: DocumentRows, *, anew: bool = False) -> None:
        self._given = before
        self._given_anew = anew
        self._draft = Draft(before)
        self._rows: DocumentRows | None = before

    @property
    def before(self) -> DocumentRows:
        """The rows that the tables have, as far as they are not to go."""
        draft = self._draft
        return DocumentRows.none(draft.document_id) if draft.was_deleted else self._given

    @property
    def anew(self) -> bool:
        """True if the tables' own rows of the document are to go."""
        return self._given_anew or self._draft.was_deleted

    @property
    def rows(self) -> DocumentRows:
        """The rows after the last event that was applied."""
        if self._rows is None:
            self._rows = self._draft.rows()
        return self._rows

    @property
    def workflows(self) -> tuple[WorkflowRow, ...]:
        """The rows of the runs that changed, the current one among them."""
        return self._draft.changed_runs()

    def apply(self, recorded: Recorded) -> None:
        """Fold one more event; raises CannotApply and changes nothing if it does not fit."""
        self._rows = None
        apply(self._draft, recorded.position, recorded.event)

    def apply_all(self, events: Sequence[Recorded]) -> Refused | None:
        """Fold these events up to the first that does not fit; return that one, None if all do."""
        self._rows = None
        draft = self._draft
        for recorded in events:
            try:
                apply(draft, recorded.position, recorded.event)
            except Exception as error:  # whatever it is, it must not stop the other documents
                return Refused(recorded, error)
        return None
