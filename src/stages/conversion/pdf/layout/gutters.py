"""Part lines that run over a gutter of two columns of prose that is no wider than a blank or two.

A gap so narrow says nothing by itself. One before words that stand under each other, in many lines
and with hardly a word across it, is a gutter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final, NamedTuple

from stages.conversion.pdf.word import Word

NARROW: Final = 0.7  # of the font's size: a narrower gap is a blank of justified text
_MIN_LINES: Final = 4
_MAX_CROSSING: Final = 0.25  # of the lines that begin at the gutter
_MIN_CHARS: Final = 15  # on each side of it: numbers and bullets are no column
_IN_LINE_POINTS: Final = 1.5
_CORRIDOR: Final = 0.5  # of the font's size, to the left of the words


class _Gutter(NamedTuple):
    """Where the words behind a gutter begin, and the lines to part: their number and the word."""

    x: float
    cuts: dict[int, int]


def at_gutters(lines: list[list[Word]], starts: Sequence[float]) -> list[list[Word]]:
    """Return the lines, from top to bottom, parted; `starts` are where words behind gaps begin."""
    if len(starts) < _MIN_LINES:
        return lines
    cuts: dict[int, set[int]] = {}
    for x in _frequent(starts):
        gutter = _gutter(lines, x)
        for number, at in gutter.cuts.items() if gutter is not None else ():
            cuts.setdefault(number, set()).add(at)
    if not cuts:
        return lines
    return [part for n, line in enumerate(lines) for part in _parts(line, cuts.get(n, set()))]


def _frequent(starts: Sequence[float]) -> Iterator[float]:
    counts = Counter(round(x) for x in starts)
    for x, count in counts.items():
        around = count + max(counts[x - 1], counts[x + 1])
        if around >= _MIN_LINES and count >= counts[x - 1] and count > counts[x + 1]:
            yield float(x)


def _gutter(lines: Sequence[Sequence[Word]], x: float) -> _Gutter | None:
    """Return the gutter before x if there is one."""
    begins = {n: at for n, line in enumerate(lines) if (at := _begins(line, x)) is not None}
    if len(begins) < _MIN_LINES:
        return None
    reach = lines[min(begins) : max(begins) + 1]
    if sum(_crosses(line, x) for line in reach) > _MAX_CROSSING * len(begins):
        return None
    cuts = {n: at for n, at in begins.items() if at}
    before = [_length(lines[n][:at]) for n, at in cuts.items()]
    behind = [_length(lines[n][at:]) for n, at in cuts.items()]
    if len(cuts) < 2 or min(median(before), median(behind)) < _MIN_CHARS:
        return None
    return _Gutter(x, cuts)


def _begins(line: Sequence[Word], x: float) -> int | None:
    """Return which word begins at x, with a gap before it or as the line's first."""
    for at, word in enumerate(line):
        if abs(word.x0 - x) <= _IN_LINE_POINTS:
            if at and word.x0 - line[at - 1].x1 < NARROW * word.size:
                return None
            return at
    return None


def _crosses(line: Sequence[Word], x: float) -> bool:
    """Tell whether a word stands in the corridor before x."""
    return any(
        word.x0 < x - _IN_LINE_POINTS and word.x1 > x - _CORRIDOR * word.size for word in line
    )


def _length(words: Sequence[Word]) -> int:
    return sum(len(word.text) for word in words) + len(words) - 1


def _parts(line: list[Word], cuts: set[int]) -> Iterator[list[Word]]:
    begin = 0
    for at in [*sorted(cuts), len(line)]:
        yield line[begin:at]
        begin = at
