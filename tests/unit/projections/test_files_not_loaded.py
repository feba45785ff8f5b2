"""Files are not asked for where no event is about one: the fold must not miss them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from projections.fold import fold
from projections.live.document_fold import ABOUT_NO_FILE
from projections.rows import FILES_NOT_LOADED, DocumentRows
from unit.projections.journeys import journey, steps


@pytest.mark.parametrize("seed", range(20))
def test_events_that_are_about_no_file_are_folded_without_any(seed: int) -> None:
    rows = DocumentRows.none("doc-1")
    for position, (_, event) in enumerate(journey("doc-1", steps(seed, 60)), start=1):
        before, rows = rows, fold(rows, position, event)
        if type(event) in ABOUT_NO_FILE and not before.stream.staged:
            without = fold(replace(before, files=FILES_NOT_LOADED), position, event)
            assert without.files is FILES_NOT_LOADED
            assert replace(without, files=before.files) == rows
