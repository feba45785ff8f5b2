"""Siblings of the cases: each rule of SpreadsheetML on workbooks of its own."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from openpyxl import Workbook

from stages.conversion.detection import Format
from stages.conversion.office.spreadsheet import convert as convert_spreadsheet
from stages.conversion.office.spreadsheet import second_reading
from stages.conversion.result import ConversionOptions, Source
from stages.errors import UnconvertibleDocument
from unit.stages.making import zip_of
from unit.stages.office.packages import CASES, markdown_of, package, parts_of, result_of

_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_KIND = "openxmlformats-officedocument.spreadsheetml.sheet.main"


def workbook(
    rows: str, *, after: str = "", strings: str = "", styles: str = "", **more: str
) -> bytes:
    """Return a workbook of one sheet from the XML of its rows."""
    parts: Mapping[str, str | bytes] = {
        "xl/workbook.xml": (
            f'<workbook {_MAIN} xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/'
            f'relationships">{more.get("properties", "")}<sheets><sheet name="S" sheetId="1" '
            'r:id="s1"/><sheet name="Gone" sheetId="2" r:id="s2"/></sheets></workbook>'
        ),
        "xl/worksheets/sheet1.xml": (
            f"<worksheet {_MAIN}>{more.get('before', '')}<sheetData>{rows}</sheetData>{after}"
            "</worksheet>"
        ),
        "xl/sharedStrings.xml": f"<sst {_MAIN}>{strings}</sst>",
        "xl/styles.xml": f"<styleSheet {_MAIN}>{styles}</styleSheet>",
    }
    targets = [
        ("s1", "worksheet", "worksheets/sheet1.xml"),
        ("s2", "worksheet", "worksheets/none.xml"),
        ("t", "sharedStrings", "sharedStrings.xml"),
        ("y", "styles", "styles.xml"),
    ]
    return package("xl/workbook.xml", _KIND, parts, targets)


def row(*cells: str, attributes: str = "") -> str:
    return f"<row {attributes}>{''.join(cells)}</row>"


def number(value: str, style: int = 0) -> str:
    return f'<c s="{style}"><v>{value}</v></c>'


def text(value: str) -> str:
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def test_cells_without_references_stand_one_after_the_other(tmp_path: Path) -> None:
    content = workbook(row(text("a"), number("1")) + row(text("b"), number("2.50")))
    assert markdown_of(tmp_path, content) == "## S\n\n| a | 1 |\n| --- | --- |\n| b | 2.5 |\n"


def test_shared_strings_keep_raised_digits_and_leave_readings_out(tmp_path: Path) -> None:
    strings = (
        "<si><r><t>m</t></r><r><rPr><vertAlign val='superscript'/></rPr><t>2</t></r></si>"
        "<si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh></si>"
        "<si><t>line_x000D_&#10;two | *</t></si>"
    )
    cells = [f'<c t="s"><v>{index}</v></c>' for index in (0, 1, 2, 99)]
    markdown = markdown_of(tmp_path, workbook(row(*cells), strings=strings))
    assert "| m<sup>2</sup> | 東京 | line<br>two \\| \\* |" in markdown


def test_formulas_without_a_value_are_shown_and_counted(tmp_path: Path) -> None:
    content = workbook(row(text("sum"), "<c><f>A1+1</f></c>", '<c t="str"><f>X</f><v>ok</v></c>'))
    result = result_of(tmp_path, content)
    assert "| sum | =A1+1 | ok |" in result.markdown
    assert result.metadata["formulasWithoutValue"] == 1


def test_dates_count_from_1904_where_the_workbook_says_so(tmp_path: Path) -> None:
    styles = '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
    rows = row(text("day"), number("43538", 1))
    assert "2019-03-14" in markdown_of(tmp_path, workbook(rows, styles=styles))
    properties = '<workbookPr date1904="1"/>'
    assert "2023-03-15" in markdown_of(
        tmp_path, workbook(rows, styles=styles, properties=properties)
    )


def test_a_struck_cell_is_struck(tmp_path: Path) -> None:
    styles = (
        "<fonts><font/><font><strike/></font></fonts>"
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="0" fontId="1"/></cellXfs>'
    )
    content = workbook(row(text("price"), number("40", 1)), styles=styles)
    assert "| price | ~~40~~ |" in markdown_of(tmp_path, content)


def test_bands_over_labels_over_numbers_are_one_header(tmp_path: Path) -> None:
    rows = (
        row("<c r='A1'/>", '<c r="B1"><v>2025</v></c>')
        + row(text("Site"), text("Q1"), text("Q2"))
        + row(text("North"), number("1"), number("2"))
    )
    after = '<mergeCells><mergeCell ref="B1:C1"/></mergeCells>'
    expected = "2025\n\n| Site | Q1 | Q2 |"
    assert expected in markdown_of(tmp_path, workbook(rows, after=after))
    rows = rows.replace("<c r='A1'/>", text("Table"))
    expected = "| Table Site | 2025 Q1 | 2025 Q2 |\n| --- | --- | --- |\n| North | 1 | 2 |"
    assert expected in markdown_of(tmp_path, workbook(rows, after=after))


def test_a_merge_over_the_whole_sheet_costs_nothing(tmp_path: Path) -> None:
    rows = row(text("a"), text("b")) + row(text("c"), text("d"))
    after = '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    assert "| c | d |" in markdown_of(tmp_path, workbook(rows, after=after))


def test_cells_far_apart_are_read(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"], sheet["XFD1"], sheet["XFD1048576"] = "near", "there", "far"
    out = io.BytesIO()
    book.save(out)
    assert "| near | there |\n| --- | --- |\n|  | far |" in markdown_of(tmp_path, out.getvalue())


def test_too_many_cells_are_refused_with_advice(tmp_path: Path) -> None:
    content = workbook("".join(row(number("1"), number("2")) for _ in range(10)))
    with pytest.raises(UnconvertibleDocument, match="more than 19 cells"):
        markdown_of(tmp_path, content, maxCells=19)


def test_a_cut_sheet_is_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(UnconvertibleDocument, match="damaged"):
        markdown_of(tmp_path, workbook("<row><c><v>1</v>"))


def test_second_reading_agrees_and_counts_the_same_words() -> None:
    for path in CASES.glob("*.xlsx"):
        source = Source(path, Format.SPREADSHEET, path.name, "")
        first = convert_spreadsheet(source, ConversionOptions())
        second = second_reading(source, ConversionOptions())
        assert first.left_out == second.left_out
        assert all(word in first.markdown for word in second.text.split())


@pytest.mark.parametrize("path", sorted(CASES.glob("*.xlsx")), ids=lambda path: path.stem)
def test_patterns_and_parser_find_the_same_cells(tmp_path: Path, path: Path) -> None:
    """A comment in a sheet makes the reader parse it."""
    parsed = {
        name: part.replace(b"<sheetData>", b"<sheetData><!-- parse -->")
        for name, part in parts_of(path.read_bytes()).items()
    }
    assert markdown_of(tmp_path, zip_of(parsed)) == markdown_of(tmp_path, path.read_bytes())


@pytest.mark.parametrize(
    "cells",
    [
        '<c r="A1" t="str"><f>B1&amp;"x"</f><v>a &lt;b&gt; &#65;&#x42;</v></c>',
        '<c r="B1" s="0"/><c r="C1"></c><c r="D1" t="b"><f t="shared" si="0"/><v>1</v></c>',
        '<c r="A1" t="e"><v>#N/A</v></c><c r="B1" t="d"><v>2026-03-05T00:00:00</v></c>',
        '<c r="A1" t="inlineStr"><is><r><t>two </t></r><r><t>runs</t></r></is></c>',
        '<c r="A1"><v>1e400</v></c><c r="B1"><v>none</v></c><c r="C1"><v> 7 </v></c>',
        '<c r="A1"><f>1+1</f></c><c r="B1"><v/></c>',
        "<c><v>1</v></c><c><v>2</v></c>",
    ],
)
def test_cells_of_many_forms_are_found_either_way(tmp_path: Path, cells: str) -> None:
    rows = '<row r="1" ht="0">' + text("z") + f'</row><row r="2">{cells}</row><row r="3"/>'
    assert markdown_of(tmp_path, workbook(rows)) == markdown_of(
        tmp_path, workbook("<!-- parse -->" + rows)
    )


def test_a_first_row_of_numbers_is_no_header(tmp_path: Path) -> None:
    content = workbook(row(number("1"), number("-2.5")) + row(number("3"), number("4")))
    assert markdown_of(tmp_path, content) == (
        "## S\n\n|  |  |\n| --- | --- |\n| 1 | -2.5 |\n| 3 | 4 |\n"
    )


def at(number_of_row: int, *cells: tuple[str, str], hidden: bool = False) -> str:
    """Return a row of cells at columns, each a number or a text."""
    found = (
        f'<c r="{column}{number_of_row}"><v>{value}</v></c>'
        if value.lstrip("-").isdigit()
        else f'<c r="{column}{number_of_row}" t="inlineStr"><is><t>{value}</t></is></c>'
        for column, value in cells
    )
    return row(*found, attributes=f'r="{number_of_row}"' + (' hidden="1"' if hidden else ""))


_FRUIT = at(1, ("A", "Fruit"), ("B", "Price")) + at(2, ("A", "Fig"), ("B", "3"))


def tables_of(tmp_path: Path, rows: str) -> list[str]:
    """Return the first lines of a sheet's blocks."""
    return [b.split("\n")[0] for b in markdown_of(tmp_path, workbook(rows)).split("\n\n")[1:]]


