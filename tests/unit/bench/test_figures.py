"""Medians, turns, and figures found by their path."""

from __future__ import annotations

from functools import partial

import pytest

from harness.figures import figure, interleaved, significant, spread, summary

FIGURES = {
    "reports": {"64": {"docledger": {"per_second": {"median": 1900.0, "min": 1.0, "max": 2000.0}}}},
    "documents_per_second": [271.5, 250.0, 300.0],
    "ratio": 31,
    "clean": True,
    "lists": {"a": {"first": {"ratio": 0.9}}, "b": {"first": {"ratio": 1.4}, "matches": 7}},
}


def test_a_spread_is_median_least_and_most() -> None:
    assert spread([3.0, 1.0, 2.00049]) == {"median": 2.0, "min": 1.0, "max": 3.0}


def test_a_summary_has_every_metric_over_all_rounds() -> None:
    rounds = [{"a": 1.0, "b": 10.0}, {"a": 3.0, "b": 20.0}, {"a": 2.0, "b": 30.0}]
    assert {name: each["median"] for name, each in summary(rounds).items()} == {"a": 2, "b": 20}


def test_every_way_is_taken_once_a_round_and_each_round_begins_with_another() -> None:
    taken: list[str] = []
    given = interleaved(3, {name: partial(taken.append, name) for name in "abc"})
    assert "".join(taken) == "abcbcacab"
    assert {name: len(each) for name, each in given.items()} == {"a": 3, "b": 3, "c": 3}


@pytest.mark.parametrize(
    ("path", "take", "number"),
    [
        ("reports.64.docledger.per_second", None, 1900),
        ("reports.64.docledger.per_second.max", None, 2000),
        ("documents_per_second", None, 271.5),
        ("documents_per_second.2", None, 300),
        ("ratio", None, 31),
        ("lists.*.first.ratio", "least", 0.9),
        ("lists.*.*.ratio", "most", 1.4),
        ("reports.1.docledger.per_second", None, None),
        ("ratio.deeper", None, None),
        ("clean", None, None),
    ],
)
def test_a_figure_is_found_by_its_path(path: str, take: str | None, number: float | None) -> None:
    assert figure(FIGURES, path, take) == number


def test_nothing_is_found_in_what_was_not_measured() -> None:
    assert figure(None, "reports") is None


def test_four_digits_are_kept() -> None:
    assert [significant(value) for value in (123456.0, 0.00123456)] == [123500.0, 0.001235]
