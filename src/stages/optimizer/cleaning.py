"""Repair text that was decoded wrongly, outside of code."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import ftfy

from stages.literals import outside_code_spans
from stages.markdown_reading import Blocks

_INVISIBLE: Final = re.compile("[\u200b\u2060\ufeff]")
_ODD_SPACE: Final = re.compile(
    "[\u00a0\u2007\u202f]|&(?:nbsp|#160|#xa0|#8199|#x2007|#8239|#x202f);", re.IGNORECASE
)
_TIMES = 4
_PLAIN: Final = re.compile("[\t\n -%'-~]*")  # no character reference
_FTFY: Final = ftfy.TextFixerConfig(
    unescape_html=False,
    uncurl_quotes=False,
    fix_character_width=False,
    fix_latin_ligatures=True,
    fix_line_breaks=False,
    remove_terminal_escapes=True,
    explain=False,
)


def cleaned(piece: str) -> str:
    """Return text without code with what was decoded wrongly repaired, and odd blanks made plain.

    It is cleaned until nothing is left to clean; what does not come to rest stays as it was.
    """
    current = piece
    for _ in range(_TIMES):
        if _PLAIN.fullmatch(current):  # most text is, and the look is a hundred times as fast
            return current
        following = _ODD_SPACE.sub(" ", _INVISIBLE.sub("", ftfy.fix_text(current, _FTFY)))
        if following == current:
            return current
        current = following
    return piece


def outside_code(document: Blocks, change: Callable[[str], str]) -> str:
    """Change what stands neither in a block of code or HTML nor in a code span."""
    text, lines = document.text, document.lines
    pieces, position = [], 0
    for token in document.tokens:
        if token.type in ("fence", "code_block", "html_block") and token.map:
            start, end = lines.start(token.map[0]), lines.start(token.map[1])
            pieces += [outside_code_spans(text[position:start], change), text[start:end]]
            position = end
    return "".join([*pieces, outside_code_spans(text[position:], change)])
