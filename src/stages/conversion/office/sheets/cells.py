"""Read a sheet's cells, row by row, as Excel shows them (ECMA-376 part 1, 18.3.1)."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final

from lxml import etree

from stages.conversion.markdown import cell as escaped_cell
from stages.conversion.office.package import Element, local
from stages.conversion.office.sheets.looks import Look
from stages.conversion.office.sheets.quick import MOST_BYTES, Unusual, parts_of, resolved, rows_of
from stages.conversion.office.sheets.quick import Cell as QuickCell
from stages.conversion.office.sheets.strings import SAFE, Text, escaped_text, text_of, unescaped
from stages.errors import UnconvertibleDocument

WORD: Final = re.compile(r"\w+")
_TAGS: Final = ("{*}row", "{*}mergeCell", "{*}col", "{*}sheetFormatPr")
_YES: Final = ("1", "true")
_ATTRIBUTE: Final = re.compile(r'(\w+)="([^"]*)"')
_RANGE: Final = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})")
_MAX_MERGES: Final = 200_000
_LAST_COLUMN: Final = 16_384
_HEAD_ROWS: Final = 60  # of so many rows it is known which cells hold numbers


@dataclass(frozen=True)
class Merge:
    """A merged range; rows and columns count from 1, the last ones are inside."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass
class Sheet:
    """The filled cells of a sheet: of each row its number, and texts by column."""

    rows: list[tuple[int, dict[int, str]]] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    numeric: set[tuple[int, int]] = field(default_factory=set)
    cells: int = 0
    formulas: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Workbook:
    """What all sheets of a workbook share."""

    strings: Sequence[Text]
    looks: Sequence[Look]
    include_hidden: bool
    max_cells: int


