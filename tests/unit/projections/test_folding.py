"""Rows that were taken out stay as they are, however the folding goes on."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from domain.events import Event, StageRequested, StageRerunRequested
from projections.errors import CannotApply
from projections.fold import fold
from projections.folding import Folding
from projections.rows import DocumentRows
from unit.projections.journeys import journey, steps


@dataclass(frozen=True)
class Recorded:
    """An event at its position."""

    position: int
    event: Event


def recorded(seed: int, count: int = 120) -> list[Recorded]:
    """Return the events of a random life."""
    events = [event for _, event in journey("doc-1", steps(seed, count))]
    return [Recorded(position, event) for position, event in enumerate(events, start=1)]


@pytest.mark.parametrize("seed", range(10))
def test_rows_that_were_taken_out_stay_as_they_are(seed: int) -> None:
    folding = Folding(DocumentRows.none("doc-1"))
    taken: list[tuple[Any, Any]] = []
    for one in recorded(seed):
        folding.apply(one)
        if one.position % 3 == 0:
            taken.append((folding.rows, deepcopy(folding.rows)))
        if one.position % 4 == 0:
            taken.append((folding.workflows, deepcopy(folding.workflows)))

    assert all(rows == as_taken for rows, as_taken in taken)


@pytest.mark.parametrize("seed", range(10))
def test_rows_that_were_given_stay_as_they_are(seed: int) -> None:
    life = recorded(seed)
    for cut in range(0, len(life), 10):
        before = DocumentRows.none("doc-1")
        for one in life[:cut]:
            before = fold(before, one.position, one.event)
        as_given = deepcopy(before)
        folding = Folding(before)
        for one in life[cut:]:
            folding.apply(one)

        assert before == as_given


@pytest.mark.parametrize("seed", range(10))
def test_one_event_at_a_time_makes_the_same_rows(seed: int) -> None:
    folding = Folding(DocumentRows.none("doc-1"))
    rows = DocumentRows.none("doc-1")
    for one in recorded(seed):
        folding.apply(one)
        rows = fold(rows, one.position, one.event)

    assert folding.rows == rows


@pytest.mark.parametrize("seed", range(5))
def test_an_event_that_does_not_fit_changes_nothing(seed: int) -> None:
    life = recorded(seed, count=30)
    about_stages = [it.event for it in life if hasattr(it.event, "stage_name")]
    # it is about a stage, but changes no row of one
    about_stages = [
        it for it in about_stages if not isinstance(it, StageRequested | StageRerunRequested)
    ]
    folding = Folding(DocumentRows.none("doc-1"))
    for one in life:
        folding.apply(one)
        before = deepcopy(folding.rows)
        changes = {"version": one.event.version + 1, "stage_name": "nowhere"}
        for event in about_stages:
            with pytest.raises(CannotApply):
                folding.apply(Recorded(one.position + 1, replace(event, **changes)))
        assert folding.rows == before
