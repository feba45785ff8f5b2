"""Spreadsheets: XLSX, XLSB, XLS and ODS."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any, Final

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum

from stages.conversion.markdown import blocks, heading, table
from stages.conversion.office.archive import refuse_harmful_archive
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.errors import UnconvertibleDocument

_CELL_REFERENCE: Final = re.compile(rb"<(?:\w+:)?c r=\"([A-Z]{1,3})(\d{1,7})\"")
_PIECE_BYTES = 4 << 20
_OVERLAP_BYTES = 64


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert a workbook: a section and a table a sheet, values as people see them, no formulas."""
    if zipfile.is_zipfile(source.path):
        refuse_harmful_archive(source.path)
        _refuse_far_apart_cells(source, options)
    try:
        return _workbook(source, options)
    except PasswordError as error:
        raise UnconvertibleDocument(
            "The workbook is protected by a password; remove the password and hand it in again."
        ) from error
    except (CalamineError, ValueError, OSError) as error:
        raise UnconvertibleDocument(
            "The workbook is damaged; open it in a spreadsheet program, save it anew and hand in "
            "that."
        ) from error


def _workbook(source: Source, options: ConversionOptions) -> Converted:
    parts, counts, left = [], [], options.max_cells
    with CalamineWorkbook.from_path(str(source.path)) as workbook:
        for sheet in workbook.sheets_metadata:
            if sheet.typ != SheetTypeEnum.WorkSheet:
                continue
            rows = _filled(workbook.get_sheet_by_name(sheet.name).iter_rows(), left)
            left -= sum(map(len, rows))
            counts.append(len(rows))
            if rows:
                parts.append(blocks([heading(sheet.name, 2), table(rows)]))
    return Converted(blocks(parts), {"sheets": len(counts), "rows": counts})


def _filled(rows: Iterable[Sequence[Any]], max_cells: int) -> list[list[str]]:
    """Return the rows that hold something, as text, without columns that are empty throughout."""
    found: list[list[str]] = []
    cells = 0
    for row in rows:
        texts = [_text(value) for value in row]
        if any(texts):
            found.append(texts)
            cells += len(texts)
        if cells > max_cells:
            raise _too_many(max_cells)
    used = [any(column) for column in zip(*found, strict=True)]
    return [[text for text, keep in zip(row, used, strict=True) if keep] for row in found]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    return str(value)


def _refuse_far_apart_cells(source: Source, options: ConversionOptions) -> None:
    """Refuse sheets whose outermost cells span more than may be held, however few there are."""
    with zipfile.ZipFile(source.path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                rows, columns = _extent(archive, name)
                if rows * columns > options.max_cells:
                    raise _too_many(options.max_cells)


def _extent(archive: zipfile.ZipFile, name: str) -> tuple[int, int]:
    rows = columns = 0
    seen: set[bytes] = set()
    rest = b""
    with archive.open(name) as part:
        while piece := part.read(_PIECE_BYTES):
            found = _CELL_REFERENCE.findall(rest + piece)
            rows = max([rows, *(int(row) for _, row in found)])
            seen.update(column for column, _ in found)
            rest = piece[-_OVERLAP_BYTES:]
    columns = max(map(_column_number, seen), default=0)
    return rows, columns


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _too_many(max_cells: int) -> UnconvertibleDocument:
    return UnconvertibleDocument(
        f"A sheet spans more than {max_cells} cells; delete stray cells far from the others, split "
        "the workbook, or raise maxCells in the options of this stage."
    )
