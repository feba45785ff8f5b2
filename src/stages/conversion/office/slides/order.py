"""Put what stands on a slide in reading order, by the places of shapes alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

_TOLERANCE: Final = 60_000  # EMU (1.7 mm) by which neighbours may overlap and still be apart
_SAME_LINE: Final = 200_000  # EMU; overlapping shapes whose tops differ by less are one line
_MAX_DEPTH: Final = 60
_MAX_ROWS: Final = 40


@dataclass(frozen=True)
class Box:
    """Where a shape stands, in EMU on the slide."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Placed:
    """Something to read, and where it stands; None where nothing says so."""

    markdown: str
    box: Box | None


def in_reading_order(found: Sequence[Placed]) -> list[Placed]:
    """Return things without a place first, then the others: columns as one, else from the top."""
    unplaced = [each for each in found if each.box is None]
    return [*unplaced, *_ordered([each for each in found if each.box is not None], 0)]


def _ordered(found: list[Placed], depth: int) -> list[Placed]:
    if len(found) < 2 or depth > _MAX_DEPTH:
        return found
    columns = _parted(found, lambda box: (box.left, box.right))
    if len(columns) > 1 and _side_by_side(columns):
        return [each for column in columns for each in _ordered(column, depth + 1)]
    rows = _parted(found, lambda box: (box.top, box.bottom))
    if len(rows) > 1:
        return [each for run in _columns_joined(rows) for each in _ordered(run, depth + 1)]
    return sorted(found, key=lambda e: (_box(e).top // _SAME_LINE, _box(e).left))


def _columns_joined(rows: list[list[Placed]]) -> list[list[Placed]]:
    """Join rows beneath each other that are parted by the same columns."""
    joined: list[list[Placed]] = []
    at = 0
    while at < len(rows):
        end = min(len(rows), at + _MAX_ROWS)
        while end > at + 1 and not _has_columns([e for row in rows[at:end] for e in row]):
            end -= 1
        joined.append([each for row in rows[at:end] for each in row])
        at = end
    return joined


def _has_columns(found: list[Placed]) -> bool:
    columns = _parted(found, lambda box: (box.left, box.right))
    return len(columns) > 1 and _side_by_side(columns)


def _parted(found: list[Placed], span: Callable[[Box], tuple[float, float]]) -> list[list[Placed]]:
    """Part things where a line can be drawn between them along one axis."""
    groups: list[list[Placed]] = []
    reached = 0.0
    for each in sorted(found, key=lambda e: span(_box(e))):
        start, end = span(_box(each))
        if groups and start < reached - min(_TOLERANCE, (end - start) / 4):
            groups[-1].append(each)
            reached = max(reached, end)
        else:
            groups.append([each])
            reached = end
    return groups


def _side_by_side(columns: list[list[Placed]]) -> bool:
    """Tell whether columns share some height; else one lies below the other."""
    spans = [
        (min(_box(e).top for e in column), max(_box(e).bottom for e in column))
        for column in columns
    ]
    return max(top for top, _ in spans) < min(bottom for _, bottom in spans)


def _box(placed: Placed) -> Box:
    return placed.box or Box(0, 0, 0, 0)
