"""What a batch will make, folded and encoded while the one before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from projections.folding import Folding
from projections.live.document_fold import fold_batch
from projections.live.row_cache import CachedRows
from projections.log_reader import Recorded
from projections.row_changes import RowChanges
from projections.rows import DocumentRows
from projections.table import Writing
from projections.tables import DocumentLocks

_NOT_PARKED_AT = datetime.min.replace(tzinfo=UTC)


class Prepared(NamedTuple):
    """Foldings of a batch and what writes them, if its documents stand as they are taken to.

    `row_versions` has the xmin of the documents that had rows; others are taken to have none.
    """

    row_versions: Mapping[str, str]
    foldings: Sequence[Folding]
    changes: RowChanges

    def holds(self, locks: DocumentLocks) -> bool:
        """Tell whether all documents are there, none is locked, and none was inserted again."""
        found = locks.row_versions
        return (
            not locks.locked
            and len(found) == len(self.foldings)
            and all(found.get(i) == xmin for i, xmin in self.row_versions.items())
        )


def prepare(
    streams: Mapping[str, Sequence[Recorded]], cached: Mapping[str, CachedRows]
) -> Prepared | None:
    """Fold a batch ahead of its transaction, from what the tables will hold of its documents.

    Return None where that is not enough: rows would have to be read (files that are not loaded make
    the fold refuse the event), or a document be parked.
    """
    known = {i: cached[i] for i in streams if i in cached}
    rows = {i: known[i].rows if i in known else DocumentRows.none(i) for i in streams}
    foldings = fold_batch(streams, rows, read_streams=lambda _: {})
    changes = RowChanges(new_rows=Writing.INSERT)
    for folding in foldings:
        if folding.refusal or folding.replaces:
            return None
        changes.add(folding, streams, _NOT_PARKED_AT)
    try:
        changes.encode()
    except (ValueError, TypeError):
        return None
    return Prepared({i: it.xmin for i, it in known.items()}, foldings, changes)
