"""Put a page's lines into the order in which people read them: column after column."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import median
from typing import Final

from stages.conversion.pdf.layout.lines import Line

_MIN_COLUMN_LINES: Final = 4
_MIN_COLUMN_CHARS: Final = 18  # a column of prose, not of a table
_MAX_NUMBER_CHARS: Final = 3  # a page's number behind an entry of contents is no column
_MAX_COLUMNS_DEEP: Final = 6


def in_reading_order(lines: Sequence[Line], depth: int = 0) -> list[list[Line]]:
    """Return the lines of each region: columns one after the other, what spans them in between."""
    gutter = _gutter(lines) if depth < _MAX_COLUMNS_DEEP else None
    if gutter is None:
        return [list(lines)] if lines else []
    regions: list[list[Line]] = []
    band: list[Line] = []
    for line in lines:
        if line.x0 < gutter < line.x1:
            regions.extend(_columns(band, gutter, depth))
            regions.append([line])
            band = []
        else:
            band.append(line)
    regions.extend(_columns(band, gutter, depth))
    return _joined(regions, gutter)


def _joined(regions: list[list[Line]], gutter: float) -> list[list[Line]]:
    """Put lines that span the columns and follow each other into one region."""
    joined: list[list[Line]] = []
    for region in regions:
        spans = all(line.x0 < gutter < line.x1 for line in region)
        if joined and spans and all(line.x0 < gutter < line.x1 for line in joined[-1]):
            joined[-1].extend(region)
        else:
            joined.append(region)
    return joined


def _columns(band: list[Line], gutter: float, depth: int) -> list[list[Line]]:
    left = [line for line in band if line.x1 <= gutter]
    right = [line for line in band if line.x0 >= gutter]
    return [region for part in (left, right) for region in in_reading_order(part, depth + 1)]


def _gutter(lines: Sequence[Line]) -> float | None:
    """Return where a second column of prose begins, less half the gap before it."""
    lines = [line for line in lines if line.length > _MAX_NUMBER_CHARS or line.grid is not None]
    if len(lines) < 2 * _MIN_COLUMN_LINES:
        return None
    starts = sorted({round(line.x0) for line in lines})
    ends = sorted(line.x1 for line in lines)
    begins = sorted(line.x0 for line in lines)
    best: tuple[int, float] = (0, 0.0)
    for start in starts[1:]:
        x = start - 2.0
        left = bisect_right(ends, x)
        right = len(begins) - bisect_left(begins, x)
        few = min(left, right)
        crossing = len(lines) - left - right
        if few < _MIN_COLUMN_LINES or crossing > few * 1.5 or few * 2 - crossing <= best[0]:
            continue
        if _are_columns(lines, x):
            best = (few * 2 - crossing, x)
    return best[1] if best[0] else None


def _are_columns(lines: Sequence[Line], x: float) -> bool:
    left = [line for line in lines if line.x1 <= x]
    right = [line for line in lines if line.x0 >= x]
    if not (_is_prose(left) and _is_prose(right)):
        return False
    overlap = min(left[-1].bottom, right[-1].bottom) - max(left[0].top, right[0].top)
    return overlap > 0


def _is_prose(lines: Sequence[Line]) -> bool:
    prose = [line.length for line in lines if line.grid is None]
    return bool(prose) and median(prose) >= _MIN_COLUMN_CHARS
