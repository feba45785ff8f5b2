"""Lines, columns, tables and furniture of PDFs that are made here."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import SimpleDocTemplate, Table

from stages.conversion.result import Converted
from unit.stages.making import converted_bytes
from unit.stages.pdf_making import pdf_of, text_at


@pytest.fixture
def convert(tmp_path: Path) -> Callable[[bytes], Converted]:
    return lambda content: converted_bytes(tmp_path, content, "a.pdf")


Convert = Callable[[bytes], Converted]


def drawn(*pages: Callable[[Canvas], None]) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    for page in pages:
        canvas.setFont("Helvetica", 10)
        page(canvas)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def long_table(*, header_again: bool, grid: bool) -> bytes:
    rows = [["Berth", "Boat", "Length"]]
    rows += [[f"B{number}", f"Boat {number}", f"{number}.1 m"] for number in range(1, 90)]
    style = [("GRID", (0, 0), (-1, -1), 0.5, "black")] if grid else []
    out = io.BytesIO()

    def furniture(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.drawString(60, 805, "Harbour report 2026")
        canvas.drawRightString(530, 30, f"Page {document.page} of 3")

    table = Table(rows, colWidths=[100] * 3, style=style, repeatRows=int(header_again))
    template = SimpleDocTemplate(out, pagesize=A4, invariant=1)
    template.build([table], onFirstPage=furniture, onLaterPages=furniture)
    return out.getvalue()


@pytest.mark.parametrize("grid", [True, False])
@pytest.mark.parametrize("header_again", [True, False])
def test_a_table_goes_on_over_pages_with_running_lines(
    convert: Convert, grid: bool, header_again: bool
) -> None:
    result = convert(long_table(header_again=header_again, grid=grid))
    table = result.markdown.strip().split("\n\n")[1].split("\n")
    assert table[0] == "| Berth | Boat | Length |"
    assert table[2:] == [f"| B{n} | Boat {n} | {n}.1 m |" for n in range(1, 90)]
    assert result.left_out["runningLines"] > 0
    assert ("repeatedHeaders" in result.left_out) == header_again


def small_table(rows: list[list[str]], *, bold: bool) -> Callable[[Canvas], None]:
    font = "Helvetica-Bold" if bold else "Helvetica"
    style = [("GRID", (0, 0), (-1, -1), 0.5, "black"), ("FONTNAME", (0, 0), (-1, 0), font)]

    def draw(canvas: Canvas) -> None:
        table = Table(rows, colWidths=[100] * len(rows[0]), style=style)
        table.wrapOn(canvas, 500, 700)
        table.drawOn(canvas, 60, 600)

    return draw


@pytest.mark.parametrize(
    ("second", "bold", "apart"),
    [
        ([["Crane", "Hours"], ["North", "12"], ["South", "7"]], False, True),
        ([["Crane", "Owner"], ["North", "Ada"], ["South", "Bo"]], True, True),
        ([["Boat", "Length"], ["Teal", "9"], ["Gull", "8"]], True, False),
        ([["Boat", "Length"], ["Teal", "9"], ["Gull", "8"]], False, False),
        ([["Teal", "9"], ["Gull", "8"]], False, False),
        ([["Teal", "none"], ["Gull 2", "8"], ["Tern", "none"]], False, False),
    ],
)
def test_a_table_with_a_header_of_its_own_is_another(
    convert: Convert, second: list[list[str]], bold: bool, apart: bool
) -> None:
    first = [["Boat", "Length"], ["Marigold", "12"], ["Heron", "10"]]
    result = convert(drawn(small_table(first, bold=bold), small_table(second, bold=bold)))
    assert result.markdown.count("| --- |") == 1 + apart
    assert len(result.markdown.strip().split("\n\n")) == 1 + apart


def test_only_equal_lines_and_lone_page_numbers_at_the_edges_are_left_out(
    convert: Convert,
) -> None:
    def page(number: int) -> Callable[[Canvas], None]:
        def draw(canvas: Canvas) -> None:
            canvas.drawString(60, 800, "Harbour report")
            canvas.drawString(60, 600, "Equal on each page, but not at its edge.")
            canvas.drawString(60, 50, f"Sheet {number} of order {70 + number}")
            canvas.drawCentredString(300, 30, str(number + 11))

        return draw

    result = convert(drawn(*(page(number) for number in range(1, 5))))
    assert result.markdown.count("Harbour report") == 1
    assert result.markdown.count("Equal on each page, but not at its edge.") == 4
    for number in range(1, 5):
        assert f"Sheet {number} of order {70 + number}" in result.markdown
        assert f"\n{number + 11}\n" not in result.markdown
    assert result.metadata["runningLinesLeftOut"] == 7
    assert result.left_out == {"runningLines": 10}


def test_columns_are_read_one_after_the_other(convert: Convert) -> None:
    def page(canvas: Canvas) -> None:
        for column, x in enumerate((40, 220, 400)):
            for row in range(12):
                canvas.setFont("Helvetica", 8)
                canvas.drawString(x, 700 - row * 11, f"c{column}r{row} has a few words here now")

    words = convert(drawn(page)).markdown.split()
    order = [word for word in words if word.startswith("c")]
    assert order == [f"c{column}r{row}" for column in range(3) for row in range(12)]


def test_a_table_and_the_text_beside_it_are_both_kept(convert: Convert) -> None:
    def page(canvas: Canvas) -> None:
        canvas.grid([50, 150, 250], [640, 660, 680, 700])
        for row, cells in enumerate((("Berth", "Boat"), ("A1", "Marigold"), ("A2", "Heron"))):
            for column, text in enumerate(cells):
                canvas.drawString(55 + 100 * column, 685 - 20 * row, text)
        for row in range(5):
            canvas.drawString(300, 690 - 14 * row, f"Text beside the table, line {row} of it.")

    result = convert(drawn(page))
    assert "| Berth | Boat |\n| --- | --- |\n| A1 | Marigold |\n| A2 | Heron |" in result.markdown
    assert all(f"line {row} of it." in result.markdown for row in range(5))
    assert result.metadata["tables"] == 1


def test_frames_are_no_tables(convert: Convert) -> None:
    def page(canvas: Canvas) -> None:
        canvas.rect(30, 30, 535, 780)
        canvas.rect(34, 34, 527, 772)
        canvas.rect(60, 500, 400, 200)
        canvas.line(60, 650, 460, 650)
        canvas.drawString(70, 660, "A box with a heading")
        for row in range(12):
            canvas.drawString(70, 630 - row * 10, f"Line {row} in the box goes on and on.")

    result = convert(drawn(page))
    assert "|" not in result.markdown
    assert result.metadata["tables"] == 0
    assert "Line 11 in the box goes on and on." in result.markdown


def test_sizes_are_those_of_the_text_as_it_is_drawn(convert: Convert) -> None:
    """Many programs set size 1 and scale it by the text's matrix."""
    content = (
        b"BT /F1 1 Tf 20 0 0 20 72 700 Tm (Big heading here) Tj ET\n"
        b"BT /F1 1 Tf 10 0 0 10 72 660 Tm (Body text with words in it, and more of it.) Tj ET"
    )
    assert convert(pdf_of(content)).markdown == (
        "# Big heading here\n\nBody text with words in it, and more of it.\n"
    )


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_page_that_a_viewer_has_turned_is_read_along_its_lines(
    convert: Convert, rotation: int
) -> None:
    content = text_at(72, 700, "First line of the page") + text_at(72, 680, "Second line of it")
    markdown = convert(pdf_of(content, page=f"/Rotate {rotation}")).markdown
    assert " ".join(markdown.split()) == "First line of the page Second line of it"


