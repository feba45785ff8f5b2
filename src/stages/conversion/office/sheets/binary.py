"""Read workbooks of Excel 5.0 to 2003 (BIFF): values by their number formats, as in newer ones."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from stages.conversion.markdown import blocks, heading
from stages.conversion.office.markup import Span, cell_line
from stages.conversion.office.sheets.cells import WORD, Merge, Sheet, too_many
from stages.conversion.office.sheets.looks import Look, look_of
from stages.conversion.office.sheets.number_format import BUILT_IN, GENERAL_CODE
from stages.conversion.office.sheets.strings import escaped_text
from stages.conversion.office.sheets.tables import sheet_markdown
from stages.conversion.result import ConversionOptions, Converted

# These follow the settings of the computer, whatever the file says.
_SYSTEM_DATES: Final = frozenset([14, 22, *range(27, 37), *range(50, 59)])
_VERTICAL: Final = {1: "sup", 2: "sub"}
_TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR = 1, 2, 3, 4, 5


def convert_binary_workbook(path: Path, options: ConversionOptions) -> Converted:
    """Convert a workbook; raises xlrd's errors, and others, for one that is damaged or locked."""
    import xlrd

    parts, rows, left_out, cells = [], [], Counter[str](), 0
    with xlrd.open_workbook(
        str(path), logfile=io.StringIO(), formatting_info=True, on_demand=True, ragged_rows=True
    ) as book:
        looks = list(_looks(book))
        for index in range(book.nsheets):
            source = book.sheet_by_index(index)
            sheet = _Reader(book, source, looks, options, cells).read()
            book.unload_sheet(index)
            if source.visibility and not options.include_hidden:
                left_out["hiddenSheets"] += _words(sheet)
                continue
            cells = sheet.cells
            left_out += sheet.left_out
            rows.append(len(sheet.rows))
            found = [sheet_markdown(sheet, options.max_cells) if sheet.rows else ""]
            found += _comments(source, options, left_out)
            if any(found):
                parts.append(blocks([heading(source.name, 2), *found]))
    return Converted(
        blocks(parts),
        {"sheets": len(rows), "rows": rows},
        left_out=dict(+left_out),
        converter="xls-biff/1",
    )


class _Reader:
    """Reads one sheet; raises UnconvertibleDocument if it holds more cells than may be read."""

    def __init__(
        self, book: Any, source: Any, looks: list[Look], options: ConversionOptions, cells: int
    ) -> None:
        self._book = book
        self._source = source
        self._looks = looks
        self._options = options
        columns = source.colinfo_map.items()
        self._sheet = Sheet(
            cells=cells,
            merges=[Merge(t + 1, le + 1, b, r) for t, b, le, r in source.merged_cells],
            hidden_rows={n + 1 for n, info in source.rowinfo_map.items() if info.hidden},
            hidden_columns={n + 1 for n, info in columns if info.hidden},
        )

    def read(self) -> Sheet:
        """Return the sheet's cells."""
        for number in range(self._source.nrows):
            found = self._row(number)
            self._leave_out_hidden(number + 1, found)
            if found:
                self._sheet.rows.append((number + 1, found))
                self._sheet.cells += len(found)
            if self._sheet.cells > self._options.max_cells:
                raise too_many(self._options.max_cells)
        return self._sheet

    def _row(self, number: int) -> dict[int, str]:
        found: dict[int, str] = {}
        values = self._source.row_values(number)
        for column, kind in enumerate(self._source.row_types(number)):
            if kind not in (_TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR):
                continue
            look = self._looks[self._source.cell_xf_index(number, column)]
            text = self._shown(number, column, kind, values[column], look)
            if text:
                found[column + 1] = look.marked(text) if look.is_marked else text
                if kind != _TEXT:
                    self._sheet.numeric.add((number + 1, column + 1))
        return found

    def _shown(self, row: int, column: int, kind: int, value: Any, look: Look) -> str:
        if kind == _TEXT:
            runs = self._source.rich_text_runlist_map.get((row, column))
            if runs and not look.changes_text:
                return cell_line(self._spans(value, runs))
            return escaped_text(look.text(value))
        if kind == _BOOLEAN:
            return "TRUE" if value else "FALSE"
        if kind == _ERROR:
            return _error(value)
        return look.number(repr(value))

    def _spans(self, text: str, runs: list[tuple[int, int]]) -> Iterator[Span]:
        starts = [*runs, (len(text), 0)]
        yield Span(text[: starts[0][0]])
        for (start, font), (end, _) in pairwise(starts):
            strike, vertical = _font(self._book, font)
            yield Span(text[start:end], strike=strike, vertical=vertical)

    def _leave_out_hidden(self, number: int, found: dict[int, str]) -> None:
        if self._options.include_hidden:
            return
        for column in list(found):
            row_hidden = number in self._sheet.hidden_rows
            if row_hidden or column in self._sheet.hidden_columns:
                kind = "hiddenRows" if row_hidden else "hiddenColumns"
                self._sheet.left_out[kind] += len(WORD.findall(found.pop(column)))


def _looks(book: Any) -> Iterator[Look]:
    for each in book.xf_list:
        known = book.format_map.get(each.format_key)
        code = known.format_str if known is not None else ""
        if each.format_key in _SYSTEM_DATES or not code:
            code = BUILT_IN.get(each.format_key, GENERAL_CODE)
        yield look_of(code, _font(book, each.font_index), since_1904=bool(book.datemode))


def _font(book: Any, index: int) -> tuple[bool, str]:
    if not 0 <= index < len(book.font_list):
        return False, ""
    font = book.font_list[index]
    return bool(font.struck_out), _VERTICAL.get(font.escapement, "")


def _error(code: int) -> str:
    from xlrd import error_text_from_code

    return str(error_text_from_code.get(code, f"#ERR{code}"))


def _comments(source: Any, options: ConversionOptions, left_out: Counter[str]) -> list[str]:
    found = []
    for (row, column), note in sorted(source.cell_note_map.items()):
        text = " ".join(note.text.split())
        if options.comments:
            found.append(f"R{row + 1}C{column + 1}: {escaped_text(text)}")
        else:
            left_out["comments"] += len(WORD.findall(text))
    return found


def _words(sheet: Sheet) -> int:
    shown = sum(len(WORD.findall(text)) for _, row in sheet.rows for text in row.values())
    return shown + sum(sheet.left_out.values())
