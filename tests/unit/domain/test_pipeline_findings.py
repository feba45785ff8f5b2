"""Each fault of the rows of `stage_dependencies` is named with its row."""

from __future__ import annotations

import pytest

from domain.errors import PipelineInvalid
from domain.pipeline import StageDependency, check_configured
from domain.pipeline_findings import findings

SOUND = {
    "dep_1": StageDependency("one", None, True, 1),
    "dep_2": StageDependency("two", "one", True, 2),
}
BAD: dict[str, tuple[dict[str, StageDependency], str | None, str]] = {
    "unknown stage": ({"dep_3": StageDependency("three", "nowhere", True, 3)}, "dep_3", "nowhere"),
    "circle": (
        {
            "dep_3": StageDependency("three", "four", True, 3),
            "dep_4": StageDependency("four", "three", True, 4),
        },
        None,
        "wait for each other",
    ),
    "a name that is none": ({"dep_3": StageDependency("Three!", None, True, 3)}, None, "Three!"),
}
DOUBTFUL: dict[str, tuple[dict[str, StageDependency], str]] = {
    "two stages of one order": ({"dep_3": StageDependency("three", "one", True, 2)}, "share"),
    "two orders of one stage": (
        {
            "dep_3": StageDependency("three", "one", True, 3),
            "dep_4": StageDependency("three", "two", True, 4),
        },
        "more than one execution_order",
    ),
    "before what it waits for": ({"dep_3": StageDependency("zero", "two", True, 0)}, "depends on"),
}


def test_nothing_is_wrong_with_sound_rows() -> None:
    assert findings(SOUND) == []


@pytest.mark.parametrize("case", BAD)
def test_what_stops_workflows_is_fatal_and_named(case: str) -> None:
    rows, row_id, words = BAD[case]
    found = [finding for finding in findings({**SOUND, **rows}) if finding.fatal]
    assert [(finding.row_id, words in finding.text) for finding in found] == [(row_id, True)]
    with pytest.raises(PipelineInvalid, match="docledger stages check"):
        check_configured([*SOUND.values(), *rows.values()])


def test_no_rows_are_fatal() -> None:
    assert [finding.fatal for finding in findings({})] == [True]
    with pytest.raises(PipelineInvalid):
        check_configured([])


@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_is_doubtful_stops_nothing(case: str) -> None:
    rows, words = DOUBTFUL[case]
    (found,) = findings({**SOUND, **rows})
    assert not found.fatal
    assert words in found.text
    assert check_configured([*SOUND.values(), *rows.values()]).stage_names
