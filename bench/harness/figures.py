"""Figures of rounds: interleaved, with their medians and spread."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

_SPREAD = len(("median", "least", "most"))

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


def figure(figures: Any, path: str, take: str | None = None) -> float | None:
    """Return the number at a dotted path; None if there is none.

    Of a spread it is the median, also where that is the first of [median, least, most]. A `*` in
    the path stands for every key, and `take` says which number is meant: the "least" or "most".
    """
    numbers = [number for found in _at(figures, path.split(".")) for number in _numbers(found)]
    if not numbers:
        return None
    return max(numbers) if take == "most" else min(numbers)


def _at(figures: Any, keys: Sequence[str]) -> Iterator[Any]:
    if not keys:
        yield figures
    elif isinstance(figures, Mapping):
        names = figures if keys[0] == "*" else [keys[0]]
        for name in names:
            if name in figures:
                yield from _at(figures[name], keys[1:])
    elif isinstance(figures, list) and keys[0].isdigit() and int(keys[0]) < len(figures):
        yield from _at(figures[int(keys[0])], keys[1:])


def _numbers(found: Any) -> Iterator[float]:
    if isinstance(found, Mapping):
        found = found.get("median")
    elif isinstance(found, list) and len(found) == _SPREAD:
        found = found[0]
    if isinstance(found, int | float) and not isinstance(found, bool):
        yield float(found)


def emit(figures: Mapping[str, Any]) -> None:
    """Print the one line that a measurement ends with."""
    print(json.dumps(figures), flush=True)
