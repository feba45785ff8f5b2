"""Running headers, footers and page numbers: lines that return from page to page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from stages.conversion.pdf_lines import Line

_DIGITS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(r"^\W*(?:\w{1,6}\W*)?\d{1,4}(?:\W+\w{1,4}\W+\d{1,4})?\W*$")
_EDGE_LINES = 2
_MIN_PAGES = 3
_MIN_SHARE = 0.4


@dataclass
class Furniture:
    """Lines at the edges of many pages; each stays where it stands first, but for page numbers."""

    repeated: frozenset[tuple[str, int]]
    left_out: int = 0
    _seen: set[str] = field(default_factory=set)

    @staticmethod
    def among(pages: Sequence[Sequence[Line]]) -> Furniture:
        """Find what returns, digits aside, in the same place of at least 40 % of the pages."""
        counts = Counter(key for page in pages for key in {_key(line) for line in _edges(page)})
        enough = max(_MIN_PAGES, _MIN_SHARE * len(pages))
        return Furniture(frozenset(key for key, count in counts.items() if count >= enough))

    def without(self, lines: Sequence[Line]) -> list[Line]:
        """Return the lines of a page that say something new."""
        edges = {id(line) for line in _edges(lines)}
        kept = [kept for line in lines for kept in self._kept(line, at_edge=id(line) in edges)]
        self.left_out += len(lines) - len(kept)
        return kept

    def _kept(self, line: Line, *, at_edge: bool) -> Sequence[Line]:
        key = _key(line)
        if not at_edge or key not in self.repeated:
            return [line]
        first = key[0] not in self._seen
        self._seen.add(key[0])
        return [_small(line)] if first and not _PAGE_NUMBER.match(line.text) else []


def _small(line: Line) -> Line:
    """Return the line in a size in which nobody takes it for a heading."""
    return Line(tuple(word._replace(size=1.0, bold=False) for word in line.words))


def _edges(lines: Sequence[Line]) -> list[Line]:
    return [*lines[:_EDGE_LINES], *lines[max(_EDGE_LINES, len(lines) - _EDGE_LINES) :]]


def _key(line: Line) -> tuple[str, int]:
    return _DIGITS.sub("#", line.text), round(line.top / 12)
