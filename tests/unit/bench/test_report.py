"""The page: a line a comparison, and whether it is what it is to be."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from harness.report import Against, Report, readable

REPOSITORY = Path(__file__).parents[3]
ROWS = tomllib.loads((REPOSITORY / "bench" / "rows.toml").read_text())
RESULT = {
    "at": "2026-01-02 03:04 UTC",
    "arguments": [],
    "seconds": 90,
    "machine": {"cores": "2"},
    "versions": {"PostgreSQL": "15.18"},
    "figures": {"ours": {"median": 30.0}, "theirs": 10, "ms": 7.5},
}


def rows(**against: Any) -> dict[str, Any]:
    """Return a row with one comparison."""
    told = {"beside": "that", "ours": "ours", "theirs": "theirs", "unit": "a second", **against}
    row = {"name": "it", "bench": "It", "script": "it", "limit": "One disk.", "against": [told]}
    return {"script": {"it": {}}, "row": [row]}


def page(**against: Any) -> str:
    """Return the page with one comparison."""
    return Report(rows(**against), {"it": RESULT}).markdown()


@pytest.mark.parametrize(
    ("goal", "to_reach", "verdict"),
    [
        ({"at_least": 2.0}, "2x", "reached"),
        ({"at_least": 10.0}, "10x", "**not reached**"),
        ({"at_most": 1.3}, "at most 1.3x", "**not reached**"),
        ({}, "-", "-"),
    ],
)
def test_a_ratio_is_held_against_what_is_to_be_reached(
    goal: dict[str, float], to_reach: str, verdict: str
) -> None:
    line = f"| It | that | 30 to 10 a second | 3x | {to_reach} | {verdict} |"
    assert line in page(**goal)


@pytest.mark.parametrize(
    ("goal", "cells"),
    [
        ({"under": 10}, "7.5 ms | - | under 10 | reached"),
        ({"under": 7}, "7.5 ms | - | under 7 | **not reached**"),
        ({"over": 7.5}, "7.5 ms | - | 7.5 or more | reached"),
    ],
)
def test_a_figure_may_stand_for_itself(goal: dict[str, float], cells: str) -> None:
    row = rows(ours="ms", unit="ms", **goal)
    del row["row"][0]["against"][0]["theirs"]
    assert cells in Report(row, {"it": RESULT}).markdown()


def test_a_number_may_stand_for_what_is_beside() -> None:
    told = {"beside": "half", "ours": "a", "share_of": 0.5, "unit": "of all", "at_least": 0.8}
    assert Against.of(told, {"a": 0.45}).reached is True
    assert Against.of(told, {"a": 0.3}).reached is False


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    page = Report(rows(at_least=2.0), {}).markdown()
    assert "| It | that | not measured | - | 2x | - |" in page


def test_each_limit_machine_and_version_is_told() -> None:
    text = page()
    assert "- It: One disk." in text
    assert re.search(r"\[it\]\(performance/it.json\) \| 2026-01-02 03:04 UTC \| 1.5 \|", text)
    assert "cores 2 | PostgreSQL 15.18" in text


def test_charts_are_shown_under_their_titles() -> None:
    text = Report(rows(), {"it": RESULT}).markdown([("How fast", "performance/fast.svg")])
    assert "## How fast\n\n![How fast](performance/fast.svg)" in text


def test_the_share_of_each_table_is_told() -> None:
    told = rows()
    told["chart"] = [{"kind": "shares", "script": "it", "of": [{"label": "us", "path": "ours"}]}]
    ours = {"bytes": 4000.0, "tables": {"public.stages": 1000.0, "public.events": 3000.0}}
    text = Report(told, {"it": RESULT | {"figures": {"ours": ours}}}).markdown()
    assert "- us: `events` 3,000 (75%), `stages` 1,000 (25%)\n" in text


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1,234"), (12.34, "12.3"), (1.0, "1"), (0.456, "0.46")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert readable(value) == text


def test_every_row_and_chart_is_of_a_script_and_limits_are_sentences() -> None:
    for each in (*ROWS["row"], *ROWS["chart"]):
        assert each["script"] in ROWS["script"]
    assert all(row["limit"].endswith(".") for row in ROWS["row"] if row["limit"])


def test_the_page_is_that_of_the_results_beside_it() -> None:
    written = REPOSITORY / "docs" / "reference" / "performance.md"
    folder = written.with_suffix("")
    charts = [
        (chart["title"], f"performance/{chart['name']}.svg")
        for chart in ROWS["chart"]
        if (folder / f"{chart['name']}.svg").exists()
    ]
    assert Report.read(ROWS, folder).markdown(charts) == written.read_text()


def test_results_name_no_folder_of_a_machine() -> None:
    for path in (REPOSITORY / "docs" / "reference" / "performance").glob("*.json"):
        kept = json.loads(path.read_text())
        assert {"at", "arguments", "figures", "machine", "seconds", "versions"} == kept.keys()
        assert not re.search(r'"/(home|work|root|tmp)', path.read_text())
