"""What cannot be converted fails with a message that a person can act on."""

from __future__ import annotations

import io
from pathlib import Path

import pypdfium2
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from stages.conversion.office.archive import refuse_harmful_archive
from stages.errors import UnconvertibleDocument
from unit.stages.making import SAMPLES, converted, converted_bytes, with_part, zip_of

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 512


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def pdf_with(text: str, **encrypted: str) -> bytes:
    out = io.BytesIO()
    lock = StandardEncryption(canPrint=0, **encrypted) if encrypted else None
    canvas = Canvas(out, pagesize=A4, encrypt=lock, invariant=1)
    canvas.drawString(100, 700, text)
    canvas.save()
    return out.getvalue()


def scanned_pdf() -> bytes:
    bitmap = pypdfium2.PdfDocument(SAMPLES / "harbour-bulletin.pdf")[0].render(scale=1)
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    canvas.drawImage(ImageReader(bitmap.to_pil()), 0, 0, *A4)
    canvas.save()
    return out.getvalue()


_DOCX = sample("keepers-handbook.docx")
_CASES: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "a.pdf", "empty"),
    "only blanks": (b" \n\t\n", "a.txt", "no text"),
    "junk": (bytes(range(256)) * 40, "a.pdf", "no known type"),
    "zeros": (b"\x00" * 4096, "a.txt", "no known type"),
    "program": (b"\x7fELF" + b"\x02" * 200, "a.docx", "a program"),
    "picture": (b"\x89PNG\r\n\x1a\n" + b"\x00" * 64, "scan.pdf", "recognition"),
    "plain archive": (zip_of({"a.txt": b"hello"}), "a.docx", "unpack it"),
    "cut archive": (_DOCX[: len(_DOCX) // 2], "a.docx", "cut off"),
    "archive head only": (b"PK\x03\x04", "a.docx", "cut off"),
    "old office": (_OLE + "WordDocument".encode("utf-16-le"), "a.doc", "Save it as one"),
    "encrypted office": (_OLE + "EncryptedPackage".encode("utf-16-le"), "a.docx", "password"),
    "broken office xml": (
        with_part(_DOCX, "word/document.xml", b"<w:document><unclosed"),
        "a.docx",
        "damaged",
    ),
    "presentation without slides": (
        with_part(sample("tide-mill-briefing.pptx"), "ppt/presentation.xml", b"<nonsense/>"),
        "a.pptx",
        "damaged",
    ),
    "broken sheet": (
        with_part(sample("harbour-stores.xlsx"), "xl/workbook.xml", b"<workbook"),
        "a.xlsx",
        "damaged",
    ),
    "password": (pdf_with("secret", userPassword="lamp", ownerPassword="o"), "a.pdf", "password"),
    "cut pdf": (sample("alder-river-survey.pdf")[:600], "a.pdf", "again"),
    "pdf head only": (b"%PDF-1.7\n", "a.pdf", "again"),
    "pdf of nothing": (pdf_with(""), "a.pdf", "no text"),
    "scan": (scanned_pdf(), "a.pdf", "is a scan"),
    "page of nothing": (b"<html><head><title>x</title></head><body></body></html>", "a", "no text"),
}


@pytest.mark.parametrize("case", _CASES)
def test_it_is_refused_with_advice(case: str, tmp_path: Path) -> None:
    content, name, advice = _CASES[case]
    with pytest.raises(UnconvertibleDocument, match=advice) as caught:
        converted_bytes(tmp_path, content, name)
    assert not caught.value.retryable
    assert caught.value.reason == "unconvertible"


@pytest.mark.parametrize("kind", ["docx", "pptx", "xlsx"])
def test_a_bomb_is_not_unpacked(kind: str, tmp_path: Path) -> None:
    name = {
        "docx": "keepers-handbook.docx",
        "pptx": "tide-mill-briefing.pptx",
        "xlsx": "harbour-stores.xlsx",
    }[kind]
    bomb = with_part(sample(name), "word/media/zeros.xml", b"\x00" * (120 << 20))
    assert len(bomb) < 1 << 20
    with pytest.raises(UnconvertibleDocument, match="more than is safe to open"):
        converted_bytes(tmp_path, bomb, f"a.{kind}")


def test_an_archive_of_very_many_entries_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "many"
    path.write_bytes(zip_of({f"{n}": b"" for n in range(20_001)}))
    with pytest.raises(UnconvertibleDocument):
        refuse_harmful_archive(path)


def test_a_pdf_with_an_empty_password_opens(tmp_path: Path) -> None:
    content = pdf_with("open to all", userPassword="", ownerPassword="o")
    assert "open to all" in converted_bytes(tmp_path, content, "a.pdf").markdown


def test_too_many_pages_are_refused() -> None:
    with pytest.raises(UnconvertibleDocument, match="maxPages"):
        converted(SAMPLES / "alder-river-survey.pdf", maxPages=4)


@pytest.mark.parametrize("name", ["gauge-readings.csv", "harbour-stores.xlsx"])
def test_too_many_cells_are_refused(name: str) -> None:
    with pytest.raises(UnconvertibleDocument, match="maxCells"):
        converted(SAMPLES / name, maxCells=30)


@pytest.mark.parametrize("depth", [300, 1_000, 20_000])
def test_deep_nesting_loses_no_words(depth: int, tmp_path: Path) -> None:
    page = f"<html><body>{'<div>' * depth}deep words{'</div>' * depth}<p>after</p></body></html>"
    markdown = converted_bytes(tmp_path, page.encode(), "a.html").markdown
    assert "deep words" in markdown
    assert "after" in markdown


def test_nuls_in_a_text_are_dropped_and_said_so(tmp_path: Path) -> None:
    content = b"The water stood high.\n" * 50 + b"a\x00b\n"
    result = converted_bytes(tmp_path, content, "a.txt")
    assert "\x00" not in result.markdown
    assert result.lossy


def test_a_page_called_a_spreadsheet_is_a_page(tmp_path: Path) -> None:
    page = b"<html><body><table><tr><th>a</th></tr><tr><td>1</td></tr></table></body></html>"
    markdown = converted_bytes(tmp_path, page, "export.xls", "application/vnd.ms-excel").markdown
    assert markdown.startswith("| a")


def test_an_unclosed_quotation_mark_does_not_swallow_the_table_in_silence(tmp_path: Path) -> None:
    content = b'a,b\n1,"2\n3,4\n5,6\n'
    markdown = converted_bytes(tmp_path, content, "a.csv").markdown
    assert all(f"{n}" in markdown for n in range(1, 7))
