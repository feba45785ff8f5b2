"""Read the sheets of an OpenDocument spreadsheet: what its cells show stands in it (ODF 1.3, 9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from stages.conversion.markdown import blocks, heading
from stages.conversion.office.markup import Span, cell_line, inline, lines_of_block
from stages.conversion.office.package import Element, local
from stages.conversion.office.pictures import picture
from stages.conversion.office.sheets.cells import WORD, Merge, Sheet, too_many
from stages.conversion.office.sheets.number_format import general
from stages.conversion.office.sheets.tables import sheet_markdown
from stages.conversion.result import ConversionOptions

_OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_STYLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_TEXT: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_HREF: Final = "{http://www.w3.org/1999/xlink}href"
_CELLS: Final = (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell")
_HIDDEN: Final = ("collapse", "filter")
_MOST_BLANKS: Final = 100
_LAST_COLUMN: Final = 16_384


class SheetsReader:
    """Reads the tables of a spreadsheet's body, hidden ones having been taken out of it."""

    def __init__(self, root: Element, options: ConversionOptions, left_out: Counter[str]) -> None:
        self._options = options
        self._left_out = left_out
        self._struck = {
            style.get(f"{_STYLE}name", "")
            for style in root.iter(f"{_STYLE}style")
            if any(p.get(f"{_STYLE}text-line-through-style", "none") != "none" for p in style)
        }
        self._comments: list[str] = []
        self._cells = 0
        self.rows: list[int] = []
        self.formulas = 0

    def markdown(self, body: Element) -> str:
        """Return a section a sheet; raises UnconvertibleDocument for too many cells."""
        return blocks(map(self._sheet, body.iterchildren(f"{_TABLE}table")))

    def _sheet(self, table: Element) -> str:
        sheet = Sheet(cells=self._cells)
        if not self._options.include_hidden:
            sheet.hidden_columns = set(_hidden_columns(table))
        self._comments = []
        number = 0
        for row in _rows(table):
            repeated = _count(row, "number-rows-repeated")
            self._row(sheet, row, number + 1, repeated)
            number += repeated
        self._cells = sheet.cells
        self._left_out.update(sheet.left_out)
        self.rows.append(len(sheet.rows))
        found = [sheet_markdown(sheet, self._options.max_cells) if sheet.rows else ""]
        found += [*self._drawn(table), *self._comments]
        if not any(found):
            return ""
        return blocks([heading(table.get(f"{_TABLE}name", ""), 2), *found])

    def _row(self, sheet: Sheet, row: Element, number: int, repeated: int) -> None:
        found: dict[int, str] = {}
        column = 1
        for cell in row.iterchildren(*_CELLS):
            count = _count(cell, "number-columns-repeated")
            text = self._cell(cell) if column <= _LAST_COLUMN else ""
            if text:
                columns = range(column, min(column + count, _LAST_COLUMN + 1))
                found |= dict.fromkeys(columns, text)
                sheet.merges += _merge(cell, number, column)
                if cell.get(f"{_OFFICE}value-type", "string") != "string":
                    sheet.numeric.update((number, each) for each in columns)
            column += count
        for each in sheet.hidden_columns & found.keys():
            sheet.left_out["hiddenColumns"] += len(WORD.findall(found.pop(each)))
        if found:
            self._keep(sheet, found, number, repeated)

    def _keep(self, sheet: Sheet, found: dict[int, str], number: int, repeated: int) -> None:
        sheet.cells += len(found) * repeated
        if sheet.cells > self._options.max_cells:
            raise too_many(self._options.max_cells)
        sheet.rows += [(number + more, dict(found)) for more in range(repeated)]

    def _cell(self, cell: Element) -> str:
        lines = [list(self._spans(p, _is(cell, self._struck))) for p in _paragraphs(cell)]
        for note in cell.iterchildren(f"{_OFFICE}annotation"):
            self._comment(note)
        shown = "<br>".join(text for spans in lines if (text := cell_line(spans)))
        return shown or self._value(cell)

    def _value(self, cell: Element) -> str:
        """Return the value of a cell that says nothing of what it shows."""
        value = cell.get(f"{_OFFICE}value")
        if value is not None:
            try:
                return general(float(value))
            except (ValueError, OverflowError):
                return cell_line([Span(value)])
        for name in ("date-value", "time-value", "boolean-value", "string-value"):
            if cell.get(f"{_OFFICE}{name}"):
                return cell_line([Span(cell.get(f"{_OFFICE}{name}", "").replace("T", " "))])
        formula = cell.get(f"{_TABLE}formula", "")
        self.formulas += bool(formula)
        return cell_line([Span(formula[formula.find("=") :])]) if formula else ""

    def _spans(self, element: Element, strike: bool, link: str = "") -> Iterator[Span]:
        yield Span(element.text or "", strike=strike, link=link)
        for child in element:
            name = local(child)
            if name == "s":
                blanks = child.get(f"{_TEXT}c", "1")
                yield Span(" " * min(int(blanks) if blanks.isdigit() else 1, _MOST_BLANKS))
            elif name in ("tab", "line-break"):
                yield Span(" " if name == "tab" else "\n")
            elif name != "annotation":
                struck = strike or _is(child, self._struck)
                yield from self._spans(child, struck, child.get(_HREF) or link)
            yield Span(child.tail or "", strike=strike, link=link)

    def _comment(self, note: Element) -> None:
        text = " ".join(" ".join(map(str, p.itertext())) for p in note.iter(f"{_TEXT}p"))
        if self._options.comments:
            self._comments.append(cell_line([Span(text)]))
        else:
            self._left_out["comments"] += len(WORD.findall(text))

    def _drawn(self, table: Element) -> Iterator[str]:
        """Return text boxes and descriptions of pictures, wherever they are anchored."""
        for each in table.iter():
            name = local(each)
            if name in ("text-box", "custom-shape"):
                for paragraph in each.iterchildren(f"{_TEXT}p"):
                    yield lines_of_block(inline(self._spans(paragraph, strike=False)))
            elif name == "desc":
                yield picture(each.text)


def _is(element: Element, styles: set[str]) -> bool:
    name = element.get(f"{_TABLE}style-name") or element.get(f"{_TEXT}style-name") or ""
    return name in styles


def _rows(element: Element) -> Iterator[Element]:
    """Return the rows, also those within groups and headers."""
    for child in element:
        if child.tag == f"{_TABLE}table-row":
            yield child
        elif local(child) in ("table-row-group", "table-header-rows", "table-rows"):
            yield from _rows(child)


def _paragraphs(cell: Element) -> Iterator[Element]:
    for child in cell:
        name = local(child)
        if name in ("p", "h"):
            yield child
        elif name in ("list", "list-item"):
            yield from _paragraphs(child)


def _hidden_columns(table: Element) -> Iterator[int]:
    column = 1
    for each in table.iter(f"{_TABLE}table-column"):
        count = _count(each, "number-columns-repeated")
        if each.get(f"{_TABLE}visibility") in _HIDDEN:
            yield from range(column, min(column + count, _LAST_COLUMN + 1))
        column += count


def _merge(cell: Element, row: int, column: int) -> Iterator[Merge]:
    wide, high = _count(cell, "number-columns-spanned"), _count(cell, "number-rows-spanned")
    if wide > 1 or high > 1:
        yield Merge(row, column, row + high - 1, column + wide - 1)


def _count(element: Element, name: str) -> int:
    text = element.get(f"{_TABLE}{name}", "1")
    return max(1, int(text)) if text.isdigit() and len(text) < 9 else 1