@pytest.mark.parametrize("matrix", ["0 1 -1 0 40 300", "0 -1 1 0 40 500", "-1 0 0 -1 500 60"])
def test_text_in_another_direction_is_apart_from_the_page(convert: Convert, matrix: str) -> None:
    body = text_at(72, 700, "Body line one is here.") + text_at(72, 680, "Body line two is here.")
    content = body + f"BT /F1 10 Tf {matrix} Tm (Stamp at the side) Tj ET".encode()
    assert convert(pdf_of(content)).markdown == (
        "Body line one is here. Body line two is here.\n\nStamp at the side\n"
    )


@pytest.mark.parametrize("spacing", [2, 3.3, 5, 8, 12])
def test_letterspaced_headings_are_words(convert: Convert, spacing: float) -> None:
    content = f"BT /F1 12 Tf {spacing} Tc 72 700 Td (ANNUAL REPORT) Tj ET\n".encode()
    markdown = convert(pdf_of(content + text_at(72, 660, "Body text goes here."))).markdown
    assert markdown.startswith("ANNUAL REPORT\n")


def test_letters_that_are_set_one_by_one_are_words(convert: Convert) -> None:
    content = b"".join(text_at(72 + n * 11, 700, char) for n, char in enumerate("ANNUAL"))
    content += b"".join(text_at(146 + n * 11, 700, char) for n, char in enumerate("REPORT"))
    markdown = convert(pdf_of(content + text_at(72, 660, "Body text goes here."))).markdown
    assert markdown.startswith("ANNUAL REPORT\n")


def test_text_rise_makes_scripts(convert: Convert) -> None:
    content = (
        b"BT /F1 12 Tf 72 700 Td (x) Tj /F1 7 Tf 5 Ts (2) Tj 0 Ts /F1 12 Tf ( + CO) Tj "
        b"/F1 7 Tf -3 Ts (2) Tj 0 Ts /F1 12 Tf ( = 3) Tj ET"
    )
    assert convert(pdf_of(content)).markdown == "x<sup>2</sup> + CO<sub>2</sub> = 3\n"


def test_words_drawn_twice_to_look_bold_are_there_once(convert: Convert) -> None:
    content = text_at(72, 700, "Heavy words") + text_at(72.4, 700, "Heavy words")
    assert convert(pdf_of(content)).markdown == "Heavy words\n"


def test_accents_that_are_drawn_over_letters_are_one_character(convert: Convert) -> None:
    """As TeX sets them in its old fonts; an apostrophe of the same shape stays what it is."""
    content = b"BT /F1 12 Tf 72 700 Td [(Caf\\264) 340 (e and it\\264s)] TJ ET"
    assert convert(pdf_of(content)).markdown == "Café and it\u00b4s\n"


def test_letters_that_touch_are_one_word_whatever_their_order_in_the_file(
    convert: Convert,
) -> None:
    """Browsers write single letters, which the library takes for a line each."""
    content, x = b"", 72.0
    for char, width in (("h", 6.672), ("e", 6.672), ("r", 3.996), ("o", 6.672), ("n", 6.672)):
        content += b"q 1 0 0 1 0 0 cm " + text_at(x, 700, char) + b"Q "
        x += width
    assert convert(pdf_of(content)).markdown == "heron\n"
