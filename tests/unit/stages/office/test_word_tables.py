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
