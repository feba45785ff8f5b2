"""Spreadsheets: XLSX and its kin by their XML, XLS by its records, XLSB by its values."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any, Final

from lxml import etree

from stages.conversion.headers import is_data
from stages.conversion.markdown import blocks, heading, table
from stages.conversion.office.archive import is_package
from stages.conversion.office.native import native_panics
from stages.conversion.office.package import Package
from stages.conversion.office.sheets.binary import convert_binary_workbook
from stages.conversion.office.sheets.cells import too_many
from stages.conversion.office.sheets.number_format import display, general
from stages.conversion.office.sheets.second_reading import second_reading
from stages.conversion.office.sheets.workbook import convert_workbook
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.errors import UnconvertibleDocument

__all__ = ["convert", "second_reading"]

_DAMAGED: Final = (
    "The workbook is damaged, or written in a way that cannot be read; open it in a spreadsheet "
    "program, save it as XLSX and hand in that."
)
_LOCKED: Final = (
    "The workbook is protected by a password; remove the password and hand it in again."
)


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert a workbook: a section and a table a sheet, values as Excel shows them."""
    try:
        if is_package(source.path):
            with Package(source.path) as package:
                main = package.main_part()
                if main is None or not main.lower().endswith(".bin"):
                    return convert_workbook(package, options)
            return _by_values(source, options)
        return _by_records(source, options)
    except (etree.XMLSyntaxError, zipfile.BadZipFile, ValueError, KeyError, EOFError) as error:
        raise UnconvertibleDocument(_DAMAGED) from error


def _by_records(source: Source, options: ConversionOptions) -> Converted:
    """Convert an XLS; one whose formats cannot be read, by its values alone.

    The library that knows the formats raises errors of many types on damaged files.
    """
    from xlrd import XLRDError

    try:
        return convert_binary_workbook(source.path, options)
    except (MemoryError, UnconvertibleDocument):
        raise
    except XLRDError as error:
        if "encrypted" in str(error):
            raise UnconvertibleDocument(_LOCKED) from error
        return _by_values(source, options)
    except Exception:
        return _by_values(source, options)


def _by_values(source: Source, options: ConversionOptions) -> Converted:
    """Convert a workbook in a binary format: its values, without their number formats."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        with native_panics(_DAMAGED), CalamineWorkbook.from_path(str(source.path)) as workbook:
            return _values(workbook, options)
    except PasswordError as error:
        raise UnconvertibleDocument(_LOCKED) from error
    except (CalamineError, OSError) as error:
        raise UnconvertibleDocument(_DAMAGED) from error


def _values(workbook: Any, options: ConversionOptions) -> Converted:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    parts, counts, hidden, left = [], [], 0, options.max_cells
    for sheet in workbook.sheets_metadata:
        if sheet.typ != SheetTypeEnum.WorkSheet:
            continue
        rows = _filled(workbook.get_sheet_by_name(sheet.name).iter_rows(), left, options.max_cells)
        if sheet.visible != SheetVisibleEnum.Visible and not options.include_hidden:
            hidden += sum(len(text.split()) for row in rows for text in row)
            continue
        left -= sum(map(len, rows))
        counts.append(len(rows))
        if rows:
            header = [[""]] if is_data(rows[0]) else []
            parts.append(blocks([heading(sheet.name, 2), table([*header, *rows])]))
    return Converted(
        blocks(parts),
        {"sheets": len(counts), "rows": counts},
        left_out={"hiddenSheets": hidden} if hidden else {},
        converter="calamine/1",
    )


def _filled(rows: Iterable[Sequence[Any]], left: int, max_cells: int) -> list[list[str]]:
    """Return the rows that hold something, as text, without columns that are empty throughout."""
    found: list[list[str]] = []
    cells = 0
    for row in rows:
        texts = [_text(value) for value in row]
        if any(texts):
            found.append(texts)
            cells += len(texts)
        if cells > left:
            raise too_many(max_cells)
    used = [any(column) for column in zip(*found, strict=True)]
    return [[text for text, keep in zip(row, used, strict=True) if keep] for row in found]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return general(float(value))
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, dt.timedelta):
        return display(value / dt.timedelta(days=1), "[h]:mm:ss")
    return str(value)
