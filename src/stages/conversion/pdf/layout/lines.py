"""Put a page's words into lines, and read each line in the direction of its script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

from stages.conversion.pdf.inline import text_of
from stages.conversion.pdf.layout.grid import Grid
from stages.conversion.pdf.layout.gutters import NARROW, at_gutters
from stages.conversion.pdf.layout.lazy import lazy
from stages.conversion.pdf.word import Word

_CELL_GAP = 1.5  # of the font's size: words further apart are cells of a table or of two columns
_MAX_PAGE_CHARS = 6
_MIN_SPACED = 4
_FAR_SMALLER = 2.1  # a size so many times another's: a dropped capital beside its lines
_RTL = ("R", "AL")
_LEFT_END = attrgetter("x0")
_SMALL_SIZE = 1 / 0.45
_LEFTWARDS = re.compile(
    "[\u0590-\u08ff\u200f\u202b\u202e\u2067\ufb1d-\ufdff\ufe70-\ufeff"
    "\U00010800-\U00010fff\U0001e800-\U0001efff]"
)


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

    @lazy
    def text(self) -> str:
        """The words with a space between any two that none joins, with marks (see `inline`)."""
        return text_of(self.words)

    @lazy
    def length(self) -> int:
        """How many characters its words have."""
        return sum([len(word.text) for word in self.words]) + len(self.words) - 1

    @lazy
    def x0(self) -> float:
        """The left end."""
        return min([word.x0 for word in self.words])

    @lazy
    def x1(self) -> float:
        """The right end."""
        return max([word.x1 for word in self.words])

    @lazy
    def top(self) -> float:
        """The upper end."""
        return min([word.top for word in self.words])

    @lazy
    def bottom(self) -> float:
        """The lower end of its largest words, on which its distance from others is measured."""
        if len(self.words) == 1:
            return self.words[0].bottom
        largest = self.size
        return max([word.bottom for word in self.words if word.size >= largest])

    @lazy
    def size(self) -> float:
        """The size of most of its characters, in points."""
        sizes: dict[float, int] = {word.size: 0 for word in self.words}
        if len(sizes) == 1:
            return self.words[0].size
        for word in self.words:
            sizes[word.size] += len(word.text)
        return max(sizes, key=lambda size: (sizes[size], size))

    @lazy
    def bold(self) -> bool:
        """True if every word is."""
        return all(word.bold for word in self.words)

    @lazy
    def mono(self) -> bool:
        """True if every word is set in a typewriter's font."""
        return all(word.mono for word in self.words)

    @lazy
    def link(self) -> bool:
        """True if every word leads somewhere."""
        return all(word.link for word in self.words)


def lines_of(words: Iterable[Word]) -> list[Line]:
    """Return lines from top to bottom, those on one baseline from left to right."""
    rows: list[_Row] = []
    row: _Row | None = None
    for middle, _, run, anchor in sorted(_runs(words)):
        if row is None or not row.takes(anchor, middle):
            row = _Row(anchor, middle)
            rows.append(row)
        elif anchor.size > row.anchor.size:
            row.anchor, row.middle = anchor, middle
        row.words += run
    narrow: list[float] = []
    pieces = [piece for row in rows for piece in _split(sorted(row.words, key=_LEFT_END), narrow)]
    pieces = [_letterspaced(piece) for piece in at_gutters(pieces, narrow)]
    foreign = [_is_foreign(piece) for piece in pieces]
    if True not in foreign:
        return [Line(tuple(piece)) for piece in pieces]
    usual = _usual_direction(pieces)
    return [
        Line(tuple(_in_logical_order(piece, usual) if other else piece))
        for piece, other in zip(pieces, foreign, strict=True)
    ]


def _runs(words: Iterable[Word]) -> list[tuple[float, int, list[Word], Word]]:
    """Group words that nothing parts: a raised digit is on the line of its base.

    Each comes with the height of its middle, its number, and the tallest of its words.
    """
    runs: list[tuple[float, int, list[Word], Word]] = []
    for number, word in enumerate(words):
        middle = (word.top + word.bottom) / 2
        if not word.glued or not runs:
            runs.append((middle, number, [word], word))
            continue
        before, first, run, anchor = runs[-1]
        run.append(word)
        if word.size > anchor.size:
            before, anchor = middle, word
        runs[-1] = before, first, run, anchor
    return runs


