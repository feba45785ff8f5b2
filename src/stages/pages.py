"""Which page each part of a Markdown text stands on, by the offsets where pages begin.

The map is part of the metadata of the file that it belongs to, under `pageStarts`: for each page,
or slide, from the first on, where its text begins, in code points. A page without text begins where
the next one does.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from domain.json_types import JsonObject
from domain.values import PAGE_STARTS
from stages.alignment import aligned

# What formatting may add, move or remove: white space, ASCII punctuation, what is not shown.
_LOOSE: Final = re.compile("[\\s!-/:-@\\[-`{-~\u00ad\u200b-\u200f\u2060\ufeff]+")
_KEPT: Final = re.compile("[^\\s!-/:-@\\[-`{-~\u00ad\u200b-\u200f\u2060\ufeff]+")
_BREAKS: Final = tuple(map(re.compile, (r"\n[ \t]*\n\s*", r"\n", r"\s+")))


@dataclass(frozen=True)
class PageMap:
    """Where each page's text begins; the first page is 1."""

    starts: tuple[int, ...]

    @property
    def metadata(self) -> JsonObject:
        """The map as it stands in the metadata of a file."""
        return {PAGE_STARTS: list(self.starts)}

    def pages_of(self, span: str, start: int) -> tuple[int, int]:
        """Return the first and the last page of what is shown of a span that begins at `start`."""
        if not span.strip():
            return self._at(start), self._at(start)
        first = start + len(span) - len(span.lstrip())
        return self._at(first), self._at(start + len(span.rstrip()) - 1)

    def parts(self, text: str) -> list[str]:
        """Return the text of each page."""
        ends = [*self.starts[1:], len(text)]
        return [text[start:end] for start, end in zip((0, *self.starts[1:]), ends, strict=True)]

    def _at(self, offset: int) -> int:
        return max(bisect_right(self.starts, offset), 1)


def page_map(starts: object) -> PageMap | None:
    """Return the map of these starts, None if they make no sense."""
    if not isinstance(starts, list | tuple) or not starts:
        return None
    whole = all(type(start) is int and start >= 0 for start in starts)
    ascending = whole and all(a <= b for a, b in pairwise(starts))
    return PageMap(tuple(starts)) if ascending else None


def located(pages: Sequence[str], text: str) -> PageMap | None:
    """Return where in the text each page begins, None if too little of the pages is found there.

    The pages may differ from the text in white space, in ASCII punctuation and in what was added
    or taken away here and there.
    """
    letters = [_LOOSE.sub("", page) for page in pages]
    places = aligned(letters, _LOOSE.sub("", text))
    return None if places is None or not pages else PageMap(tuple(_offsets(text, places)))


def _offsets(text: str, places: Iterable[int]) -> Iterator[int]:
    """Return where the marks begin that stand ahead of letters; `places` count letters, in order.

    Marks between two letters belong to the second from the first blank line on, else from the
    first line end or blank.
    """
    runs = _KEPT.finditer(text)
    run = next(runs, None)
    counted = before = 0  # the letters ahead of the run, and where the last of them ends
    for place in places:
        while run is not None and place >= counted + len(run[0]):
            counted, before = counted + len(run[0]), run.end()
            run = next(runs, None)
        if run is None:
            yield len(text)
        elif place > counted or not before:
            yield run.start() + place - counted if place > counted else 0
        else:
            yield _begin(text, before, run.start())


def _begin(text: str, before: int, letter: int) -> int:
    for pattern in _BREAKS:
        found = pattern.search(text, before, letter)
        if found:
            return found.end()
    return letter
