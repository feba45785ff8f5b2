"""Where a Markdown text may be cut: before headings, blocks, items, rows; then within sentences."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markdown_it.token import Token

from stages.markdown_reading import Lines

# A rank tells how good a cut is; smaller is better. A heading's is its level, 1 to 6.
LAST_HEADING_RANK: Final = 6
_BLOCK, _PART, _LINE = 7, 8, 9
_TEXT_CUTS: Final = (
    re.compile(
        "[.!?\u2026]+[\"'\u201d\u2019\u00bb)\\]]*\\s+"
        "|[\u3002\uff01\uff1f]+[\u300d\u300f\uff09]*\\s*"
    ),
    re.compile(r"\n"),
    re.compile("\\s+|[\u3001\uff0c\uff1b]"),
)
_WORD: Final = re.compile(r"\S")
_SPACES: Final = re.compile(r"\s+")
_MARKS: Final = frozenset({"Mn", "Mc", "Me", "Cf"})
_PARTS: Final = frozenset({"list_item_open", "tr_open", "heading_open", "paragraph_open"})
_TEXT_BLOCKS: Final = frozenset({"fence", "code_block", "html_block"})
_HEAD_ROWS: Final = 2  # a header and the row that stays with it


@dataclass(frozen=True)
class Frame:
    """A table or a fence: its span, and where what follows its header or opening mark begins."""

    start: int
    body: int
    end: int


class Cuts:
    """The cuts that a text's structure offers, and the places where none should be."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self._text = text
        self._lines = Lines(text)
        self._closed: list[tuple[int, int]] = []  # no cut at x if start < x <= end
        self.frames = sorted([*self._tables(tokens), *self._fences(tokens)], key=lambda f: f.start)
        ranks: dict[int, int] = {}
        for offset, rank in self._found([t for t in tokens if t.map and t.nesting >= 0]):
            ranks[offset] = min(rank, ranks.get(offset, rank))
        self._closed.sort()
        self._closed_starts = [start for start, _ in self._closed]
        first_word = self.first_word(0)
        self._offsets = sorted(o for o in ranks if o > first_word and self.is_open(o))
        self._ranks = [ranks[offset] for offset in self._offsets]

    def is_open(self, offset: int) -> bool:
        """Return whether a cut there leaves no heading, fence mark or table header alone."""
        index = bisect_left(self._closed_starts, offset) - 1
        return index < 0 or offset > self._closed[index][1]

    def first_word(self, offset: int) -> int:
        """Return where the first word from there on begins; the text's end if there is none."""
        match = _WORD.search(self._text, offset)
        return match.start() if match else len(self._text)

    def structural(self, after: int, until: int, worst_rank: int = _LINE) -> int | None:
        """Return the best cut in (after, until] of at most that rank, the last of the best."""
        first, last = bisect_right(self._offsets, after), bisect_right(self._offsets, until)
        best = min(
            (n for n in range(first, last) if self._ranks[n] <= worst_rank),
            key=lambda n: (self._ranks[n], -n),
            default=None,
        )
        return None if best is None else self._offsets[best]

    def textual(self, after: int, until: int, kinds: int = len(_TEXT_CUTS)) -> int | None:
        """Return the last cut in (after, until] at a sentence's end, else a line's, else a word's.

        `kinds` says how many of these to look for.
        """
        for pattern in _TEXT_CUTS[:kinds]:
            ends = (match.end() for match in pattern.finditer(self._text, after, until))
            found = [end for end in ends if end > after and self.is_open(end)]
            if found:
                return found[-1]
        return None

    def anywhere(self, after: int, until: int) -> int:
        """Return the last word's end in (after, until], else the last whole sign's."""
        spaces = [match.end() for match in _SPACES.finditer(self._text, after, until)]
        if spaces:
            return spaces[-1]
        end = until
        while end > after + 1 and unicodedata.category(self._text[end : end + 1] or "x") in _MARKS:
            end -= 1
        return end if end > after + 1 else until

    def _found(self, blocks: Sequence[Token]) -> Iterator[tuple[int, int]]:
        top = [token for token in blocks if token.level == 0]
        self._keep_headings_with_text(top)
        for token in top:
            is_heading = token.type == "heading_open"
            yield self._start(token), int(token.tag[1]) if is_heading else _BLOCK
        for token in blocks:
            if token.level and token.type in _PARTS:
                yield self._start(token), _PART
            elif token.type in _TEXT_BLOCKS:
                yield from self._lines_of(token)

    def _start(self, token: Token) -> int:
        return self._lines.start(token.map[0] if token.map else 0)

    def _end(self, token: Token) -> int:
        return self._lines.start(token.map[1] if token.map else 0)

    def _lines_of(self, token: Token) -> Iterator[tuple[int, int]]:
        first, end = token.map or [0, 0]
        for line in range(first + 1, end):
            yield self._lines.start(line), _LINE

    def _keep_headings_with_text(self, top: Sequence[Token]) -> None:
        """Keep headings with what follows them; those at the text's end with what is before."""
        run: int | None = None
        for token in top:
            start = self._start(token)
            if token.type == "heading_open":
                run = start if run is None else run
            elif run is not None:
                self._closed.append((run, start))
                run = None
        if run is not None:
            self._closed.append((run - 1, len(self._text)))

    def _fences(self, tokens: Sequence[Token]) -> Iterator[Frame]:
        for token in tokens:
            if token.type == "fence" and token.map:
                first, end = token.map
                second = self._lines.start(min(first + 2, end))
                last = self._lines.start(end - 1)
                self._closed += [(self._start(token), second - 1), (last - 1, last)]
                yield Frame(self._start(token), self._lines.start(first + 1), self._end(token))

    def _tables(self, tokens: Sequence[Token]) -> Iterator[Frame]:
        rows: list[int] = []
        whole: Token | None = None
        for token in tokens:
            if token.type == "table_open":
                whole, rows = token, []
            elif token.type == "tr_open":
                rows.append(self._start(token))
            elif token.type == "table_close" and whole is not None and len(rows) > 1:
                start, end = self._start(whole), self._end(whole)
                self._closed.append((start, (rows[2] if len(rows) > _HEAD_ROWS else end) - 1))
                yield Frame(start, rows[1], end)
