"""Delimited files come out as one table, whatever separates and quotes."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.conversion.markdown import table
from unit.stages.making import converted_bytes


def markdown_of(tmp_path: Path, text: str) -> str:
    result = converted_bytes(tmp_path, text.encode(), "a.csv")
    assert result.metadata["wordRecall"] == 1.0
    return result.markdown.strip()


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("sep=|\na|b\n1,5|2,5\n", "| 1,5 | 2,5 |"),
        ('a,b\n"x ""y"" z",2\n', '| x "y" z | 2 |'),
        ('a,b\n"x \\"y\\" z",2\n', '| x "y" z | 2 |'),
        ('a,b\n"one\ntwo",2\n', "| one<br>two | 2 |"),
        ("a,b\nx|y,2\n", r"| x\|y | 2 |"),
        ("a;b\n*1*;_2_\n", r"| \*1\* | \_2\_ |"),
        ("a,b\n  1 ,  2  \n", "| 1 | 2 |"),
    ],
)
def test_rows(tmp_path: Path, text: str, row: str) -> None:
    assert row in markdown_of(tmp_path, text).split("\n")


def test_an_open_quotation_mark_does_not_take_the_rest_of_the_file(tmp_path: Path) -> None:
    rows = "".join(f"{n},{n + 1}\n" for n in range(1000))
    markdown = markdown_of(tmp_path, f'a,b\n1,"2\n{rows}')
    assert '| 1 | "2 |' in markdown
    assert "| 998 | 999 |" in markdown


def test_lines_above_a_table_are_not_its_header(tmp_path: Path) -> None:
    markdown = markdown_of(tmp_path, "Fees of 2024;;\nHarbour;;\nBoat;Length;Fee\nA;3;4\n")
    assert markdown.startswith("Fees of 2024\n\nHarbour\n\n| Boat | Length | Fee |\n| --- |")


def test_one_long_row_does_not_fill_up_all_others(tmp_path: Path) -> None:
    text = ",".join(map(str, range(5_000))) + "\n" + "a,b\n" * 5_000
    assert len(markdown_of(tmp_path, text)) < 200_000


def test_a_header_shorter_than_its_rows_gets_their_width(tmp_path: Path) -> None:
    assert markdown_of(tmp_path, "a,b\n1,2,3\n4\n") == (
        "| a | b |  |\n| --- | --- | --- |\n| 1 | 2 | 3 |\n| 4 |"
    )


@pytest.mark.parametrize(
    "value", ["", "plain text, 5", " a", "a|b", "a  b", "é", "`x`", "a\nb", "-"]
)
def test_plain_cells_are_written_as_all_others(value: str) -> None:
    row = table([["h"], [value]]).split("\n")[2]
    assert row == f"| {' '.join(value.replace(chr(10), '<br>').split())} |".replace(
        "a|b", r"a\|b"
    ).replace("`x`", r"\`x\`")


@pytest.mark.parametrize("first", ["1,2.5", "-3,40 %", '"1,200",€ 5', "2024,17", "2024-01-31,5"])
def test_a_first_row_of_numbers_is_no_header(tmp_path: Path, first: str) -> None:
    lines = markdown_of(tmp_path, f"{first}\n4,5\n").split("\n")
    assert lines[:2] == ["|  |  |", "| --- | --- |"]
    assert lines[3] == "| 4 | 5 |"


@pytest.mark.parametrize("first", ["2023,2024", ",7", "a,7", "2024-01,2024-02", "A1,B2"])
def test_a_first_row_of_names_is_the_header(tmp_path: Path, first: str) -> None:
    lines = markdown_of(tmp_path, f"{first}\n4,5\n").split("\n")
    assert lines[1:] == ["| --- | --- |", "| 4 | 5 |"]
