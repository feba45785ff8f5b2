"""Read Markdown the same way in every stage: CommonMark, tables, strikethrough, front matter."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from domain.json_types import JsonObject
from stages.errors import UnconvertibleDocument
from stages.literals import Literals, outside_code_spans

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
# Products and powers, as in 2*3*4, x**2, a*b*c: some factor is a number or a single letter.
_FACTOR: Final = r"(?:[A-Za-z]|\d+(?:[.,]\d+)*|[A-Za-z]+_\w+)"
_PRODUCT: Final = re.compile(
    rf"(?<![\w*]){_FACTOR}(?:\*{{1,2}}{_FACTOR})+(?![\w*])|(?<=\d)\*+(?=\d)", re.ASCII
)
_TAG: Final = re.compile(
    r"</?(?P<name>[a-z][a-z0-9]*)(?:\s+[\w:-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+))*"
    r"(?:\s+(?:checked|disabled|hidden|open|readonly|required|selected))?\s*/?>|<!--.*-->",
    re.IGNORECASE | re.DOTALL,
)
_TAGS: Final = re.compile(
    "a|abbr|acronym|address|article|aside|b|bdi|bdo|big|blockquote|body|br|button|caption|center"
    "|cite|code|col|dd|del|details|dfn|div|dl|dt|em|figcaption|figure|font|footer|form|h[1-6]|head"
    "|header|hr|html|i|iframe|img|input|ins|kbd|label|li|link|main|mark|meta|nav|nobr|ol|option|p"
    "|picture|pre|q|rp|rt|ruby|s|samp|script|section|select|small|source|span|strike|strong|style"
    "|su[bp]|summary|svg|table|tbody|td|textarea|tfoot|th|thead|time|title|tr|tt|u|ul|var|video|wbr",
    re.IGNORECASE,
)
_MARKS: Final = re.compile(r"[\\`*_\[\]<&~\r\n\x00]")
_REFERENCE: Final = re.compile(r"(?<![\w\\!\])])\[([^\[\]\n]+)\]\[[^\[\]\n]*\]")


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).use(front_matter_plugin)


def parse(markdown: str, env: MutableMapping[str, Any] | None = None) -> list[Token]:
    """Return the tokens of `markdown`; `map` of a block's token is its lines, end not included.

    `env` may hold definitions of links from elsewhere, and gets those found.
    """
    return _parser().parse(markdown, {} if env is None else env)


@cache
def _block_parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table").use(front_matter_plugin).disable("inline")


def parse_blocks(markdown: str) -> list[Token]:
    """Return the tokens of blocks alone; what stands within an inline token is not parsed."""
    return _block_parser().parse(markdown)


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


class Blocks:
    """A text parsed into blocks: its tokens, its lines, the definitions of links in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = Lines(text)
        self.env: JsonObject = {}
        self.tokens = _block_parser().parse(text, self.env)
        self.env.setdefault("references", {})


@dataclass(frozen=True)
class Heading:
    """A heading that is not inside another block; `start` counts code points.

    `source` is the heading as the Markdown has it.
    """

    start: int
    level: int
    source: str
    inline: Token

    @cached_property
    def text(self) -> str:
        """The heading without markup; of thousands, few are ever asked for."""
        return plain_text(_parser().parseInline(self.inline.content)[0])


def block_headings(markdown: str, tokens: Sequence[Token]) -> Iterator[Heading]:
    """Return the headings among the tokens of `parse_blocks`, in order."""
    lines = Lines(markdown)
    for token, inline in pairwise(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map:
            start, end = (lines.start(line) for line in token.map)
            yield Heading(start, int(token.tag[1]), markdown[start:end].strip(), inline)


def plain_text(token: Token) -> str:
    """Return the text of an inline token as readers see it, on one line."""
    return " ".join("".join(_pieces(token.children or [])).split())


def inline_text(source: str) -> str:
    """Return a piece of inline Markdown as readers see it, white space as it is.

    TeX, footnote marks and names such as `__init__` stay as they are written, and so do asterisks
    between digits, which multiply. A link is its text, whether or not its definition is known.
    """
    if _MARKS.search(source) is None:
        return source
    literals = Literals(source)
    hidden = outside_code_spans(source, lambda piece: _without_marks(literals.hide(piece)))
    [token] = _parser().parseInline(hidden)
    text = "".join(_pieces(token.children or []))
    shown = literals.show(text)
    return text if shown is None else shown


def _without_marks(piece: str) -> str:
    return _REFERENCE.sub(r"\1", _PRODUCT.sub(_escape, piece))


def _escape(match: re.Match[str]) -> str:
    return match[0].replace("*", "\\*")


_RAISED: Final = {"<sup>": "^", "<br>": " ", "<br/>": " ", "<br />": " "}


def _is_tag(source: str) -> bool:
    """Return whether it is HTML, and no comparison or placeholder: <b and c>, List<Invoice>."""
    match = _TAG.fullmatch(source)
    return match is not None and (
        match["name"] is None or _TAGS.fullmatch(match["name"]) is not None
    )


def _pieces(children: Sequence[Token]) -> Iterator[str]:
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            yield " "
        elif child.type in ("s_open", "s_close"):
            yield "~~"  # what is struck out does not hold any more
        elif child.type == "html_inline":
            shown = "" if _is_tag(child.content) else child.content
            yield _RAISED.get(child.content.lower(), shown)
        elif child.type == "image":
            yield "".join(_pieces(child.children or []))
        else:
            yield child.content
