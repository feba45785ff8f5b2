"""Make a table of a sheet's cells: captions, one header, labels carried to their rows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from stages.conversion.headers import is_data
from stages.conversion.markdown import blocks
from stages.conversion.office.markup import lines_of_block
from stages.conversion.office.sheets.areas import areas
from stages.conversion.office.sheets.cells import Merge, Sheet, too_many

Row = tuple[int, dict[int, str]]

_TALLEST_HEADER: Final = 12
_LONGEST_CARRIED: Final = 100


def sheet_markdown(sheet: Sheet, max_cells: int) -> str:
    """Return a sheet's tables, each with its captions; empty rows and columns are left out."""
    return blocks([_area_markdown(sheet, rows, max_cells) for rows in areas(sheet)])


def _area_markdown(sheet: Sheet, rows: Sequence[Row], max_cells: int) -> str:
    columns = sorted({column for _, row in rows for column in row})
    if len(rows) * len(columns) > max_cells:
        raise too_many(max_cells)
    merges = [m for m in sheet.merges if columns[0] <= m.left <= columns[-1]]
    sheet = replace(sheet, merges=merges)
    captions = _captions(rows) if len(columns) > 1 else []
    rows = rows[len(captions) :]
    if not rows:
        return blocks(captions)
    _carry_down(rows, sheet.merges)
    if is_data([rows[0][1].get(column, "") for column in columns]):
        head, header = 0, [""] * len(columns)
    else:
        head = _header_rows(sheet, rows)
        header = _header(rows[:head], columns, sheet.merges)
    body = ([row.get(column, "") for column in columns] for _, row in rows[head:])
    return blocks([*captions, "\n".join(_lines(header, body))])


def _lines(header: Sequence[str], body: Iterable[Sequence[str]]) -> Iterable[str]:
    yield f"| {' | '.join(header)} |"
    yield f"| {' | '.join(['---'] * len(header))} |"
    for row in body:
        yield f"| {' | '.join(row)} |"


def _captions(rows: Sequence[Row]) -> list[str]:
    """Return the lines before the first row of more than one cell, if there is such a row."""
    found: list[str] = []
    for _, row in rows:
        if len(row) > 1:
            return found
        found.append(lines_of_block(next(iter(row.values())).replace("<br>", "\n")))
    return []


def _carry_down(rows: Sequence[Row], merges: Sequence[Merge]) -> None:
    """Write a label that is merged over rows into each of those that hold something."""
    numbers = [number for number, _ in rows]
    for merge in merges:
        first = bisect_left(numbers, merge.top)
        if merge.bottom == merge.top or first == len(rows) or numbers[first] != merge.top:
            continue
        text = rows[first][1].get(merge.left, "")
        if 0 < len(text) <= _LONGEST_CARRIED:
            for _, row in rows[first + 1 : bisect_right(numbers, merge.bottom)]:
                row.setdefault(merge.left, text)


def _header_rows(sheet: Sheet, rows: Sequence[Row]) -> int:
    """Return how many rows are the header: bands of merged cells, and the labels beneath them."""
    head = 1
    while head < min(len(rows) - 1, _TALLEST_HEADER):
        above, below = rows[head - 1][0], rows[head][0]
        bands = [m for m in sheet.merges if m.top == above and m.right > m.left]
        tall = any(m.top <= above and m.bottom >= below for m in sheet.merges)
        if not bands or not (tall or any(_labels_numbers(sheet, rows, head, b) for b in bands)):
            break
        head += 1
    return head


def _labels_numbers(sheet: Sheet, rows: Sequence[Row], at: int, band: Merge) -> bool:
    """Tell whether texts stand beneath a band, and numbers beneath those."""
    (number, row), (below, next_row) = rows[at], rows[at + 1]
    columns = range(band.left, band.right + 1)
    labels = [c for c in columns if row.get(c) and (number, c) not in sheet.numeric]
    holds_numbers = any((number, c) in sheet.numeric for c in columns)
    return (
        len(labels) > 1
        and not holds_numbers
        and any((below, c) in sheet.numeric and next_row.get(c) for c in columns)
    )


def _header(rows: Sequence[Row], columns: Sequence[int], merges: Sequence[Merge]) -> list[str]:
    if len(rows) == 1:
        return [rows[0][1].get(column, "") for column in columns]
    labels: dict[int, list[str]] = {column: [] for column in columns}
    for number, row in rows:
        spread = dict(row)
        for merge in merges:
            if merge.top == number and merge.left in row:
                for column in range(merge.left + 1, merge.right + 1):
                    spread.setdefault(column, row[merge.left])
        for column, text in spread.items():
            if column in labels and text not in labels[column]:
                labels[column].append(text)
    return [" ".join(labels[column]) for column in columns]
