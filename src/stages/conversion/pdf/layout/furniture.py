"""Running headers, footers and page numbers: lines that return, word for word, from page to page.

Nothing else is left out: a number that counts up within a line is data, and so is a row of a table
that is the same on each page. Each running line stays where it stands first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from stages.conversion.pdf.inline import plain
from stages.conversion.pdf.layout.lines import Line

_PAGE_NUMBER: Final = re.compile(
    r"\W*(?:(?:page|seite|página|pagina|strana|sida|side|p\.?|s\.)\s*)?"
    r"(?:(?P<digits>\d{1,4})|[ivxlc]{1,7})(?:\s*(?:/|of|von|de|di|sur|av)\s*\d{1,4})?\W*",
    re.IGNORECASE,
)
_EDGE_ROWS: Final = 2
_EDGE_LINES: Final = 24  # more than stand side by side in so many rows
_EDGE_SHARE: Final = 0.14  # of the page's height: beyond it nothing is at an edge
_MIN_PAGES: Final = 3
_MIN_SHARE: Final = 0.5
_IN_LINE_POINTS: Final = 8.0

_Key = tuple[str, int]


class PageLines(NamedTuple):
    """The lines of a page from top to bottom, and its height in points."""

    lines: Sequence[Line]
    height: float


@dataclass
class Furniture:
    """Texts and places of lines that return, and page numbers by how far they are ahead.

    `counted` are last lines that return but for their numbers, `edges` the rows at each page's
    edges. `left_out` counts lines, `words_left_out` their words.
    """

    repeated: frozenset[_Key]
    offsets: frozenset[_Key]
    counted: frozenset[_Key]
    edges: Sequence[Sequence[Sequence[Line]]]
    left_out: int = 0
    words_left_out: int = 0
    _seen: set[str] = field(default_factory=set)

    @staticmethod
    def among(pages: Sequence[PageLines]) -> Furniture:
        """Find what returns in the same place of at least half of the pages."""
        texts: Counter[_Key] = Counter()
        offsets: Counter[_Key] = Counter()
        counted: Counter[_Key] = Counter()
        edges = [_edge_rows(page) for page in pages]
        for number, rows in enumerate(edges):
            lines = [line for row in rows for line in row]
            texts.update({_key(line) for line in lines})
            offsets.update({key for line in lines for key in _number_keys(line, number)})
            counted.update({_counted(line) for line in lines[-1:]})
        enough = max(_MIN_PAGES, _MIN_SHARE * len(pages))
        return Furniture(
            frozenset(key for key, count in texts.items() if count >= enough),
            frozenset(key for key, count in offsets.items() if count >= _MIN_PAGES),
            frozenset(key for key, count in counted.items() if count >= enough),
            edges,
        )

    def without(self, page: PageLines, page_number: int) -> list[Line]:
        """Return the lines of a page that say something new; the first of the pages is 0."""
        dropped: set[int] = set()
        smaller: dict[int, Line] = {}
        for row in self.edges[page_number]:
            kinds = [self._kind(line, page_number) for line in row]
            smaller.update({id(li): _small(li) for li in row if _counted(li) in self.counted})
            if not all(kinds):
                continue
            for line, kind in zip(row, kinds, strict=True):
                if kind == "number" or _key(line)[0] in self._seen:
                    dropped.add(id(line))
                    self.words_left_out += len(line.words)
                else:
                    self._seen.add(_key(line)[0])
                    smaller[id(line)] = _small(line)
        self.left_out += len(dropped)
        return [smaller.get(id(line), line) for line in page.lines if id(line) not in dropped]

    def _kind(self, line: Line, page_number: int) -> str:
        if any(key in self.offsets for key in _number_keys(line, page_number)):
            return "number"
        return "text" if _key(line) in self.repeated else ""


def _key(line: Line) -> _Key:
    return plain(line.text), round(line.top / 12)


def _counted(line: Line) -> _Key:
    """Return what a line says but for its numbers: a footer with them is kept, but no heading."""
    return re.sub(r"\d+", "#", plain(line.text)), round(line.top / 12)


def _number_keys(line: Line, page_number: int) -> Iterator[_Key]:
    """Give how far a page number that stands alone is ahead of its page, and on which side."""
    match = _PAGE_NUMBER.fullmatch(plain(line.text))
    if match is None:
        return
    digits = match["digits"]
    ahead = f"{int(digits) - page_number:+d}" if digits else "roman"
    yield ahead, round(line.top / 12)


def _small(line: Line) -> Line:
    """Return the line in a size in which it is not taken for a heading."""
    return Line(tuple(word._replace(size=1.0, bold=False) for word in line.words))


def _edge_rows(page: PageLines) -> list[list[Line]]:
    """Return the rows at the page's edges that are not part of a table."""
    lines = page.lines
    if len(lines) > 2 * _EDGE_LINES:
        lines = [*lines[:_EDGE_LINES], *lines[-_EDGE_LINES:]]
    rows = _rows(lines)
    top, bottom = page.height * _EDGE_SHARE, page.height * (1 - _EDGE_SHARE)
    chosen = []
    for number, row in enumerate(rows):
        first, last = number < _EDGE_ROWS, number >= len(rows) - _EDGE_ROWS
        at_edge = (first and row[0].bottom <= top) or (last and row[0].top >= bottom)
        if not at_edge or any(line.grid is not None for line in row):
            continue
        neighbours = rows[max(number - 1, 0) : number] + rows[number + 1 : number + 2]
        if not any(_same_columns(row, other) for other in neighbours):
            chosen.append(row)
    return chosen


def _rows(lines: Sequence[Line]) -> list[list[Line]]:
    rows: list[list[Line]] = []
    for line in lines:
        if rows and abs(rows[-1][-1].bottom - line.bottom) < 3.0 and line.x0 > rows[-1][-1].x0:
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _same_columns(row: Sequence[Line], other: Sequence[Line]) -> bool:
    """Tell whether two rows are of one table: several cells, each under another."""
    return (
        len(row) > 1
        and len(row) == len(other)
        and all(
            min(abs(a.x0 - b.x0), abs(a.x1 - b.x1)) <= _IN_LINE_POINTS
            for a, b in zip(row, other, strict=True)
        )
    )
