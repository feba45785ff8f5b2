"""Measure a region of lines: how far apart they are, and which of them begin items of their own."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from stages.conversion.pdf.layout.lines import Line
from stages.conversion.pdf.layout.tables import Row

BULLET: Final = re.compile(r"^([•◦▪‣●○■□\u2013\u2014·\uf0b7\u2043*-]|\(?\d{1,3}[.)])\s+(?=\S)")
_LETTERED: Final = re.compile(r"^(\(?)([A-Za-z]|[ivx]{1,5}|[IVX]{1,5})([.)])\s+(?=\S)")
_ROMAN: Final = {
    "i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10,
    "xi": 11, "xii": 12, "xiii": 13, "xiv": 14, "xv": 15,
}  # fmt: skip
_LOOSE: Final = 1.5  # of the font's size: the distance of lines of which each may be its own
_FAR: Final = 2.6
_MIN_LOOSE_LINES: Final = 3
_IN_LINE_POINTS: Final = 3.0


@dataclass(frozen=True)
class Measure:
    """The usual distance of baselines in a region, and where its lines begin and end, in points.

    `items` are lines, by their identity, that begin items such as "a)" or "iv.", or stand alone.
    """

    leading: float
    left: float
    right: float
    items: frozenset[int]

    @staticmethod
    def of(region: Sequence[Line], rows: Sequence[Row]) -> Measure:
        lines = [line for line in region if line.grid is None]
        return Measure(
            _leading(lines),
            min((line.x0 for line in lines), default=0.0),
            max((line.x1 for line in lines), default=0.0),
            _lettered(row[0] for row in rows) | _standing_alone(rows),
        )

    def begins_item(self, line: Line) -> bool:
        """Tell whether a line begins an item of a list."""
        return id(line) in self.items or bool(BULLET.match(line.text))


def _lettered(lines: Iterable[Line]) -> frozenset[int]:
    """Return the lines that begin with letters or Roman numbers that follow one another."""
    items: set[int] = set()
    last: dict[tuple[str, str, str, int], Line] = {}
    for line in lines:
        match = _LETTERED.match(line.text) if line.grid is None else None
        if match is None:
            continue
        for style, value in _values(match[2]):
            before = last.get((match[1], style, match[3], value - 1))
            if before is not None and abs(before.x0 - line.x0) <= 2 * line.size:
                items.update((id(before), id(line)))
            last[match[1], style, match[3], value] = line
    return frozenset(items)


def _values(mark: str) -> Iterator[tuple[str, int]]:
    case = "capital" if mark.isupper() else "small"
    if len(mark) == 1:
        yield case, ord(mark.lower()) - ord("a") + 1
    if mark.lower() in _ROMAN:
        yield f"{case} Roman", _ROMAN[mark.lower()]


def _leading(lines: Sequence[Line]) -> float:
    """Return the usual distance of two baselines, in points."""
    gaps = Counter(
        round(after.bottom - before.bottom)
        for before, after in itertools.pairwise(lines)
        if 0 < after.bottom - before.bottom < 3 * after.size and after.size == before.size
    )
    return float(gaps.most_common(1)[0][0]) if gaps else 14.0


def _standing_alone(rows: Sequence[Row]) -> frozenset[int]:
    """Return lines that are set loosely, each of which begins like a sentence: no paragraph."""
    alone: set[int] = set()
    group: list[Line] = []
    for row in [*rows, ()]:
        line = row[0] if len(row) == 1 and row[0].grid is None else None
        if line is not None and (not group or _is_loosely_below(line, group[-1])):
            group.append(line)
            continue
        if len(group) >= _MIN_LOOSE_LINES and all(_begins_like_a_sentence(li) for li in group):
            alone.update(map(id, group))
        group = [line] if line is not None else []
    return frozenset(alone)


def _is_loosely_below(line: Line, before: Line) -> bool:
    return (
        _LOOSE * line.size <= line.bottom - before.bottom <= _FAR * line.size
        and abs(line.x0 - before.x0) <= _IN_LINE_POINTS
        and line.size == before.size
    )


def _begins_like_a_sentence(line: Line) -> bool:
    first = line.text[:1]
    return first.isupper() and not line.text.endswith((",", "-"))
