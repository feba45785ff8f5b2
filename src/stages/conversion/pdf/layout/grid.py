"""Find tables that are drawn with rules, cell by cell, and put words into their cells.

A cell is the smallest rectangle whose four corners are crossings of rules; cells that share a
corner are one table. Frames within frames share none, so they are no table.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, NamedTuple

from stages.conversion.pdf.reading.drawing import Rule
from stages.conversion.pdf.word import Word

_NEAR_POINTS: Final = 3.0
_SNAP_POINTS: Final = 2.0
_MIN_CELL_POINTS: Final = 4.0
_MAX_CROSSINGS: Final = 250_000  # rules lying times rules standing: beyond it a diagram
_MIN_ENDS: Final = 3  # rules that end at one place: the side of a table that is left open
_MAX_OPEN: Final = 20_000  # as `_MAX_CROSSINGS`, for tables whose sides are left open
_MAX_LOOK: Final = 8  # crossings tried in each direction for a cell's opposite corner
_LAYOUT_SHARE: Final = 0.6  # of a table's words in one cell of many lines: a page's frame
_LAYOUT_LINES: Final = 8

Cell = tuple[Word, ...]


@dataclass(frozen=True)
class Grid:
    """A table's box, where its columns begin and end, and its cells' words, row by row."""

    top: float
    bottom: float
    x0: float
    x1: float
    columns: tuple[float, ...]
    rows: tuple[tuple[Cell, ...], ...]


class _Edge(NamedTuple):
    """A rule: `at` is its place across, `start` and `end` along its direction."""

    at: float
    start: float
    end: float


class _Box(NamedTuple):
    x0: float
    top: float
    x1: float
    bottom: float


def find_grids(rules: Sequence[Rule], words: Sequence[Word]) -> list[Grid]:
    """Return the tables of at least two rows and two columns that hold words."""
    lying = _merged_edges(_Edge((r.top + r.bottom) / 2, r.x0, r.x1) for r in rules if r.horizontal)
    standing = _merged_edges(
        _Edge((r.x0 + r.x1) / 2, r.top, r.bottom) for r in rules if not r.horizontal
    )
    if len(lying) * len(standing) > _MAX_CROSSINGS:
        return []
    ends, sides = _missing(standing, lying), _missing(lying, standing)
    closed = _grids(sorted(lying + ends), sorted(standing + sides), words)
    if (ends or sides) and any(_lacks_rules(row) for grid in closed for row in grid.rows):
        return _grids(lying, standing, words)
    return closed


def _grids(lying: list[_Edge], standing: list[_Edge], words: Sequence[Word]) -> list[Grid]:
    if len(lying) < 3 or len(standing) < 3:
        return []
    grids = (_grid(cells, words) for cells in _tables(_cells(lying, standing)))
    return [grid for grid in grids if grid is not None]


def _lacks_rules(row: Sequence[Cell]) -> bool:
    """Tell whether a row is many, which no rules part: they stand around the whole of it."""
    return sum(_lines_in(cell) > _LAYOUT_LINES for cell in row) > 1


def _lines_in(cell: Sequence[Word]) -> int:
    return len({round(word.bottom / 4) for word in cell})


def _merged_edges(edges: Iterable[_Edge]) -> list[_Edge]:
    """Join rules on one line that touch each other."""
    groups: list[list[_Edge]] = []
    for edge in sorted(edges):
        if groups and edge.at - groups[-1][0].at <= _SNAP_POINTS:
            groups[-1].append(edge)
        else:
            groups.append([edge])
    return [edge for group in groups for edge in _joined(group)]


def _missing(edges: Sequence[_Edge], across: Sequence[_Edge]) -> list[_Edge]:
    """Return the outer edges that a table leaves open, at which its other rules end together."""
    if len(edges) * len(across) > _MAX_OPEN:
        return []
    inner = [edge for edge in edges if any(_is_within(edge, other) for other in across)]
    ends = [(edge.start, edge) for edge in inner] + [(edge.end, edge) for edge in inner]
    ends.sort(key=itemgetter(0))
    groups: list[list[tuple[float, _Edge]]] = []
    for end in ends:
        if groups and end[0] - groups[-1][0][0] <= _NEAR_POINTS:
            groups[-1].append(end)
        else:
            groups.append([end])
    sides = [_side(group) for group in groups if len(group) >= _MIN_ENDS]
    return [side for side in sides if not any(_is_along(side, other) for other in across)]


def _side(ends: Sequence[tuple[float, _Edge]]) -> _Edge:
    places = [edge.at for _, edge in ends]
    return _Edge(ends[0][0], min(places), max(places))


def _is_within(edge: _Edge, other: _Edge) -> bool:
    """Tell whether another rule crosses this one, away from its ends."""
    return (
        edge.start + _MIN_CELL_POINTS < other.at < edge.end - _MIN_CELL_POINTS
        and other.start - _NEAR_POINTS <= edge.at <= other.end + _NEAR_POINTS
    )


def _is_along(side: _Edge, other: _Edge) -> bool:
    """Tell whether a rule is drawn where a side would be."""
    near = abs(side.at - other.at) <= _MIN_CELL_POINTS
    return near and other.start < side.end and side.start < other.end


def _joined(group: list[_Edge]) -> Iterator[_Edge]:
    at = sum(edge.at for edge in group) / len(group)
    start, end = None, 0.0
    for edge in sorted(group, key=lambda e: e.start):
        if start is None:
            start, end = edge.start, edge.end
        elif edge.start <= end + _NEAR_POINTS:
            end = max(end, edge.end)
        else:
            yield _Edge(at, start, end)
            start, end = edge.start, edge.end
    if start is not None:
        yield _Edge(at, start, end)


def _cells(lying: list[_Edge], standing: list[_Edge]) -> Iterator[_Box]:
    along: dict[int, list[int]] = defaultdict(list)  # of a lying rule: the standing that cross it
    down: dict[int, list[int]] = defaultdict(list)
    for h, row in enumerate(lying):
        for v, column in enumerate(standing):
            if (
                row.start - _NEAR_POINTS <= column.at <= row.end + _NEAR_POINTS
                and column.start - _NEAR_POINTS <= row.at <= column.end + _NEAR_POINTS
            ):
                along[h].append(v)
                down[v].append(h)
    crossings = {(h, v) for h, vs in along.items() for v in vs}
    for h, columns in along.items():
        for n, v in enumerate(columns):
            rights = columns[n + 1 : n + 1 + _MAX_LOOK]
            belows = [each for each in down[v] if each > h][:_MAX_LOOK]
            corner = _opposite(crossings, rights, belows)
            if corner is not None:
                box = _Box(standing[v].at, lying[h].at, standing[corner[1]].at, lying[corner[0]].at)
                if min(box.x1 - box.x0, box.bottom - box.top) >= _MIN_CELL_POINTS:
                    yield box


def _opposite(
    crossings: set[tuple[int, int]], rights: list[int], belows: list[int]
) -> tuple[int, int] | None:
    for h in belows:
        for v in rights:
            if (h, v) in crossings:
                return h, v
    return None


def _tables(cells: Iterable[_Box]) -> list[list[_Box]]:
    """Group cells that share a corner."""
    boxes = list(cells)
    parents = list(range(len(boxes)))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = number = parents[parents[number]]
        return number

    owner: dict[tuple[float, float], int] = {}
    for number, cell in enumerate(boxes):
        for x in (cell.x0, cell.x1):
            for y in (cell.top, cell.bottom):
                parents[root(number)] = root(owner.setdefault((x, y), number))
    groups: dict[int, list[_Box]] = defaultdict(list)
    for number, cell in enumerate(boxes):
        groups[root(number)].append(cell)
    return [group for group in groups.values() if len(group) > 1]


def _grid(cells: list[_Box], words: Sequence[Word]) -> Grid | None:
    xs = _merged({x for cell in cells for x in (cell.x0, cell.x1)})
    ys = _merged({y for cell in cells for y in (cell.top, cell.bottom)})
    if len(xs) < 3 or len(ys) < 3:
        return None
    filled = _filled(cells, words, xs, ys)
    texts = [cell for row in filled for cell in row if cell]
    if len(texts) < 2 or _is_layout(texts):
        return None
    rows = tuple(tuple(tuple(cell) for cell in row) for row in filled)
    return Grid(ys[0], ys[-1], xs[0], xs[-1], tuple(xs), rows)


def _filled(
    cells: list[_Box], words: Sequence[Word], xs: list[float], ys: list[float]
) -> list[list[list[Word]]]:
    """Put words into cells; one that spans several holds all of its words in the first."""
    owner: dict[tuple[int, int], tuple[int, int]] = {}
    for cell in cells:
        first = _place(ys, cell.top), _place(xs, cell.x0)
        for row in range(first[0], max(_place(ys, cell.bottom), first[0] + 1)):
            for column in range(first[1], max(_place(xs, cell.x1), first[1] + 1)):
                owner[row, column] = first
    filled: list[list[list[Word]]] = [[[] for _ in xs[1:]] for _ in ys[1:]]
    for word in words:
        row = bisect_right(ys, (word.top + word.bottom) / 2) - 1
        column = bisect_right(xs, (word.x0 + word.x1) / 2) - 1
        place = owner.get((row, column)) if row < len(filled) and column < len(xs) - 1 else None
        if place is not None:
            filled[place[0]][place[1]].append(word)
    return filled


def _place(values: list[float], value: float) -> int:
    at = bisect_right(values, value + _MIN_CELL_POINTS / 2) - 1
    return min(max(at, 0), len(values) - 1)


def _is_layout(cells: Sequence[Sequence[Word]]) -> bool:
    """Tell whether one cell holds most of the words in many lines: text within a frame."""
    largest = max(cells, key=len)
    if len(largest) < _LAYOUT_SHARE * sum(map(len, cells)):
        return False
    return _lines_in(largest) > _LAYOUT_LINES


def _merged(values: Iterable[float]) -> list[float]:
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > _MIN_CELL_POINTS:
            found.append(value)
    return found
