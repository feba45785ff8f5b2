"""Kinds of PDF that real documents have: narrow gutters, open tables, accents drawn apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import SimpleDocTemplate, Table

from stages.conversion.detection import Format
from stages.conversion.pdf import convert
from stages.conversion.result import ConversionOptions, Converted, Source
from unit.stages.making import converted_bytes
from unit.stages.pdf_making import pdf_of, text_at

_LEFT = (
    "The harbour of the island was built", "when boats were few and small and the",
    "mole of stones was made by hand over", "nine winters, as the register of that",
    "time says on its first page, in which", "no other work is named by the clerk.",
)  # fmt: skip
_RIGHT = (
    "Later the mole was made longer, and", "a light was set on its end, which was",
    "seen from the other shore on clear", "nights. Ships of some size came then",
    "and lay at the quay for a week or so", "before they left with salt and wool.",
)  # fmt: skip

_WIDTH = 180.0


def made(tmp_path: Path, *contents: bytes) -> Converted:
    return converted_bytes(tmp_path, pdf_of(b"".join(contents)), "a.pdf")


def columns(gutter: float) -> list[bytes]:
    """Lines of two columns, each stretched to the same width, `gutter` points apart."""
    operators = []
    for number, (left, right) in enumerate(zip(_LEFT, _RIGHT, strict=True)):
        for x, text in ((60.0, left), (60 + _WIDTH + gutter, right)):
            scale = 100 * _WIDTH / stringWidth(text, "Helvetica", 10)
            place = f"{x} {700 - 12 * number}"
            operators.append(f"BT /F1 10 Tf {scale:.3f} Tz {place} Td ({text}) Tj ET\n".encode())
    return operators


@pytest.mark.parametrize("gutter", [9.0, 12.0, 18.0])
def test_columns_with_a_narrow_gutter_are_read_one_after_the_other(
    tmp_path: Path, gutter: float
) -> None:
    markdown = made(tmp_path, *columns(gutter)).markdown
    assert " ".join(_LEFT) in markdown
    assert " ".join(_RIGHT) in markdown


def test_page_numbers_of_contents_are_no_part_of_the_next_column(tmp_path: Path) -> None:
    entries = [
        text_at(60, 700 - 12 * n, f"{n + 1} Chapter of {'.' * 33}", 10)
        + text_at(226, 700 - 12 * n, f"{n + 11}", 10)
        for n in range(8)
    ]
    prose = [text_at(250, 700 - 12 * n, text, 10) for n, text in enumerate(_RIGHT)]
    markdown = made(tmp_path, *entries, *prose).markdown
    assert "1 Chapter of … 11" in markdown
    assert " ".join(_RIGHT) in markdown


_ROWS = (("Berth", "Boat", "Length"), ("B1", "Marigold", "7.1 m"), ("B2", "Swan", "8.0 m"))


@pytest.mark.parametrize(
    ("standing", "lying"),
    [
        ((160, 260), (700, 680, 650, 620)),  # no sides
        ((160, 260, 360), (700, 680, 650, 620)),  # no left side
        ((60, 160, 260), (700, 680, 650, 620)),  # no right side
        ((60, 160, 260, 360), (680, 650)),  # neither top nor bottom
    ],
)
def test_a_table_with_open_sides_keeps_its_outer_cells(
    tmp_path: Path, standing: tuple[int, ...], lying: tuple[int, ...]
) -> None:
    rules = [f"{x} 620 m {x} 700 l S\n" for x in standing]
    rules += [f"60 {y} m 360 {y} l S\n" for y in lying]
    cells = [
        text_at(63 + 100 * column, top - 12 - 11 * part, line, 10)
        for top, row in zip((700, 680, 650), _ROWS, strict=True)
        for column, text in enumerate(row)
        for part, line in enumerate([text, "second line"] if column == 1 and top < 700 else [text])
    ]
    result = made(tmp_path, "".join(rules).encode(), *cells)
    assert result.markdown.split("\n") == [
        "| Berth | Boat | Length |",
        "| --- | --- | --- |",
        "| B1 | Marigold second line | 7.1 m |",
        "| B2 | Swan second line | 8.0 m |",
        "",
    ]


def test_a_header_of_two_rows_that_returns_on_the_next_page_is_left_out_once(
    tmp_path: Path,
) -> None:
    rows = [["Berth", "Season", "", "Fee"], ["", "Summer", "Winter", ""]]
    rows += [[f"B{number}", f"{number}", f"{number + 1}", "7.50"] for number in range(60)]
    spans = [("SPAN", (1, 0), (2, 0)), ("SPAN", (0, 0), (0, 1)), ("SPAN", (3, 0), (3, 1))]
    style = [("GRID", (0, 0), (-1, -1), 0.5, "black"), *spans]
    path = tmp_path / "a.pdf"
    SimpleDocTemplate(str(path), invariant=1).build(
        [Table(rows, colWidths=[90] * 4, style=style, repeatRows=2)]
    )
    lines = converted_bytes(tmp_path, path.read_bytes(), "b.pdf").markdown.strip().split("\n")
    assert lines[0] == "| Berth | Season |  | Fee |"
    assert lines[2] == "|  | Summer | Winter |  |"
    assert lines[3:] == [f"| B{n} | {n} | {n + 1} | 7.50 |" for n in range(60)]


def test_accents_drawn_apart_are_part_of_their_letters(tmp_path: Path) -> None:
    width_of_suk, width_of_u = 12 * 1.556, 12 * 0.556
    drawn = [
        text_at(72, 700, "sukun"),
        text_at(72 + width_of_suk + width_of_u / 2 - 2, 700, "¯"),  # behind its word
        text_at(72 + 1.5, 650, "\u00b4"),  # before its letter
        text_at(72, 650, "ecluse"),
    ]
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_of(b"".join(drawn)))
    result = convert(Source(path, Format.PDF, "a.pdf", ""), ConversionOptions())
    assert result.markdown.split("\n\n") == ["sukūn", "écluse"]


def test_signs_of_a_program_are_no_accents(tmp_path: Path) -> None:
    assert made(tmp_path, text_at(72, 700, "x^2 ~y `z`")).markdown.strip() == r"x^2 ~y \`z\`"


def test_a_gap_within_a_word_of_several_texts_is_a_blank(tmp_path: Path) -> None:
    first = b"BT /F1 10 Tf 72 700 Td (inde) Tj 2.5 Tc (xf) Tj ET\n"
    second = b"BT /F1 10 Tf 0 Tc 102 700 Td (rom) Tj ET\n"
    assert made(tmp_path, first, second).markdown == "index from\n"


def test_lines_set_loosely_that_each_begin_a_sentence_are_no_paragraph(tmp_path: Path) -> None:
    cards = ["First line of the card", "Second line of the card", "Third line here"]
    apart = made(tmp_path, *(text_at(72, 700 - 20 * n, text) for n, text in enumerate(cards)))
    assert apart.markdown.strip().split("\n\n") == cards
    prose = made(tmp_path, *(text_at(72, 700 - 20 * n, text) for n, text in enumerate(_LEFT[1:4])))
    assert prose.markdown.strip() == " ".join(_LEFT[1:4])


@pytest.mark.parametrize("encoding", ["UniJIS-UTF16-V", "90ms-RKSJ-V"])
def test_columns_of_japanese_follow_each_other_from_the_right(
    tmp_path: Path, encoding: str
) -> None:
    codec = "utf-16-be" if encoding.startswith("Uni") else "cp932"
    font = (
        f"<< /Type /Font /Subtype /Type0 /BaseFont /Ryumin-Light-{encoding} /Encoding /{encoding} "
        "/DescendantFonts [<< /Type /Font /Subtype /CIDFontType0 /BaseFont /Ryumin-Light "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> >>] >>"
    ).encode()
    contents = [
        f"BT /F1 14 Tf {x} 700 Td <{text.encode(codec).hex()}> Tj ET\n".encode()
        for x, text in ((440, "秋の空の月。"), (470, "夏の海の船、"), (500, "春の山の鳥、"))
    ]
    result = converted_bytes(tmp_path, pdf_of(b"".join(contents), font=font), "a.pdf")
    assert result.markdown == "春の山の鳥、夏の海の船、秋の空の月。\n"