class _Row:
    """Words on one baseline; the tallest of them is their anchor, with the height of its middle."""

    __slots__ = ("anchor", "middle", "words")

    def __init__(self, anchor: Word, middle: float) -> None:
        self.words: list[Word] = []
        self.anchor = anchor
        self.middle = middle

    def takes(self, word: Word, middle: float) -> bool:
        """Tell whether a word's middle lies within the row that its neighbours span."""
        size, other = self.anchor.size, word.size
        larger, smaller = (size, other) if size > other else (other, size)
        if larger > smaller * _FAR_SMALLER:
            return abs(self.anchor.baseline - word.baseline) <= max(smaller * 0.4, 1.0)
        return middle - self.middle <= (larger * 0.45 if larger > _SMALL_SIZE else 1.0)


def _split(row: list[Word], narrow: list[float]) -> list[list[Word]]:
    """Part a row at wide gaps; tell where words behind narrow ones begin."""
    piece = [row[0]]
    pieces = [piece]
    right, size = row[0].x1, row[0].size
    for word in row[1:]:
        gap, larger = word.x0 - right, max(word.size, size)
        if gap > _CELL_GAP * larger and not _is_led_to(word, piece[-1]):
            piece = [word]
            pieces.append(piece)
        else:
            piece.append(word)
            if gap > NARROW * larger:
                narrow.append(word.x0)
        size = word.size
        if word.x1 > right:
            right = word.x1
    return pieces


def _is_led_to(word: Word, before: Word) -> bool:
    """Tell whether a row of dots leads to a page's number."""
    return before.text.startswith("..") and len(word.text) <= _MAX_PAGE_CHARS


def _letterspaced(words: list[Word]) -> list[Word]:
    """Join capitals that stand apart by as much each: a heading whose letters are spaced out."""
    if len(words) < _MIN_SPACED or sum(len(word.text) == 1 for word in words) < len(words) * 0.8:
        return words
    if not all(word.text.isupper() for word in words):
        return words
    gaps = [after.x0 - before.x1 for before, after in pairwise(words)]
    limit = sorted(gaps)[len(gaps) // 2] * 1.5 + words[0].size * 0.1
    joined = [words[0]]
    for word, gap in zip(words[1:], gaps, strict=True):
        if gap < limit:
            joined[-1] = joined[-1].with_more(word)
        else:
            joined.append(word)
    return joined


def _is_foreign(words: Sequence[Word]) -> bool:
    """Tell, fast, whether a line may have letters that run leftwards."""
    text = "".join([word.text for word in words])
    return not text.isascii() and _LEFTWARDS.search(text) is not None


def _usual_direction(lines: Iterable[Sequence[Word]]) -> int:
    """Return -1 or 1, as most letters of the lines of one direction run; 0 without any."""
    letters = 0
    for line in lines:
        strong = {_strong(word.text) for word in line} - {0}
        if len(strong) == 1:
            letters += strong.pop() * sum(map(str.isalpha, "".join(word.text for word in line)))
    return (letters > 0) - (letters < 0)


def _base_direction(words: Sequence[Word], usual: int) -> int:
    """Return -1 for a line that is read from the right, else 1; numbers say nothing of it.

    Its ends tell it where they agree, else the lines around it, else its right end or its letters.
    """
    strong = [direction for word in words if (direction := _strong(word.text))]
    if strong[0] == strong[-1] == -1:
        return -1
    if usual:
        return usual
    letters = sum(len(word.text) * _strong(word.text) for word in words)
    return -1 if strong[-1] < 0 or letters <= 0 else 1


def _in_logical_order(words: list[Word], usual: int) -> list[Word]:
    """Return a line's words, which stand from left to right, in the order in which they are read.

    Words of right-to-left scripts run leftwards; numbers and Latin words among them keep theirs.
    `usual` is the direction of the lines around it, 0 if unknown.
    """
    directions = [_direction(word.text) for word in words]
    if min(directions) >= 0:
        return words
    base = _base_direction(words, usual)
    pairs = list(zip(words, directions, strict=True))
    runs: list[tuple[int, list[Word]]] = []
    for word, direction in pairs if base > 0 else reversed(pairs):
        if runs and runs[-1][0] == (direction or base):
            runs[-1][1].append(word)
        else:
            runs.append((direction or base, [word]))
    return [
        word for direction, run in runs for word in (run if direction == base else reversed(run))
    ]


def _direction(text: str) -> int:
    """Return -1 for a word that runs leftwards, 1 for one that runs rightwards, else 0."""
    strong = _strong(text)
    return strong or int(any(unicodedata.bidirectional(char) in ("EN", "AN") for char in text))


def _strong(text: str) -> int:
    """Return the direction of a word's first letter, 0 for a word without letters."""
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in _RTL:
            return -1
        if kind == "L":
            return 1
    return 0


def text_length(lines: Sequence[Line]) -> int:
    """Return how many characters the lines have."""
    return sum(line.length for line in lines)
