"""Part a sheet into its tables: empty rows and columns part them where a new header follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from stages.conversion.headers import is_number
from stages.conversion.office.sheets.cells import Sheet

Row = tuple[int, dict[int, str]]

# Beyond these a sheet is a form that cells lay out; each costs a pass over cells or merged ranges.
_MOST_TABLES: Final = 200
_MOST_GAPS: Final = 12


def areas(sheet: Sheet) -> Iterator[Sequence[Row]]:
    """Return the rows of each table, in order.

    An empty row within a table, as before its totals, parts nothing: a new table begins with names
    that have numbers beneath them. A sheet that is read with hidden rows has none of them empty.
    """
    for rows in _tables_below(sheet):
        yield from _tables_beside(rows, sheet)


def _tables_below(sheet: Sheet) -> Iterator[Sequence[Row]]:
    current: list[Row] = []
    waiting: list[Row] = []  # titles that stand apart from what is below them
    found = 1
    for block in _blocks(sheet):
        if all(len(row) == 1 for _, row in block):
            waiting += block
            continue
        if current and found < _MOST_TABLES and _begins_table(block):
            yield current
            current, found = [], found + 1
        current += waiting + block
        waiting = []
    yield current + waiting


def _blocks(sheet: Sheet) -> Iterator[list[Row]]:
    block = sheet.rows[:1]
    for (above, _), row in pairwise(sheet.rows):
        if any(number not in sheet.hidden_rows for number in range(above + 1, row[0])):
            yield block
            block = []
        block.append(row)
    yield block


def _tables_beside(rows: Sequence[Row], sheet: Sheet) -> Iterator[Sequence[Row]]:
    columns = sorted({column for _, row in rows for column in row})
    gaps = [
        (left, right)
        for left, right in pairwise(columns)
        if any(column not in sheet.hidden_columns for column in range(left + 1, right))
    ]
    for left, right in gaps if len(gaps) <= _MOST_GAPS else ():
        parts = _within(rows, 0, left), _within(rows, right, columns[-1])
        if all(_begins_table(part) and _is_labelled(part) for part in parts):
            yield parts[0]
            yield from _tables_beside(parts[1], sheet)
            return
    yield rows


def _within(rows: Sequence[Row], first: int, last: int) -> list[Row]:
    parts = ((number, {c: t for c, t in row.items() if first <= c <= last}) for number, row in rows)
    return [(number, row) for number, row in parts if row]


def _begins_table(rows: Sequence[Row]) -> bool:
    """Tell whether the first row of more than one cell is names, a number being under one."""
    at = next((n for n, (_, row) in enumerate(rows) if len(row) > 1), len(rows))
    if at == len(rows) or any(map(is_number, rows[at][1].values())):
        return False
    names = rows[at][1]
    return any(
        is_number(text) for _, row in rows[at + 1 :] for c, text in row.items() if c in names
    )


def _is_labelled(rows: Sequence[Row]) -> bool:
    """Tell whether the first column is labels: numbers alone go with those of another column."""
    first = min(column for _, row in rows for column in row)
    labels = [row[first] for _, row in rows if first in row and len(row) > 1]
    return len(labels) > 1 and not any(map(is_number, labels))
