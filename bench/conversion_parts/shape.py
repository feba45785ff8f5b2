"""How many headings and table rows a Markdown text shows, in whichever of the usual spellings."""

from __future__ import annotations

import re
from typing import NamedTuple

_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_HEADING = re.compile(r"^ {0,3}#{1,6}(?:[ \t]|$)")
_UNDERLINE = re.compile(r"^ {0,3}(?:=+|-{2,})[ \t]*$")
_RULER = re.compile(r"^[|:\- \t+]*$")
_CELL = re.compile(r"(?<!\\)\|")
_HTML_HEADING = re.compile(r"<h[1-6][ >]", re.IGNORECASE)
_HTML_ROW = re.compile(r"<tr[ >]", re.IGNORECASE)


class Shape(NamedTuple):
    """Headings and rows of tables; a row without any text is none."""

    headings: int
    rows: int


NOTHING = Shape(0, 0)


def shape_of(markdown: str) -> Shape:
    """Count headings and rows outside of code."""
    headings = rows = 0
    fence, before = "", ""
    for line in markdown.splitlines():
        opened = _FENCE.match(line)
        if opened and (not fence or opened[1].startswith(fence)):
            fence, before = "" if fence else opened[1], ""
        elif not fence:
            headings += _is_heading(line, before)
            rows += len(_CELL.findall(line)) > 1 and not _RULER.match(line)
            before = line
    html = len(_HTML_HEADING.findall(markdown)), len(_HTML_ROW.findall(markdown))
    return Shape(headings + html[0], rows + html[1])


def _is_heading(line: str, before: str) -> bool:
    if _HEADING.match(line):
        return True
    underlined = bool(_UNDERLINE.match(line)) and before.strip() and "|" not in before
    return bool(underlined) and not before.lstrip().startswith(("#", ">", "-", "*"))
