"""Blocks that are written as the formatter would write them, found a hundred times as fast.

What is accepted here is a part of what the formatter leaves as it is; a property test holds the two
against each other. Everything else goes through the formatter.
"""

from __future__ import annotations

import re
from typing import Final

# Letters, digits and signs that mark nothing, wherever they stand within a line.
_SIGN: Final = r"[^\s*_\[\]<>&\\|~#`]"
_WORD_SIGN: Final = r"[^\W_]"
_ADDRESS: Final = r"(?:https?:)?[A-Za-z0-9/.?=+@,#-]+"
# Addresses without brackets are links too: no "@", "://" or "www." but where they are looked for.
_PLAIN: Final = r"(?:(?!://|www\.)[^\s*_\[\]<>&\\|~#`@])"
_TEXT: Final = rf"(?:{_PLAIN}| (?=[^\s]))"
# Emphasis and code begin and end with letters or digits, and stand between blanks or signs.
_INNER: Final = rf"{_WORD_SIGN}(?:{_TEXT}*(?<={_WORD_SIGN}))?"
_BEFORE: Final = r"(?<![^\s(\"'\u201c\u2018])"
_AFTER: Final = r"(?=[\s.,;:!?)\"'\u201d\u2019]|$)"
_CODE: Final = r"(?<!`)`[^`\s\[\]](?:[^`\n\[\]]*[^`\s\[\]])?`(?!`)"
_LABEL: Final = rf"(?:{_SIGN}|[#>]|(?<={_WORD_SIGN})_(?={_WORD_SIGN})| (?=[^\s\]]))"
_PIECE: Final = (
    rf"(?:{_PLAIN}"
    r"| (?=\S)|(?<![^\s(])@(?=\w)"
    r"|(?<!\S)https?://[A-Za-z0-9/.-]+(?=\s|$)"
    rf"|(?<={_WORD_SIGN})_(?={_WORD_SIGN})"
    r"|(?<=[^\s#])[>#]|(?<= )>(?= )|(?<= )#(?=\w)"
    r"|&(?=\s\S)"
    rf"|(?<!`)`[^`\s](?:[^`\n]*[^`\s])?`(?!`)"
    rf"|{_BEFORE}\*\*{_INNER}\*\*{_AFTER}"
    rf"|{_BEFORE}\*{_INNER}\*{_AFTER}"
    rf"|(?<![\\!\]])\[(?![ xX]\])(?:{_LABEL}|{_CODE})+\]\({_ADDRESS}\)(?![\[(:])"
    rf"|(?<![\\!\]])!\[{_LABEL}+\]\({_ADDRESS}\)(?![\[(:])"
    r"|(?<=\S)</?(?:sup|sub)>"
    rf"|\\[*<](?={_WORD_SIGN})|(?<={_WORD_SIGN})\\\*|\\`(?=[^`\\]|$)"
    rf"|(?:(?<=\s)|^)\\_(?={_WORD_SIGN})|(?<={_WORD_SIGN})\\_(?=[\s.,;:)]|$)"
    r")"
)
_START: Final = r"(?![-+=:>#!<&\s]|\d+[.)](?:\s|$))"
_LINE: Final = rf"(?m:{_START}{_PIECE}+(?<!\s)$)"
_PARAGRAPH: Final = re.compile(rf"{_LINE}(?:\n{_LINE})*")
_HEADING: Final = re.compile(rf"#{{1,6}} {_LINE}(?<!#)")
_ONE_LINE: Final = re.compile(_LINE)
_MARKED: Final = re.compile(r"(?P<indent> *)(?:(?P<mark>-|[1-9]\d{0,7}\.) (?:\[[ x]\] (?=\S))?)?")
_BULLET = 2  # the width of a bullet and its blank


def is_canonical(kind: str, source: str) -> bool:
    """Return whether the formatter certainly leaves a block as it is; `kind` is its token's type.

    Takes time in proportion to the length.
    """
    if kind == "paragraph_open":
        return _PARAGRAPH.fullmatch(source) is not None
    if kind == "heading_open":
        return _HEADING.fullmatch(source) is not None
    if kind == "bullet_list_open":
        return _is_list_canonical(source)
    if kind == "blockquote_open":
        return _is_quote_canonical(source)
    return False


def _is_quote_canonical(source: str) -> bool:
    lines = source.split("\n")
    inner = "\n".join(line.removeprefix("> ") for line in lines)
    parts = inner.split("\n>\n")
    return all(line.startswith("> ") or line == ">" for line in lines) and all(
        _PARAGRAPH.fullmatch(part) is not None for part in parts
    )


def _is_list_canonical(source: str) -> bool:
    """Return whether a tight list of bullets, nested or not, or a loose one of lines, is so."""
    lines = source.split("\n")
    if "" in lines:
        loose = len(lines) % 2 == 1 and not any(lines[1::2])
        return loose and all(map(_is_item, lines[::2]))
    indents = [0]
    for number, line in enumerate(lines):
        match = _MARKED.match(line)
        if match is None or _ONE_LINE.fullmatch(line, match.end()) is None:
            return False
        indent = len(match["indent"])
        if match["mark"] is None:
            if not number or indent != indents[-1] + _BULLET:
                return False
            continue
        if match["mark"] != "-" or (not number and indent):
            return False
        if number and indent == indents[-1] + _BULLET:
            indents.append(indent)
            continue
        while indents and indents[-1] > indent:
            indents.pop()
        if not indents or indents[-1] != indent:
            return False
    return True


def _is_item(line: str) -> bool:
    return line.startswith("- ") and _ONE_LINE.fullmatch(line, _BULLET) is not None
