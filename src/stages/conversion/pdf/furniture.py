"""Running headers, footers and page numbers: lines that return from page to page."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from stages.conversion.pdf.lines import Line

_NUMBER = re.compile(r"\d{1,4}(?!\d)")
_BARE_NUMBER = re.compile(r"^\W*\d{1,4}\W*$")
_PAGE_NUMBER = re.compile(r"^\W*(?:\w{1,6}\W*)?\d{1,4}(?:\W+\w{1,4}\W+\d{1,4})?\W*$")
_EDGE_LINES = 2
_MIN_PAGES = 3
_MIN_SHARE = 0.4
_LARGER = 1.05  # than the size of most text: a heading's

_Key = tuple[str, int]


@dataclass
class Furniture:
    """Lines at the edges of many pages; each stays where it stands first, but for page numbers.

    `repeated` are what such lines say and where. A number in them stands for those that count
    with the pages: "Chapter 7" atop of page 9 says nothing of the kind, nor does any heading.
    """

    repeated: frozenset[_Key]
    body_size: float
    left_out: int = 0
    _seen: set[str] = field(default_factory=set)

    @staticmethod
    def among(pages: Sequence[Sequence[Line]]) -> Furniture:
        """Find what returns in the same place of at least 40 % of the pages."""
        body_size = _body_size(pages)
        counts: Counter[_Key] = Counter()
        for number, page in enumerate(pages):
            counts.update(
                key
                for line in _edges(page)
                for key in set(_keys(line, number, _size_of_text(line, page, body_size)))
            )
        enough = max(_MIN_PAGES, _MIN_SHARE * len(pages))
        repeated = frozenset(key for key, count in counts.items() if count >= enough)
        return Furniture(repeated, body_size)

    def without(self, lines: Sequence[Line], page_number: int) -> list[Line]:
        """Return the lines of a page, of which the first is 0, that say something new."""
        edges = {id(line) for line in _edges(lines)}
        kept = [
            kept
            for line in lines
            for kept in (self._kept(line, lines, page_number) if id(line) in edges else [line])
        ]
        self.left_out += len(lines) - len(kept)
        return kept

    def _kept(self, line: Line, page: Sequence[Line], page_number: int) -> Sequence[Line]:
        keys = _keys(line, page_number, _size_of_text(line, page, self.body_size))
        key = next((key for key in keys if key in self.repeated), None)
        if key is None:
            return [line]
        first = key[0] not in self._seen
        self._seen.add(key[0])
        return [_small(line)] if first and not _PAGE_NUMBER.match(line.text) else []


def _body_size(pages: Sequence[Sequence[Line]]) -> float:
    """Return the size of most of the text."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page:
            sizes[line.size] += len(line.text)
    return max(sizes, key=lambda size: sizes[size], default=0.0)


def _size_of_text(line: Line, page: Sequence[Line], body_size: float) -> float:
    """Return the size that a heading exceeds: endless for the last line, as none ends a page."""
    return math.inf if len(page) > _EDGE_LINES and line is page[-1] else body_size


def _small(line: Line) -> Line:
    """Return the line in a size in which nobody takes it for a heading."""
    return Line(tuple(word._replace(size=1.0, bold=False) for word in line.words))


def _edges(lines: Sequence[Line]) -> list[Line]:
    return [*lines[:_EDGE_LINES], *lines[max(_EDGE_LINES, len(lines) - _EDGE_LINES) :]]


def _keys(line: Line, page_number: int, body_size: float) -> Iterator[_Key]:
    """Give what the line says and where, then the same with each number as counted from its page.

    A heading counts chapters, not pages, even where each page is a chapter.
    """
    place = round(line.top / 12)
    yield line.text, place
    is_heading = (line.bold and body_size < math.inf) or line.size > body_size * _LARGER
    if is_heading and not _BARE_NUMBER.match(line.text):
        return
    for found in _NUMBER.finditer(line.text):
        offset = int(found[0]) - page_number
        yield f"{line.text[: found.start()]}#{offset:+d}{line.text[found.end() :]}", place