@pytest.mark.parametrize(
    ("rows", "first_lines"),
    [
        (
            _FRUIT
            + at(4, ("A", "Cities"))
            + at(6, ("A", "City"), ("B", "People"))
            + at(7, ("A", "Bonn"), ("B", "9")),
            ["| Fruit | Price |", "Cities", "| City | People |"],
        ),
        (_FRUIT + at(4, ("A", "Total"), ("B", "3")), ["| Fruit | Price |"]),
        (
            _FRUIT + at(3, ("A", "x"), hidden=True) + at(4, ("A", "a"), ("B", "b"))
            + at(5, ("A", "Kiwi"), ("B", "5")),
            ["| Fruit | Price |"],
        ),
        (
            at(1, ("A", "Fruit"), ("B", "Price"), ("D", "City"), ("E", "People"))
            + at(2, ("A", "Fig"), ("B", "3"), ("D", "Bonn"), ("E", "9"))
            + at(3, ("D", "Ulm"), ("E", "8")),
            ["| Fruit | Price |", "| City | People |"],
        ),
        (  # a column left free before the numbers of the same rows
            at(1, ("A", "Fruit"), ("B", "Price"), ("D", "Q1"), ("E", "Q2"))
            + at(2, ("A", "Fig"), ("B", "3"), ("D", "1"), ("E", "9")),
            ["| Fruit | Price | Q1 | Q2 |"],
        ),
    ],
)  # fmt: skip
def test_empty_rows_and_columns_part_tables(
    tmp_path: Path, rows: str, first_lines: list[str]
) -> None:
    assert tables_of(tmp_path, rows) == first_lines
