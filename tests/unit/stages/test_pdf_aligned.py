"""Tables of PDFs without rules: cells that are empty, cells that wrap, and what follows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from stages.conversion.result import Converted
from unit.stages.making import converted_bytes
from unit.stages.pdf_making import pdf_of, text_at

Convert = Callable[[bytes], Converted]

_MONTHS = (72, 200, 280, 360)
_STATEMENT = (60, 120, 300, 380, 460)


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    return lambda content: converted_bytes(tmp_path, content, "a.pdf")


def set_out(places: Sequence[float], rows: Sequence[Sequence[str]], lead: float = 18) -> bytes:
    return b"".join(
        text_at(x, 700 - number * lead, text, 10)
        for number, row in enumerate(rows)
        for x, text in zip(places, row, strict=True)
        if text
    )


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = ["|" + "|".join(f" {text} " if text else "  " for text in row) + "|" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def squeezed(markdown: str) -> str:
    return "\n".join(" ".join(line.split()) for line in markdown.strip().split("\n"))


@pytest.mark.parametrize(
    "rows",
    [
        ["Item Jan Feb Mar", "Rope 5 - 7", "Nail 8 9 10"],
        ["Item Jan Feb Mar", "Rope 5 6 7", "Nail 8 - 10"],
        ["Item Jan Feb Mar", "Rope 5 6 7", "Nail 8 9 -"],
        ["Item Jan Feb Mar", "Rope 5 - -", "Nail - 9 -", "Sail - - 3"],
        ["Item Jan Feb Mar", "Rope 5 6 7", "Nail - - -", "Sail 1 2 3"],
        ["Item Jan Feb Mar", "Ropes - - -", "Hemp 1 2 3", "Nails - - -", "Iron 4 5 6"],
        ["Item Jan Feb Mar", "Rope 5 6 7", "Nail 8 9 10", "- - - 17"],
        ["Item Jan Feb Mar", "Rope 5 6 7", "Nail 8 9 10", "Total - - 17"],
        ["- Jan Feb Mar", "Rope 5 6 7", "Nail 8 9 10"],
        ["- Jan Feb Mar", "Rope 5 6 7"],
        ["Item Jan Feb Mar", "Rope 5 6 7", "- 8 9 10", "Sail 1 2 3"],
    ],
)
@pytest.mark.parametrize("lead", [12, 14, 18, 24])
def test_empty_cells_are_empty_cells(convert: Convert, rows: list[str], lead: float) -> None:
    cells = [[text.strip("-") for text in row.split()] for row in rows]
    content = set_out(_MONTHS, cells, lead) + text_at(72, 400, "Text that follows the table.", 10)
    table, _, after = convert(pdf_of(content)).markdown.strip().partition("\n\n")
    assert squeezed(table) == squeezed(as_markdown(cells))
    assert after == "Text that follows the table."


@pytest.mark.parametrize("header", [True, False])
def test_each_row_of_a_bank_statement_lacks_debit_or_credit(convert: Convert, header: bool) -> None:
    rows = [
        ["Date", "Text", "Debit", "Credit", "Balance"],
        ["03.06.", "Berth fee for June", "120.00", "", "880.00"],
        ["05.06.", "Refund of shore power", "", "14.50", "894.50"],
        ["09.06.", "Rope and shackles", "61.20", "", "833.30"],
        ["12.06.", "Sale of a dinghy", "", "400.00", "1,233.30"],
    ][not header :]
    markdown = convert(pdf_of(set_out(_STATEMENT, rows))).markdown
    assert squeezed(markdown) == squeezed(as_markdown(rows))


@pytest.mark.parametrize(("lead", "within"), [(14, 14), (20, 12), (18, 13)])
def test_a_wrapped_cell_is_one_cell(convert: Convert, lead: float, within: float) -> None:
    places = (72, 250, 330, 430)
    rows = [
        ["Description", "Quantity", "Price", "Amount"],
        ["Rope of hemp, three", "2", "10.00", "20.00"],
        ["Nails", "100", "0.10", "10.00"],
        ["Sailcloth for a small", "1", "80.00", "80.00"],
    ]
    heights = [700, 700 - lead, 700 - 2 * lead - within, 700 - 3 * lead - within]
    content = b"".join(
        text_at(x, y, text, 10)
        for y, row in zip(heights, rows, strict=True)
        for x, text in zip(places, row, strict=True)
    )
    content += text_at(72, heights[1] - within, "strands, of 12 mm", 10)
    content += text_at(72, heights[3] - within, "boat, second hand", 10)
    content += text_at(72, heights[3] - 60, "Please pay within a month.", 10)
    table, _, after = convert(pdf_of(content)).markdown.strip().partition("\n\n")
    rows[1][0] += " strands, of 12 mm"
    rows[3][0] += " boat, second hand"
    assert squeezed(table) == squeezed(as_markdown(rows))
    assert after == "Please pay within a month."


def test_text_and_headings_right_below_a_table_are_no_rows(convert: Convert) -> None:
    rows = [["Item", "Jan", "Feb", "Mar"], ["Rope", "5", "6", "7"], ["Nail", "8", "9", "10"]]
    content = set_out(_MONTHS, rows, 14)
    content += text_at(72, 658, "Numbers are in crowns and were counted at the end of a month.", 10)
    content += text_at(72, 630, "Outlook", 14)
    table, *after = convert(pdf_of(content)).markdown.strip().split("\n\n")
    assert squeezed(table) == squeezed(as_markdown(rows))
    assert after == [
        "Numbers are in crowns and were counted at the end of a month.",
        "# Outlook",
    ]


def test_a_line_under_a_later_column_goes_on_with_its_cell(convert: Convert) -> None:
    rows = [["Date", "Text", "Debit", "Credit", "Balance"]]
    rows += [["03.06.", "Berth fee for June", "120.00", "", "880.00"]]
    rows += [["", "Marigold, North mole", "", "", ""]]
    rows += [["05.06.", "Refund of shore power", "", "14.50", "894.50"]]
    markdown = convert(pdf_of(set_out(_STATEMENT, rows, 14))).markdown
    rows[1][1] += " " + rows.pop(2)[1]
    assert squeezed(markdown) == squeezed(as_markdown(rows))


def test_two_lines_of_prose_with_gaps_are_no_table(convert: Convert) -> None:
    lines = [["", "that", "boats", "are"], ["moored", "at", "", "noon"]]
    assert (
        convert(pdf_of(set_out(_MONTHS, lines, 14))).markdown == "that boats are moored at noon\n"
    )


def test_lines_of_a_program_are_no_wrapped_cells(convert: Convert) -> None:
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>"
    code = [["x", "INTEGER,"], ["y", "CHOICE {"], ["", "y1 INTEGER,"], ["", "y2 STRING }"]]
    markdown = convert(pdf_of(set_out((72, 120), code, 12), font=font)).markdown
    assert "y1 INTEGER,\n" in markdown
