"""Read Markdown the same way in every stage: CommonMark, tables, strikethrough, front matter."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from stages.errors import UnconvertibleDocument

_LINE_END: Final = re.compile(r"\r\n|\r|\n")


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).use(front_matter_plugin)


def parse(markdown: str) -> list[Token]:
    """Return the tokens of `markdown`; `map` of a block's token is its lines, end not included."""
    return _parser().parse(markdown)


def read_markdown(path: Path) -> str:
    """Return the text of a Markdown file as it is, or raise UnconvertibleDocument."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnconvertibleDocument(
            "The Markdown is not in UTF-8; save it in that encoding and hand it in again."
        ) from error


class Lines:
    """Where each line of a text begins, in code points."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    def start(self, line: int) -> int:
        """Return where a line begins; a line after the last begins at the end of the text."""
        return self._starts[line] if line < len(self._starts) else len(self._text)

    def at(self, offset: int) -> int:
        """Return the line that holds the character at `offset`."""
        return bisect_right(self._starts, offset) - 1


@dataclass(frozen=True)
class Heading:
    """A heading that is not inside another block; `start` counts code points."""

    start: int
    level: int
    text: str


def headings(markdown: str, tokens: Sequence[Token]) -> Iterator[Heading]:
    """Return the headings in order, their text without markup."""
    lines = Lines(markdown)
    for token, following in pairwise(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map:
            yield Heading(lines.start(token.map[0]), int(token.tag[1]), plain_text(following))


def plain_text(token: Token) -> str:
    """Return the text of an inline token as readers see it, on one line."""
    return " ".join("".join(_pieces(token.children or [])).split())


def _pieces(children: Sequence[Token]) -> Iterator[str]:
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            yield " "
        elif child.type == "html_inline":
            yield " " if child.content.lower().startswith("<br") else ""
        elif child.type == "image":
            yield "".join(_pieces(child.children or []))
        else:
            yield child.content
