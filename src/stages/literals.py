"""What has a meaning that CommonMark does not know: hidden from a parser, then put back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

_LITERAL: Final = re.compile(
    r"(?P<address>\]\([^()\s]*|<[A-Za-z][\w+.-]*:[^<>\s]*>|\bhttps?://[^\s()<>]+)"
    r"|(?<![\\$])\$\$(?:(?!\n[ \t]*\n)[^$])+\$\$"  # TeX: $$ … $$, within a paragraph
    r"|(?<![\\$\w])\$(?=[^\s$])(?:[^$\n]*[^\s$\\])\$(?![\w$])"  # $ … $, on a line
    r"|(?<!\\)\\\((?:(?!\n[ \t]*\n)[^()]|\([^()\n]*\))+?\\\)"
    r"|(?<!\\)\\\[(?:(?!\n[ \t]*\n)[^\[\]])+?\\\]"
    r"|\[\^[^\]\s]+\]"  # footnotes
    r"|!?\[\[[^\[\]\n]+\]\]"  # links of wikis
    r"|(?<![\w\\_])__[a-z][a-z0-9_]*[a-z0-9]__(?![\w_])"  # names such as __init__
)
_CODE_SPAN: Final = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n\n).)+?(?<!`)\1(?!`)", re.DOTALL)
_SUSPECTS: Final = re.compile(r"[$`\[<]|\\\(|://")
_PAYLOAD: Final = re.compile(r"data:[a-z]+/[^\s\"'()<>\[\]]{200,}")


def outside_code_spans(text: str, change: Callable[[str], str]) -> str:
    """Change what stands in no code span of text without blocks of code."""
    pieces, position = [], 0
    for match in _CODE_SPAN.finditer(text):
        pieces += [change(text[position : match.start()]), match[0]]
        position = match.end()
    return "".join([*pieces, change(text[position:])])


def literal_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Return where code, formulas, links of wikis and addresses stand between two places."""
    if _SUSPECTS.search(text, start, end):
        for pattern in (_CODE_SPAN, _LITERAL):
            yield from (match.span() for match in pattern.finditer(text, start, end))


class Literals:
    """Literals that were hidden, each behind a word that stands nowhere in the text.

    The word is in brackets, since beside marks of emphasis a literal counts as punctuation. In an
    address it is not, and is of ASCII letters and digits: everything else would be encoded.
    """

    def __init__(self, text: str) -> None:
        self._mark = "zq"
        while self._mark in text:
            self._mark += "q"
        self._found: list[str] = []

    def hide(self, piece: str) -> str:
        """Return a piece of the text without its literals."""
        without_payloads = _PAYLOAD.sub(self._hidden, piece)
        return _LITERAL.sub(self._bracketed, without_payloads)

    def show(self, text: str) -> str | None:
        """Return the text with every literal in its place; None if one is not there just once."""
        shown: list[int] = []

        def literal(match: re.Match[str]) -> str:
            number = int(match[1] or match[2])
            shown.append(number)
            return self._found[number]

        mark = self._mark
        whole = re.sub(rf"\({mark}(\d+)b\)|{mark}(\d+)z", literal, text)
        return whole if sorted(shown) == list(range(len(self._found))) else None

    def _bracketed(self, match: re.Match[str]) -> str:
        if match["address"]:
            return match[0]
        self._found.append(match[0])
        return f"({self._mark}{len(self._found) - 1}b)"

    def _hidden(self, match: re.Match[str]) -> str:
        self._found.append(match[0])
        return f"{self._mark}{len(self._found) - 1}z"
