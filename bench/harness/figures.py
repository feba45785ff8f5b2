"""Figures of rounds: interleaved, with their medians and spread."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

Spread = dict[str, float]
"""`median`, `min` and `max` over the rounds."""


def interleaved(rounds: int, ways: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Take every way once a round, each round beginning with another; return what each gave.

    What drifts on a machine then meets all of them alike.
    """
    given: dict[str, list[T]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            given[name].append(ways[name]())
    return given


def spread(values: Sequence[float]) -> Spread:
    """Return median, min and max, to four significant digits."""
    return {
        "median": significant(statistics.median(values)),
        "min": significant(min(values)),
        "max": significant(max(values)),
    }


def summary(rounds: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    """Return the spread of each metric over the rounds; all rounds have the same metrics."""
    return {name: spread([each[name] for each in rounds]) for name in rounds[0]}


def significant(value: float) -> float:
    """Return the value to four significant digits."""
    return float(f"{value:.4g}")


def figure(figures: Any, path: str) -> float | None:
    """Return the number at a dotted path; None if there is none.

    Of a spread it is the median, also where that is the first of [median, least, most].
    """
    for key in path.split("."):
        if isinstance(figures, Sequence) and key.isdigit() and int(key) < len(figures):
            figures = figures[int(key)]
        elif isinstance(figures, Mapping) and key in figures:
            figures = figures[key]
        else:
            return None
    if isinstance(figures, Mapping):
        figures = figures.get("median")
    elif isinstance(figures, Sequence) and not isinstance(figures, str) and len(figures) == 3:
        figures = figures[0]
    if isinstance(figures, bool) or not isinstance(figures, int | float):
        return None
    return float(figures)


def emit(figures: Mapping[str, Any]) -> None:
    """Print the one line that a measurement ends with."""
    print(json.dumps(figures), flush=True)
