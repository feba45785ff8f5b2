"""What a batch will make, worked out while the one before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from projections.folding import Folding
from projections.live.document_fold import Outcome, by_document, fold_on, lacks_rows, needs_files
from projections.live.row_cache import Kept
from projections.log_reader import Recorded
from projections.rows import DocumentRows
from projections.tables import Changes, Standing

_NO_TIME = datetime.min.replace(tzinfo=UTC)


class Prepared(NamedTuple):
    """What a batch makes if its documents stand as they are taken to.

    `marks` are those of the documents that had rows; the others are taken to have none.
    """

    marks: Mapping[str, str]
    outcomes: Sequence[Outcome]
    changes: Changes

    def holds(self, standing: Standing) -> bool:
        """Tell whether all documents are there, none is locked, and no row was made anew."""
        marks = standing.marks
        return (
            not standing.locked
            and len(marks) == len(self.outcomes)
            and all(marks.get(i) == mark for i, mark in self.marks.items())
        )


def prepare(events: Sequence[Recorded], known: Mapping[str, Kept]) -> Prepared | None:
    """Fold a batch ahead of its transaction, from what the tables will hold of its documents.

    Return None where that is not enough: rows would have to be read, or a document be parked.
    """
    streams = by_document(events)
    marks: dict[str, str] = {}
    outcomes: list[Outcome] = []
    changes = Changes(new_rows_are_new=True)
    for document_id, own in streams.items():
        if document_id in known:
            marks[document_id], before = known[document_id]
        else:
            before = DocumentRows.none(document_id)
        if lacks_rows(before, own[0]) or needs_files(before, own):
            return None
        outcome = fold_on(Folding(before), own)
        if outcome.refusal or outcome.folding.anew:
            return None
        outcome.put_into(changes, streams, _NO_TIME)
        outcomes.append(outcome)
    try:
        changes.encode()
    except (ValueError, TypeError):
        return None
    return Prepared(marks, outcomes, changes)
