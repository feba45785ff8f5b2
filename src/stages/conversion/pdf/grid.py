"""Find tables that are drawn with rules, and put words into their cells."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stages.conversion.pdf.page import Rule, Word

_NEAR_POINTS = 3.0
_MIN_CELL_POINTS = 4.0
_MAX_LINES = 400


@dataclass(frozen=True)
class Grid:
    """A table's box and its cells' words, row by row."""

    top: float
    bottom: float
    x0: float
    x1: float
    rows: tuple[tuple[tuple[Word, ...], ...], ...]


def find_grids(rules: Sequence[Rule], words: Sequence[Word]) -> list[Grid]:
    """Return the grids of at least two rows and two columns that hold words."""
    return [grid for group in _connected(rules) for grid in _grid(group, words)]


def _connected(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Group rules that touch each other, directly or by way of others."""
    groups: list[tuple[list[Rule], Rule]] = []
    for rule in sorted(rules, key=lambda r: (r.top, r.x0)):
        touching = [g for g in groups if _touch(g[1], rule)]
        members = [rule, *(each for group in touching for each in group[0])]
        groups = [g for g in groups if g not in touching]
        groups.append((members, _hull(members)))
    return [members for members, _ in groups]


def _touch(a: Rule, b: Rule) -> bool:
    near = _NEAR_POINTS
    return (
        a.x0 <= b.x1 + near and b.x0 <= a.x1 + near
        and a.top <= b.bottom + near and b.top <= a.bottom + near
    )  # fmt: skip


def _hull(rules: Sequence[Rule]) -> Rule:
    return Rule(
        min(r.x0 for r in rules),
        min(r.top for r in rules),
        max(r.x1 for r in rules),
        max(r.bottom for r in rules),
    )


def _grid(rules: list[Rule], words: Sequence[Word]) -> Iterable[Grid]:
    ys = _merged(r.top for r in rules if r.horizontal)
    xs = _merged(r.x0 for r in rules if not r.horizontal)
    if not (3 <= len(ys) <= _MAX_LINES and 3 <= len(xs) <= _MAX_LINES):
        return
    cells: list[list[list[Word]]] = [[[] for _ in xs[1:]] for _ in ys[1:]]
    for word in words:
        row = bisect_right(ys, (word.top + word.bottom) / 2) - 1
        column = bisect_right(xs, (word.x0 + word.x1) / 2) - 1
        if 0 <= row < len(cells) and 0 <= column < len(cells[0]):
            cells[row][column].append(word)
    if sum(any(row) for row in cells) >= 2:
        rows = tuple(tuple(tuple(each) for each in row) for row in cells)
        yield Grid(ys[0], ys[-1], xs[0], xs[-1], rows)


def _merged(values: Iterable[float]) -> list[float]:
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > _MIN_CELL_POINTS:
            found.append(value)
    return found
