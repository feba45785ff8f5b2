"""Sheets of OpenDocument: tables, hidden parts, merged and repeated cells, values without text."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.errors import UnconvertibleDocument
from unit.stages.office.packages import markdown_of, result_of
from unit.stages.office.test_other_kinds import open_document


def cell(text: str, attributes: str = "", within: str = "") -> str:
    shown = f"<text:p>{text}</text:p>" if text else ""
    return f"<table:table-cell {attributes}>{within}{shown}</table:table-cell>"


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def sheet(*rows: str, before: str = "") -> bytes:
    table = f'<table:table table:name="Rates">{before}{"".join(rows)}</table:table>'
    return open_document("spreadsheet", table)


NUMBER = 'office:value-type="float" office:value="12.5"'


def test_a_title_is_above_its_table_and_blank_columns_are_none(tmp_path: Path) -> None:
    blank = cell("", 'table:number-columns-repeated="2"')
    content = sheet(
        row(blank),
        row(blank, cell("Ducks by year")),
        row(blank, cell("", 'table:number-columns-repeated="16382"')),
        row(blank, cell("Year"), cell("Ducks")),
        row(blank, cell("2019"), cell("1 200", NUMBER)),
        row(cell(""), attributes='table:number-rows-repeated="1048000"'),
    )
    assert markdown_of(tmp_path, content) == (
        "## Rates\n\nDucks by year\n\n| Year | Ducks |\n| --- | --- |\n| 2019 | 1 200 |\n"
    )


def test_merged_labels_are_carried_and_bands_are_one_header(tmp_path: Path) -> None:
    content = sheet(
        row(
            cell("Site", 'table:number-rows-spanned="2"'),
            cell("2025", 'table:number-columns-spanned="2"'),
            "<table:covered-table-cell/>",
        ),
        row("<table:covered-table-cell/>", cell("Q1"), cell("Q2")),
        row(cell("North", 'table:number-rows-spanned="2"'), cell("1", NUMBER), cell("2", NUMBER)),
        row("<table:covered-table-cell/>", cell("3", NUMBER), cell("4", NUMBER)),
    )
    assert markdown_of(tmp_path, content) == (
        "## Rates\n\n| Site | 2025 Q1 | 2025 Q2 |\n| --- | --- | --- |\n| North | 1 | 2 |\n"
        "| North | 3 | 4 |\n"
    )


def test_hidden_columns_and_comments_are_counted(tmp_path: Path) -> None:
    columns = (
        '<table:table-column/><table:table-column table:visibility="collapse"/>'
        "<table:table-column/>"
    )
    note = "<office:annotation><text:p>three words long</text:p></office:annotation>"
    content = sheet(
        row(cell("a", within=note), cell("secret"), cell("b")),
        row(cell("c"), cell("also secret"), cell("d")),
        before=columns,
    )
    result = result_of(tmp_path, content)
    assert result.markdown == "## Rates\n\n| a | b |\n| --- | --- |\n| c | d |\n"
    assert result.left_out == {"hiddenColumns": 3, "comments": 3}
    everything = markdown_of(tmp_path, content, include_hidden=True, comments=True)
    assert "| a | secret | b |" in everything
    assert "three words long" in everything


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        (NUMBER, "12.5"),
        ('office:value-type="date" office:date-value="2026-03-05"', "2026-03-05"),
        ('table:formula="of:=SUM([.A1:.A2])"', "=SUM(\\[.A1:.A2\\])"),
    ],
)
def test_cells_that_show_no_text_show_their_value(
    tmp_path: Path, attributes: str, shown: str
) -> None:
    content = sheet(row(cell("Head")), row(cell("", attributes)))
    assert markdown_of(tmp_path, content) == f"## Rates\n\n| Head |\n| --- |\n| {shown} |\n"


def test_repeated_rows_are_bounded(tmp_path: Path) -> None:
    content = sheet(row(cell("x"), attributes='table:number-rows-repeated="99999999"'))
    with pytest.raises(UnconvertibleDocument, match="maxCells"):
        markdown_of(tmp_path, content)
