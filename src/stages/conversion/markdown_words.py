"""Markdown as a reader sees it: without marks, addresses of links and tags."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from stages.conversion.words import pieces_of

_FENCE: Final = re.compile(
    r"^[ \t>]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)*(?P<marks>`{3,}|~{3,})[^`\n]*$", re.MULTILINE
)
# The first character alone finds the places to look at.
_TOKEN: Final = re.compile(
    r"""
    [`\\\]$<&*~](?:
    (?<=`)(?<!``)(?P<ticks>`{0,7})(?!`)(?P<code>.{1,2000}?)(?<!`)`(?P=ticks)(?!`)
    | (?<=\\)(?P<escape>[!-/:-@\[-`{-~])
    | (?<=\])(?P<target>\((?:<[^<>\n]*+>|(?:[^()\s\\<]++|\\.|\([^()\s]*+\))*)
        (?:[ \t]+"(?:[^"\\\n]++|\\.)*")?\))
    | (?<=\$)(?P<math>\$[^$]++\$\$|(?=\S)[^$\n]++(?<=\S)\$(?!\d))
    | (?<=<)(?P<parting>/?(?:sup|sub|br)[ ]?/?>)
    | (?<=<)(?P<tag>/?(?:u|b|i|em|strong|s|mark|ins|kbd)>)
    | (?<=&)(?P<entity>\#?\w{1,31};)
    | (?<=\w\*)(?P<strong>[*~]*(?=\w))
    | (?<=\w~)(?P<struck>~[*~]*(?=\w))
    )
    """,
    re.VERBOSE,
)
_MATH: Final = re.compile(
    r"\\(?:text|mathrm|mathbf|mathit|operatorname)\*?\s*\{(?P<text>[^{}]*)\}"
    r"|\\(?:begin|end)\{[^{}]*\}|\\(?P<command>[A-Za-z]+)|(?P<letter>[^\W\d_])"
)
_MATH_TEXT: Final = re.compile(r"\\[A-Za-z]+\*?\s*\{[^{}]*\}")
_PROSE: Final = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{4,}")  # between two dollar signs of a text
_MAX_FORMULA_CHARS = 4_000
_SPOKEN: Final = re.compile(  # functions that are written by their names
    r"(?:arc)?(?:sin|cos|tan)h?|coth?|sec|csc|l[ng]|log|exp|lim(?:inf|sup)?|max|min|sup|inf|det|dim"
    r"|deg|gcd|hom|ker|arg|Pr|[bp]?mod"
)
_OTHER_LETTERS: Final = {
    "ell": "l", "hbar": "ħ", "imath": "i", "jmath": "j", "Re": "R", "Im": "I", "lambda": "λ",
}  # fmt: skip


def shown(markdown: str) -> Iterator[str]:
    """Return the text that a reader sees, piece by piece; marks that part words become blanks."""
    fence = ""
    for piece in pieces_of(markdown):
        end = 0
        for line in _FENCE.finditer(piece) if "```" in piece or "~~~" in piece else ():
            marks = line["marks"]
            if fence and not (marks.startswith(fence) and line[0].strip(" \t>") == marks):
                continue
            yield piece[end : line.start()] if fence else _without_marks(piece[end : line.start()])
            fence, end = "" if fence else marks, line.end()
        yield piece[end:] if fence else _without_marks(piece[end:])


def _without_marks(text: str) -> str:
    return _TOKEN.sub(_seen, text)


def _seen(match: re.Match[str]) -> str:
    return match["code"] or _SEEN[match.lastgroup or ""](match[0])


def _math(formula: str) -> str:
    """Each letter of a formula is a word, but for text and functions in it."""
    if len(formula) > _MAX_FORMULA_CHARS or _PROSE.search(_MATH_TEXT.sub("", formula)):
        return formula
    return _MATH.sub(_of_formula, formula).replace("_", " ")


def _of_formula(match: re.Match[str]) -> str:
    name = match["command"] or ""
    if not name or _SPOKEN.fullmatch(name):
        return f" {match['text'] or match['letter'] or name} "
    letter = _OTHER_LETTERS.get(name) or _OTHER_LETTERS.get(name.lower())
    return f" {letter or _greek(name.removeprefix('var'))} "


def _greek(name: str) -> str:
    try:
        return unicodedata.lookup(f"GREEK SMALL LETTER {name}")
    except KeyError:
        return ""


def _nothing(_: str) -> str:
    return ""


def _blank(_: str) -> str:
    return " "


_SEEN: Final[Mapping[str, Callable[[str], str]]] = {
    "escape": lambda text: text[1:],
    "target": _blank,
    "math": _math,
    "parting": _blank,
    "tag": _nothing,
    "entity": html.unescape,
    "strong": _nothing,
    "struck": _nothing,
}
