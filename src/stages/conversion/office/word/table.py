"""Rows and cells of Word's tables (ECMA-376 part 1, 17.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stages.conversion.office.package import Element, local
from stages.conversion.office.word.names import W, child, number, switch, value

_WRAPPERS: Final = ("sdt", "sdtContent", "customXml", "ins", "moveTo")
_LOOK: Final = re.compile("[0-9A-Fa-f]{1,8}")
_NO: Final = ("0", "false", "off")
_MAX_COLUMNS: Final = 64  # Word's own limit is 63


def rows_of(table: Element) -> Iterator[Element]:
    """Return a table's rows, also those inside content controls."""
    yield from _inside(table, "tr")


def placed_cells(row: Element) -> Iterator[tuple[Element, int, int, str]]:
    """Return a row's cells: each with the columns left free before it, its span and how it merges.

    It merges "below" the cell above, to the "right" of the one before, or not ("").
    """
    gap = min(number(child(row, "trPr"), "gridBefore") or 0, _MAX_COLUMNS)
    used = gap
    for tc in _inside(row, "tc"):
        properties = child(tc, "tcPr")
        span = min(max(number(properties, "gridSpan") or 1, 1), max(1, _MAX_COLUMNS - used))
        yield tc, gap, span, _merge(properties)
        used += span
        gap = 0


def is_header(row: Element) -> bool:
    """Tell whether a row is repeated on each page."""
    return bool(switch(child(row, "trPr"), "tblHeader"))


def has_heads_of_rows_alone(table: Element) -> bool:
    """Tell whether a table says that its first row is like the others, its first column special.

    That is 17.4.55, by attributes or, as before Word 2010, by bits.
    """
    look = child(child(table, "tblPr"), "tblLook")
    if look is None:
        return False
    bits = look.get(f"{W}val", "")
    mask = int(bits, 16) if _LOOK.fullmatch(bits) else 0x20
    first_row = look.get(f"{W}firstRow", "1" if mask & 0x20 else "0")
    first_column = look.get(f"{W}firstColumn", "1" if mask & 0x80 else "0")
    return first_row in _NO and first_column not in _NO


def is_deleted(row: Element) -> bool:
    """Tell whether a row was deleted with changes tracked."""
    return child(child(row, "trPr"), "del") is not None


def is_hidden(row: Element) -> bool:
    """Tell whether a row is not shown."""
    return bool(switch(child(row, "trPr"), "hidden"))


def _merge(properties: Element | None) -> str:
    for name, part in (("vMerge", "below"), ("hMerge", "right")):
        if child(properties, name) is not None and value(properties, name) != "restart":
            return part
    return ""


def _inside(element: Element, name: str) -> Iterator[Element]:
    for each in element:
        if local(each) == name:
            yield each
        elif local(each) in _WRAPPERS:
            yield from _inside(each, name)
