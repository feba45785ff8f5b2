"""Carry raised and lowered text through a library that does not know it, by private characters."""

from __future__ import annotations

import re
from typing import Final

from stages.conversion.headers import is_data, is_number

STARTS: Final = {"sup": "\ue0f0", "sub": "\ue0f1"}
END: Final = "\ue0f2"
_MARKED: Final = re.compile("([\ue0f0\ue0f1])([^\ue0f0-\ue0f2]*)\ue0f2")
_LEFT_OVER: Final = re.compile("[\ue0f0-\ue0f2]")
_NAMES: Final = {start: name for name, start in STARTS.items()}
_DATE: Final = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?: \d{1,2}:\d\d(?::\d\d)?)?")
_BLANK_HEADER: Final = re.compile(r"^\|(?:[ ]*\|)+\n(\|(?: ?:?-+:? ?\|)+)\n(\|.*\|)$", re.MULTILINE)


def with_notation(markdown: str) -> str:
    """Return Markdown whose marked text stands in `<sup>` and `<sub>`.

    Where a document has not said what a table's header is, it is the first row; that of labels and
    values, two columns, stays blank.
    """
    return _BLANK_HEADER.sub(_first_row_as_header, tagged(markdown))


def tagged(markdown: str) -> str:
    """Return Markdown whose marked text stands in `<sup>` and `<sub>`."""
    return _LEFT_OVER.sub("", _MARKED.sub(_tagged, markdown))


def _first_row_as_header(match: re.Match[str]) -> str:
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", match[2])[1:-1]]
    is_record = len(cells) == 2 and bool(cells[0]) and _is_value(cells[1])
    is_record = is_record and not _is_value(cells[0])
    if any(cells) and not is_record and not is_data(cells):
        return f"{match[2]}\n{match[1]}"
    return match[0]


def _is_value(text: str) -> bool:
    return is_number(text) or _DATE.fullmatch(text) is not None


def _tagged(match: re.Match[str]) -> str:
    name, text = _NAMES[match[1]], match[2]
    bare = text.strip()
    if not bare:
        return text
    return text.replace(bare, f"<{name}>{bare}</{name}>", 1)
