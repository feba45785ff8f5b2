"""Tables of Word have the header that the document says they have."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.stages.office.packages import markdown_of, paragraph, word


def line(*texts: str) -> str:
    return "".join(f"<w:tc>{paragraph(text)}</w:tc>" for text in texts)


def table(look: str, row: str = "") -> bytes:
    return word(
        f"<w:tbl><w:tblPr><w:tblLook {look}/></w:tblPr><w:tr>{row}{line('Born', '1901')}</w:tr>"
        f"<w:tr>{line('Died', '1980')}</w:tr></w:tbl>"
    )


@pytest.mark.parametrize(
    "look",
    ['w:val="0480" w:firstRow="0" w:firstColumn="1"', 'w:val="0480"',
     'w:firstRow="false" w:firstColumn="true"'],
)  # fmt: skip
def test_labels_and_values_have_an_empty_header(tmp_path: Path, look: str) -> None:
    markdown = markdown_of(tmp_path, table(look))
    assert markdown == "|  |  |\n| --- | --- |\n| Born | 1901 |\n| Died | 1980 |\n"


@pytest.mark.parametrize(
    ("look", "row"),
    [
        ('w:val="04A0"', ""),
        ('w:firstRow="1" w:firstColumn="1"', ""),
        ('w:firstRow="0" w:firstColumn="0"', ""),
        ('w:val="zz"', ""),
        ('w:val="0480"', "<w:trPr><w:tblHeader/></w:trPr>"),
    ],
)
def test_any_other_table_begins_with_its_header(tmp_path: Path, look: str, row: str) -> None:
    assert markdown_of(tmp_path, table(look, row)).startswith("| Born | 1901 |\n| --- |")


def spanning(*cells: tuple[str, int]) -> str:
    return "".join(
        f'<w:tc><w:tcPr><w:gridSpan w:val="{span}"/></w:tcPr>{paragraph(text)}</w:tc>'
        for text, span in cells
    )


BANDS = spanning(("Site", 1), ("2024", 2), ("2025", 2))


@pytest.mark.parametrize(
    ("second", "rows", "header"),
    [
        (("", "Q1", "Q2", "Q1", "Q2"), 1, "| Site | 2024 Q1 | 2024 Q2 | 2025 Q1 | 2025 Q2 |"),
        (("Name", "Q1", "Q2", "Q1", "Q2"), 1, "| Site Name | 2024 Q1 | 2024 Q2 |"),
        (("North", "1", "2", "3", "4"), 1, "| Site | 2024 |  | 2025 |  |"),
        (("North", "a", "b", "c", "d"), 0, "| Site | 2024 |  | 2025 |  |"),
    ],
)  # fmt: skip
def test_labels_beneath_bands_are_header_too(
    tmp_path: Path, second: tuple[str, ...], rows: int, header: str
) -> None:
    last = line("South", *("5678" if rows else "efgh"))
    trs = "".join(f"<w:tr>{cells}</w:tr>" for cells in (BANDS, line(*second), last))
    markdown = markdown_of(tmp_path, word(f"<w:tbl>{trs}</w:tbl>"))
    assert markdown.startswith(header)
    assert markdown.split("\n")[1].startswith("| --- |")