class SheetReader:
    """Reads one sheet; raises UnconvertibleDocument if it holds more cells than may be read."""

    def __init__(self, workbook: Workbook, *, cells_before: int = 0) -> None:
        self._workbook = workbook
        self._cells_before = cells_before
        self._begin()
        self._columns: dict[str, int] = {}
        self._looks: dict[str | None, Look] = {}

    def read(self, part: IO[bytes], size_bytes: int) -> Sheet:
        """Return the sheet's cells."""
        if size_bytes > MOST_BYTES:
            return self._parse(part)
        content = part.read()
        parts = parts_of(content)
        if parts is None:
            return self._parse(io.BytesIO(content))
        self._parse(io.BytesIO(parts.frame))
        try:
            for number, attributes, cells in rows_of(parts.rows):
                self._quick_row(number, attributes, cells)
        except Unusual:
            self._begin()
            return self._parse(io.BytesIO(content))
        return self._sheet

    def _begin(self) -> None:
        self._sheet = Sheet(cells=self._cells_before)
        self._hidden_columns: set[int] = set()
        self._shared: dict[str, str] = {}
        self._zero_height = False
        self._below_head = False

    def _quick_row(self, number: int, attributes: str, cells: list[QuickCell]) -> None:
        hidden = self._hides(dict(_ATTRIBUTE.findall(attributes)))
        found: dict[int, str] = {}
        for letters, style, is_text, other_kind, value, inline in cells:
            kind = is_text or other_kind
            column = self._columns.get(letters) or self._column_number(letters, 0)
            look = self._looks.get(style) or self._look(style)
            if kind == "s" and look.is_common and value.isdigit():
                text = self._shared_text(value, look)
            elif value and kind in ("", "n") and look.is_common and self._below_head:
                text = self._number(value, look)
            elif value or inline:
                text = self._quick_text(kind, value, inline, look)
                if not self._below_head and kind in ("", "n", "b", "e"):
                    self._sheet.numeric.add((number, column))
            else:
                continue
            if text:
                found[column] = text
        self._keep(number, found, hidden=hidden)

    def _quick_text(self, kind: str, value: str, inline: str, look: Look) -> str:
        if inline:
            shown = escaped_text(look.text(unescaped(resolved(inline))))
        else:
            shown = self._shown(kind or None, resolved(value), None, look)
        return look.marked(shown) if look.is_marked else shown

    def _parse(self, part: IO[bytes]) -> Sheet:
        at = 0
        for _, element in etree.iterparse(part, tag=_TAGS, **SAFE):
            name = local(element)
            if name == "row":
                at = _whole(element.get("r"), at + 1)
                self._row(element, at)
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
            elif name == "mergeCell" and len(self._sheet.merges) < _MAX_MERGES:
                self._sheet.merges += self._merge(element.get("ref", ""))
            elif name == "col":
                self._column(element)
            elif name == "sheetFormatPr":
                self._zero_height = element.get("zeroHeight") in _YES
        return self._sheet

    def _row(self, row: Element, number: int) -> None:
        found: dict[int, str] = {}
        column = 0
        for cell in row:
            column = self._column_number(cell.get("r"), column + 1)
            text = self._cell(cell, number, column)
            if text:
                found[column] = text
        self._keep(
            number, found, hidden=self._hides({str(k): str(v) for k, v in row.attrib.items()})
        )

    def _hides(self, attributes: Mapping[str, str]) -> bool:
        """Tell whether a row is not shown: by itself, by its height, or by default."""
        hidden, height = attributes.get("hidden"), attributes.get("ht")
        unsaid = hidden is None and height is None
        return hidden in _YES or height == "0" or (self._zero_height and unsaid)

    def _keep(self, number: int, found: dict[int, str], *, hidden: bool) -> None:
        """Keep a row's cells that are shown, and count the words of the others."""
        if hidden:
            self._sheet.hidden_rows.add(number)
        if not self._workbook.include_hidden and (hidden or self._hidden_columns):
            for column in list(found):
                if hidden or column in self._hidden_columns:
                    kind = "hiddenRows" if hidden else "hiddenColumns"
                    self._sheet.left_out[kind] += len(WORD.findall(found.pop(column)))
        if found:
            self._sheet.rows.append((number, found))
            self._below_head = len(self._sheet.rows) > _HEAD_ROWS
            self._sheet.cells += len(found)
            if self._sheet.cells > self._workbook.max_cells:
                raise too_many(self._workbook.max_cells)

    def _cell(self, cell: Element, row: int, column: int) -> str:
        kind, style = cell.get("t"), cell.get("s")
        value = formula = inline = None
        for child in cell:
            tag = child.tag
            if tag.endswith("}v"):
                value = child.text or ("" if kind == "str" else None)
            elif tag.endswith("}f"):
                formula = child
            elif tag.endswith("}is"):
                inline = child
        look = self._looks.get(style)
        if look is None:
            look = self._look(style)
        if value is None and inline is None:
            return self._formula(formula) if formula is not None else ""
        if kind == "s" and value is not None and not look.changes_text:
            shown = self._shared_text(value, look)
        else:
            shown = self._shown(kind, value, inline, look)
        if not self._below_head and kind in (None, "n", "b", "e", "d"):
            self._sheet.numeric.add((row, column))
        if formula is not None and formula.get("t") == "shared" and formula.text:
            self._shared[formula.get("si", "")] = formula.text
        return look.marked(shown) if look.is_marked else shown

    def _shown(
        self, kind: str | None, value: str | None, inline: Element | None, look: Look
    ) -> str:
        if kind == "s":
            return self._shared_text(value, look)
        if kind == "inlineStr" or (inline is not None and value is None):
            text = text_of(inline) if inline is not None else None
            return self._text(text, look) if text else escaped_cell(value or "")
        if kind == "str":
            return escaped_text(look.text(unescaped(value or "")))
        if kind == "b":
            return "TRUE" if value in _YES else "FALSE"
        if kind == "e":
            return value or ""
        if kind == "d":
            return (value or "").replace("T", " ").removesuffix(" 00:00:00")
        return self._number(value or "", look)

    @staticmethod
    def _number(value: str, look: Look) -> str:
        try:
            return look.number(value)
        except (ValueError, OverflowError):
            return escaped_cell(value)

    def _shared_text(self, value: str | None, look: Look) -> str:
        strings = self._workbook.strings
        index = int(value) if value and value.isdigit() else -1
        return self._text(strings[index], look) if 0 <= index < len(strings) else ""

    @staticmethod
    def _text(text: Text, look: Look) -> str:
        return escaped_text(look.text(text.plain)) if look.changes_text else text.markdown

    def _formula(self, formula: Element) -> str:
        """Return a formula that has no stored value; it is what a reader can be told."""
        text = formula.text or self._shared.get(formula.get("si", ""), "")
        if formula.get("t") == "shared" and formula.text:
            self._shared[formula.get("si", "")] = formula.text
        if not text:
            return ""
        self._sheet.formulas += 1
        return escaped_cell(f"={text}")

    def _look(self, style: str | None) -> Look:
        looks = self._workbook.looks
        index = int(style) if style and style.isdigit() else 0
        return self._looks.setdefault(style, looks[index] if index < len(looks) else looks[0])

    def _column(self, element: Element) -> None:
        if element.get("hidden") in _YES or element.get("width") == "0":
            first, last = _whole(element.get("min"), 1), _whole(element.get("max"), 0)
            self._hidden_columns.update(range(first, min(last, _LAST_COLUMN) + 1))
            self._sheet.hidden_columns.update(self._hidden_columns)

    def _column_number(self, reference: str | None, default: int) -> int:
        if not reference:
            return default
        letters = reference.rstrip("0123456789")
        number = self._columns.get(letters)
        if number is None:
            number = self._columns[letters] = column_number(letters) or default
        return number

    def _merge(self, reference: str) -> Iterator[Merge]:
        match = _RANGE.fullmatch(reference)
        if match:
            left, right = column_number(match[1]), column_number(match[3])
            yield Merge(int(match[2]), left, int(match[4]), right)


def column_number(letters: str) -> int:
    """Return the number of a column from its letters, from 1; 0 for none."""
    number = 0
    for letter in letters.replace("$", "").upper():
        if not "A" <= letter <= "Z":
            return 0
        number = number * 26 + ord(letter) - 64
    return number if number <= _LAST_COLUMN else 0


def too_many(max_cells: int) -> UnconvertibleDocument:
    """Return the error for a workbook that holds more than may be read."""
    return UnconvertibleDocument(
        f"The workbook holds more than {max_cells} cells; split it, or raise maxCells in the "
        "options of this stage."
    )


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isdigit() else default
