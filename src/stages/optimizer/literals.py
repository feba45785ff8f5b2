"""What has a meaning that CommonMark does not know: hidden from the formatter, then put back."""

from __future__ import annotations

import re
from typing import Final

_LITERAL: Final = re.compile(
    r"(?P<address>\]\([^()\s]*|<[A-Za-z][\w+.-]*:[^<>\s]*>|\bhttps?://[^\s()<>]+)"
    r"|(?<![\\$])\$\$(?:(?!\n[ \t]*\n)[^$])+\$\$"  # TeX: $$ … $$, within a paragraph
    r"|(?<![\\$\w])\$(?=[^\s$])(?:[^$\n]*[^\s$\\])\$(?![\w$])"  # $ … $, on a line
    r"|\\\((?:(?!\n[ \t]*\n)[^()]|\([^()\n]*\))+?\\\)|\\\[(?:(?!\n[ \t]*\n)[^\[\]])+?\\\]"
    r"|\[\^[^\]\s]+\]:?"  # footnotes
    r"|!?\[\[[^\[\]\n]+\]\]"  # links of wikis
    r"|(?<![\w\\_])__[a-z][a-z0-9_]*[a-z0-9]__(?![\w_])"  # names such as __init__
)
_PAYLOAD: Final = re.compile(r"data:[a-z]+/[^\s\"'()<>\[\]]{200,}")


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
