"""Put a page's words into lines, and lines into the order in which people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from stages.conversion.pdf.grid import Grid
from stages.conversion.pdf.page import Word

_CELL_GAP = 1.5  # of the font's size: words further apart are cells of a table or of two columns
_MIN_COLUMN_LINES = 4
_MIN_COLUMN_CHARS = 18  # a column of prose, not of a table


@dataclass(frozen=True)
class Line:
    """Words side by side on one baseline, with no wide gap among them; or a table with rules."""

    words: tuple[Word, ...]
    grid: Grid | None = None

    @staticmethod
    def around(grid: Grid) -> Line:
        """Return what stands for a whole table among the lines of its page."""
        box = Word("", grid.x0, grid.top, grid.x1, grid.bottom, 0.0, bold=False, mono=False)
        return Line((box,), grid)

    @cached_property
    def text(self) -> str:
        """The words with a space between any two."""
        return " ".join(word.text for word in self.words)

    @cached_property
    def x0(self) -> float:
        """The left end."""
        return self.words[0].x0

    @cached_property
    def x1(self) -> float:
        """The right end."""
        return max(word.x1 for word in self.words)

    @cached_property
    def top(self) -> float:
        """The upper end."""
        return min(word.top for word in self.words)

    @cached_property
    def bottom(self) -> float:
        """The lower end."""
        return max(word.bottom for word in self.words)

    @cached_property
    def size(self) -> float:
        """The size of most of its characters, in points."""
        return max(
            {word.size for word in self.words},
            key=lambda size: (sum(len(w.text) for w in self.words if w.size == size), size),
        )

    @cached_property
    def bold(self) -> bool:
        """True if every word is."""
        return all(word.bold for word in self.words)

    @cached_property
    def mono(self) -> bool:
        """True if every word is set in a typewriter's font."""
        return all(word.mono for word in self.words)


def lines_of(words: Iterable[Word]) -> list[Line]:
    """Return lines from top to bottom, those on one baseline from left to right."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda w: (w.bottom + w.top) / 2):
        row = rows[-1] if rows else None
        if row is not None and _same_baseline(row, word):
            row.append(word)
        else:
            rows.append([word])
    return [line for row in rows for line in _split(sorted(row, key=lambda w: w.x0))]


def _same_baseline(row: Sequence[Word], word: Word) -> bool:
    """Tell whether a word's middle lies within the row that its neighbours span."""
    middle = (word.top + word.bottom) / 2
    anchor = max(row, key=lambda w: w.bottom - w.top)
    taller = anchor if anchor.size >= word.size else word
    centre = (anchor.top + anchor.bottom) / 2
    return abs(middle - centre) <= max(taller.size * 0.45, 2.0)


def _split(row: list[Word]) -> list[Line]:
    pieces = [[row[0]]]
    for word in row[1:]:
        before = pieces[-1][-1]
        if word.x0 - before.x1 > _CELL_GAP * max(before.size, word.size):
            pieces.append([word])
        else:
            pieces[-1].append(word)
    return [Line(tuple(piece)) for piece in pieces]


def in_reading_order(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines of each region: columns one after the other, what spans them in between."""
    gutter = _gutter(lines)
    if gutter is None:
        return [list(lines)] if lines else []
    regions: list[list[Line]] = []
    band: list[Line] = []
    for line in lines:
        if line.x0 < gutter < line.x1:
            regions.extend(_columns(band, gutter))
            regions.append([line])
            band = []
        else:
            band.append(line)
    regions.extend(_columns(band, gutter))
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


def _columns(band: list[Line], gutter: float) -> list[list[Line]]:
    left = [line for line in band if line.x1 <= gutter]
    right = [line for line in band if line.x0 >= gutter]
    return [region for part in (left, right) for region in in_reading_order(part)]


def _gutter(lines: Sequence[Line]) -> float | None:
    """Return where a second column of prose begins, less half the gap before it."""
    starts = sorted({round(line.x0) for line in lines})
    candidates = [(_score(lines, start - 2.0), start) for start in starts[1:]]
    score, start = max(candidates, default=(0, 0))
    return start - 2.0 if score else None


def _score(lines: Sequence[Line], x: float) -> int:
    left = [line for line in lines if line.x1 <= x]
    right = [line for line in lines if line.x0 >= x]
    crossing = len(lines) - len(left) - len(right)
    few = min(len(left), len(right))
    if few < _MIN_COLUMN_LINES or crossing > few * 1.5:
        return 0
    if not (_is_prose(left) and _is_prose(right)):
        return 0
    overlap = min(left[-1].bottom, right[-1].bottom) - max(left[0].top, right[0].top)
    return few * 2 - crossing if overlap > 0 else 0


def _is_prose(lines: Sequence[Line]) -> bool:
    prose = [len(line.text) for line in lines if line.grid is None]
    return bool(prose) and median(prose) >= _MIN_COLUMN_CHARS
