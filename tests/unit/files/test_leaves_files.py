"""The uploads tree passes by documents with events of some topics: these must leave files alone."""

from __future__ import annotations

import pytest

from files.tree_projector import LEAVES_FILES
from projections.fold import fold
from projections.rows import DocumentRows
from unit.projections.journeys import journey, steps


@pytest.mark.parametrize("seed", range(20))
def test_a_document_has_the_files_that_it_had(seed: int) -> None:
    rows = DocumentRows.none("doc-1")
    for position, (_, event) in enumerate(journey("doc-1", steps(seed, 60)), start=1):
        before, rows = rows, fold(rows, position, event)
        if type(event).__name__ in LEAVES_FILES:
            assert rows.files == before.files
            assert rows.stream.file_versions == before.stream.file_versions
            assert rows.stream.original_checksum == before.stream.original_checksum
            assert rows.stream.original_name == before.stream.original_name
