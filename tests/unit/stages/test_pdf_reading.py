"""The second reading of PDFs, and what fails because letters are pictures or unknown."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from stages.conversion.detection import Format
from stages.conversion.gate import agreement
from stages.conversion.pdf import convert, fallback, second_reading
from stages.conversion.pdf.layout.lines import lines_of
from stages.conversion.pdf.second_reading import by_poppler
from stages.conversion.pdf.word import Word, normalized
from stages.conversion.result import ConversionOptions, Source
from stages.errors import UnconvertibleDocument
from unit.stages.making import SAMPLES, converted_bytes
from unit.stages.pdf_making import pdf_of, stream_of, text_at

_OPTIONS = ConversionOptions()
_NAMELESS_FONT = (
    b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 500 700] /FontMatrix [0.001 0 0 0.001 0 0] "
    b"/CharProcs << /a 5 0 R >> /Encoding << /Type /Encoding /Differences [1 /a /a /a /a] >> "
    b"/FirstChar 1 /LastChar 4 /Widths [500 500 500 500] /Resources << >> >>"
)
_BAR = stream_of(b"500 0 0 0 400 700 d1 0 0 400 700 re f")


@pytest.fixture(params=["with poppler, if installed", "without poppler"])
def poppler(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without poppler":
        monkeypatch.setenv("PATH", "/nonexistent")


def source_of(path: Path) -> Source:
    return Source(path, Format.PDF, path.name, "application/pdf")


def scanned(*pages: str) -> bytes:
    """Make a PDF of pages that are pictures, or text where a page says something."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    picture = ImageReader(Image.new("L", (60, 80), 128))
    for text in pages:
        if text:
            canvas.drawString(60, 700, text)
        else:
            canvas.drawImage(picture, 0, 0, *A4)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def with_unknown_letters(known: int, unknown: int) -> bytes:
    """Make a page with so many words that are known, and so many in a font of bars."""
    content = b"".join(text_at(72, 760 - 9 * n, f"word{n} is known", 8) for n in range(known))
    for n in range(unknown):
        content += f"BT /F2 8 Tf 300 {760 - 9 * n} Td <0102030401020304> Tj ET\n".encode()
    return pdf_of(
        content, resources="/Font << /F1 3 0 R /F2 4 0 R >>", objects=[_NAMELESS_FONT, _BAR]
    )


@pytest.mark.usefixtures("poppler")
@pytest.mark.parametrize("name", ["alder-river-survey.pdf", "harbour-bulletin.pdf"])
def test_the_second_reading_has_all_words_of_the_samples(name: str) -> None:
    source = source_of(SAMPLES / name)
    found = agreement(convert(source, _OPTIONS), second_reading(source, _OPTIONS))
    assert found.recall == 1.0
    assert found.source_words > 300


@pytest.mark.usefixtures("poppler")
def test_the_fallback_has_all_words_too() -> None:
    source = source_of(SAMPLES / "alder-river-survey.pdf")
    found = agreement(fallback(source, _OPTIONS), second_reading(source, _OPTIONS))
    assert found.recall > 0.99


def test_letters_that_were_drawn_but_not_read_count_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    path = tmp_path / "a.pdf"
    path.write_bytes(with_unknown_letters(60, 20))
    source = source_of(path)
    found = agreement(convert(source, _OPTIONS), second_reading(source, _OPTIONS))
    assert 0.8 < found.recall < 0.95
    assert found.missing == 20 * 8 // 6


def test_a_page_that_only_poppler_can_read_is_read_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of this name stands in for one that knows more fonts than pdfium."""
    program = tmp_path / "pdftotext"
    program.write_text("#!/bin/sh\necho 'harbour mole pier berth'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = converted_bytes(tmp_path, pdf_of(text_at(72, 700, "zzzzzz")), "a.pdf")
    assert result.markdown == "harbour mole pier berth\n"
    assert result.converter == "poppler-text/1"


def test_a_poppler_that_fails_is_as_good_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pdftotext"
    program.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert by_poppler(SAMPLES / "harbour-bulletin.pdf") is None


@pytest.mark.usefixtures("poppler")
def test_letters_without_unicode_fail_and_name_text_recognition(tmp_path: Path) -> None:
    with pytest.raises(UnconvertibleDocument, match=r"OCR"):
        converted_bytes(tmp_path, with_unknown_letters(2, 60), "a.pdf")


def test_a_pdf_of_which_most_pages_are_pictures_fails(tmp_path: Path) -> None:
    with pytest.raises(UnconvertibleDocument, match=r"3 of its 4 pages are pictures.*\(OCR\)"):
        converted_bytes(tmp_path, scanned("", "", "Only this page says anything.", ""), "a.pdf")


def test_pages_that_are_pictures_are_named_where_most_are_text(tmp_path: Path) -> None:
    result = converted_bytes(tmp_path, scanned("One.", "", "Three.", "Four."), "a.pdf")
    assert result.metadata["pagesWithoutText"] == [2]
    assert "Three." in result.markdown


def test_a_text_that_speaks_of_pdf_is_a_text(tmp_path: Path) -> None:
    content = b"A file begins with\n%PDF-1.7\nand ends with startxref and so on.\n"
    assert "begins with" in converted_bytes(tmp_path, content, "a.txt").markdown


def words(*texts: str, top: float = 10) -> list[Word]:
    return [
        Word(text, 100 * n, top, 100 * n + 97, top + 10, 100, bold=False, mono=False)
        for n, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("from_the_left", "read"),
    [
        (["טקסט", "בתוך", "123", "המספר"], "המספר 123 בתוך טקסט"),
        (["two", "words", "משפטים", "המספר"], "המספר משפטים two words"),
        (
            ["this", "is", "עולם", "שלום", "in", "Hebrew", "letters"],
            "this is שלום עולם in Hebrew letters",
        ),
        (["plain", "words"], "plain words"),
        (["1,234,567.00", "2026-06-14", "סכום", "תאריך"], "תאריך סכום 1,234,567.00 2026-06-14"),
        (["Corporation", "International", "לקוח"], "לקוח Corporation International"),
        (["₪", "1,234,567.00", "סכום"], "סכום 1,234,567.00 ₪"),
    ],
)
def test_words_are_in_the_order_of_their_scripts(from_the_left: list[str], read: str) -> None:
    (line,) = lines_of(words(*from_the_left))
    assert line.text == read


def test_a_line_whose_ends_differ_is_read_as_the_lines_around_it_are() -> None:
    mixed = ["Boat", "is", "סירה"]
    english = lines_of([*words("Words", "of", "boats"), *words(*mixed, top=200)])
    assert english[1].text == "Boat is סירה"
    hebrew = lines_of([*words("בתוך", "טקסט"), *words(*mixed, top=200)])
    assert hebrew[1].text == "סירה Boat is"
    turned = ["סירה", "is", "Boat"]
    hebrew = lines_of([*words("בתוך", "טקסט"), *words(*turned, top=200)])
    assert hebrew[1].text == "is Boat סירה"


def test_letter_forms_and_ligatures_are_letters() -> None:
    assert normalized("\ufefb \ufb01n \ufdd0\ud800x") == "\u0644\u0627 fin x"
