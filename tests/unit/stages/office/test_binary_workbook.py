"""Workbooks from before 2007 show their values as newer ones do."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import xlrd
import xlwt

from stages.conversion.detection import Format, detect
from stages.conversion.office.spreadsheet import second_reading
from stages.conversion.result import ConversionOptions, Source
from stages.errors import UnconvertibleDocument
from unit.stages.making import zip_of
from unit.stages.office.packages import markdown_of, result_of


def binary(write: Callable[[xlwt.Workbook], None]) -> bytes:
    book = xlwt.Workbook()
    write(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def style(code: str) -> xlwt.XFStyle:
    return xlwt.easyxf(num_format_str=code)


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (0.653035934239184, "0.0%", "65.3%"),
        (501, "00000", "00501"),
        (56701.0309278351, "#,##0.00", "56,701.03"),
        (-3, "0.00;(0.00)", "(3.00)"),
        (dt.date(2026, 3, 5), "d-mmm-yy", "5-Mar-26"),
        (1.25, "[h]:mm:ss", "30:00:00"),
        (0.1 + 0.2, "General", "0.3"),
        (True, "General", "TRUE"),
    ],
)
def test_values_are_shown_by_their_formats(
    tmp_path: Path, value: object, code: str, shown: str
) -> None:
    def write(book: xlwt.Workbook) -> None:
        sheet = book.add_sheet("S")
        sheet.write(0, 0, "Head")
        sheet.write(1, 0, value, style(code))

    assert markdown_of(tmp_path, binary(write)) == f"## S\n\n| Head |\n| --- |\n| {shown} |\n"


def test_hidden_parts_are_left_out_and_counted_and_come_on_request(tmp_path: Path) -> None:
    def write(book: xlwt.Workbook) -> None:
        sheet = book.add_sheet("S")
        for row, texts in enumerate((("a", "b", "c"), ("d", "secret column", "e"), ("row",))):
            for column, text in enumerate(texts):
                sheet.write(row, column, text)
        sheet.col(1).hidden = True
        sheet.row(2).hidden = True
        gone = book.add_sheet("Gone")
        gone.write(0, 0, "not seen")
        gone.visibility = 1

    result = result_of(tmp_path, binary(write))
    assert result.markdown == "## S\n\n| a | c |\n| --- | --- |\n| d | e |\n"
    assert result.left_out == {"hiddenColumns": 3, "hiddenRows": 1, "hiddenSheets": 2}
    everything = markdown_of(tmp_path, binary(write), include_hidden=True)
    assert "secret column" in everything
    assert "## Gone" in everything


def test_merged_labels_raised_digits_and_struck_prices(tmp_path: Path) -> None:
    def write(book: xlwt.Workbook) -> None:
        sheet = book.add_sheet("S")
        sheet.write(0, 0, "Site")
        sheet.write(0, 1, "Fee")
        sheet.write_merge(1, 2, 0, 0, "North mole")
        raised = xlwt.Font()
        raised.escapement = xlwt.Font.ESCAPEMENT_SUPERSCRIPT
        sheet.write_rich_text(1, 1, ["10", ("6", raised)])
        sheet.write(2, 1, 40, xlwt.easyxf("font: struck_out on"))

    assert markdown_of(tmp_path, binary(write)) == (
        "## S\n\n| Site | Fee |\n| --- | --- |\n| North mole | 10<sup>6</sup> |\n"
        "| North mole | ~~40~~ |\n"
    )


def one_cell(book: xlwt.Workbook) -> None:
    book.add_sheet("S").write(0, 0, "kept")


def test_a_theme_at_its_end_makes_it_no_package(tmp_path: Path) -> None:
    content = binary(one_cell) + zip_of({"theme.xml": b"<theme/>"})
    assert markdown_of(tmp_path, content) == "## S\n\n| kept |\n| --- |\n"


def test_one_that_the_first_library_cannot_read_comes_by_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise IndexError

    monkeypatch.setattr(xlrd, "open_workbook", fail)
    result = result_of(tmp_path, binary(one_cell))
    assert (result.markdown, result.converter) == ("## S\n\n| kept |\n| --- |\n", "calamine/1")


def test_the_second_reading_has_its_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.xls"
    path.write_bytes(binary(one_cell))
    assert detect(path, "a.xls", "") is Format.SPREADSHEET
    source = Source(path, Format.SPREADSHEET, "a.xls", "")
    assert second_reading(source, ConversionOptions()).text == "kept"


@pytest.mark.parametrize("cut", [600, 1500, 4000])
def test_a_cut_one_fails_with_a_reason(tmp_path: Path, cut: int) -> None:
    with pytest.raises(UnconvertibleDocument):
        markdown_of(tmp_path, binary(one_cell)[:cut])
