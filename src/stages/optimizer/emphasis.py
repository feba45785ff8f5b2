"""Bold and italic that CommonMark does not take for such, because of the signs beside the marks.

`**Note:**text` shows its asterisks: a mark that closes must not stand between punctuation and a
letter (CommonMark 0.31, 6.2). Where words are not spaced this is common. The punctuation is then
moved out of the emphasis.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from stages.markdown_reading import parse

_VARIABLE: Final = re.compile(r"[!-/:-@\[-`{-~]*\w?[!-/:-@\[-`{-~]*")  # as in x*(y)*z
_PAIR: Final = re.compile(r"(?<![\\*])(\*{1,2})(?=[^\s*])([^*\n]{1,400}?)(?<=[^\s*\\])\1(?!\*)")


def emphasis_repaired(piece: str) -> str:
    """Return text without code with marks moved to where they are read as emphasis."""
    return _PAIR.sub(_moved, piece) if "*" in piece else piece


def _moved(match: re.Match[str]) -> str:
    marks, inner = match[1], match[2]
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    after = match.string[match.end() : match.end() + 1]
    head = _punctuation(inner) if _is_letter(before) else 0
    tail = _punctuation(inner[::-1]) if _is_letter(after) else 0
    if not (head or tail) or _multiplies(before, marks, inner, after):
        return match[0]
    if not _shows_marks(before, match[0], after):
        return match[0]
    if head == len(inner) or tail == len(inner):
        return inner
    core = inner[head : len(inner) - tail]
    return f"{inner[:head]}{marks}{core}{marks}{inner[len(inner) - tail :]}"


def _multiplies(before: str, marks: str, inner: str, after: str) -> bool:
    """Return whether the marks stand between factors: 2*(3+4)*5, x*(y)*z, a**(b+1)**2."""
    if marks == "**":
        return before.isdigit() and after.isdigit()
    return before.isdigit() or after.isdigit() or _VARIABLE.fullmatch(inner) is not None


def _shows_marks(before: str, emphasis: str, after: str) -> bool:
    children = parse(f"{before}{emphasis}{after}")[1].children or []
    return any("*" in child.content for child in children if child.type == "text")


def _punctuation(text: str) -> int:
    count = 0
    while count < len(text) and not _is_letter(text[count]) and not text[count].isspace():
        count += 1
    return count


def _is_letter(char: str) -> bool:
    return bool(char) and unicodedata.category(char)[0] in "LNM"
