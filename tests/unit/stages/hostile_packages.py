"""Packages, PDFs and old formats that are broken, enormous or meant to harm; see `hostile`."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import pikepdf

from unit.stages.making import SAMPLES, with_part, zip_of
from unit.stages.office.packages import paragraph, word

Make = Callable[[int], bytes]

_COMPOUND: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SHEET: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_ODF: Final = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
)


def _sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def _cut(name: str, share: float, _size: int) -> bytes:
    content = _sample(name)
    return content[: round(len(content) * share)]


def _workbook(sheet: str, strings: str = "") -> bytes:
    book = with_part(
        _sample("harbour-stores.xlsx"),
        "xl/worksheets/sheet1.xml",
        f'<worksheet xmlns="{_SHEET}">{sheet}</worksheet>'.encode(),
    )
    if not strings:
        return book
    shared = f'<sst xmlns="{_SHEET}">{strings}</sst>'
    return with_part(book, "xl/sharedStrings.xml", shared.encode())


def _row(cells: str) -> str:
    return f'<sheetData><row r="1">{cells}</row></sheetData>'


def _slides(shapes: str) -> bytes:
    spaces = (
        'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    )
    slide = f"<p:sld {spaces}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>"
    return with_part(_sample("tide-mill-briefing.pptx"), "ppt/slides/slide1.xml", slide.encode())


def _opendocument(kind: str, body: str) -> bytes:
    content = f"<office:document-content {_ODF}><office:body>{body}</office:body>"
    return zip_of(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}".encode(),
            "content.xml": f"{content}</office:document-content>".encode(),
            "META-INF/manifest.xml": b"<manifest/>",
        }
    )


def _book(spine: str, pages: Mapping[str, bytes]) -> bytes:
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="c.opf" media-type="application/oebps-package+xml"/>'
        "</rootfiles></container>"
    )
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(pages)
    )
    package = (
        f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest>'
        f"<spine>{spine}</spine></package>"
    )
    return zip_of(
        {
            "mimetype": b"application/epub+zip",
            "META-INF/container.xml": container.encode(),
            "c.opf": package.encode(),
            **pages,
        }
    )


def _pdf(change: Callable[[Any], None], lock: pikepdf.Encryption | None = None) -> bytes:
    with pikepdf.open(io.BytesIO(_sample("harbour-bulletin.pdf"))) as pdf:
        change(pdf)
        out = io.BytesIO()
        pdf.save(out, encryption=lock)
    return out.getvalue()


def _locked_pdf(size: int) -> bytes:
    return _pdf(lambda _: None, pikepdf.Encryption(owner="a", user="b"))


def _tree_of_pages(size: int) -> bytes:
    def deepen(pdf: Any) -> None:
        inner = pdf.Root.Pages
        for _ in range(2_000):
            outer = pikepdf.Dictionary(Type=pikepdf.Name.Pages, Count=1, Kids=[inner])
            inner.Parent = inner = pdf.make_indirect(outer)
        pdf.Root.Pages = inner

    return _pdf(deepen)


def _fields_that_loop(size: int) -> bytes:
    def loop(pdf: Any) -> None:
        field = pdf.make_indirect(pikepdf.Dictionary(T=pikepdf.String("a"), FT=pikepdf.Name.Tx))
        field.Kids = [field]
        field.Parent = field
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=[field])

    return _pdf(loop)


def _outline_that_loops(size: int) -> bytes:
    def loop(pdf: Any) -> None:
        item = pdf.make_indirect(pikepdf.Dictionary(Title=pikepdf.String("word")))
        item.Next = item.First = item.Last = item
        pdf.Root.Outlines = pdf.make_indirect(pikepdf.Dictionary(First=item, Last=item))

    return _pdf(loop)


def _page_of(box: list[int]) -> bytes:
    def resize(pdf: Any) -> None:
        for page in pdf.pages:
            page.MediaBox = box

    return _pdf(resize)


def _map_of_all_letters(size: int) -> bytes:
    def remap(pdf: Any) -> None:
        lines = b"".join(b"<%04x> <%04x>\n" % (n % 65_536, n % 65_536) for n in range(size // 14))
        stream = pdf.make_stream(b"begincmap\n100 beginbfchar\n" + lines + b"endbfchar\nendcmap")
        for page in pdf.pages:
            for font in page.Resources.get("/Font", {}).values():
                font.ToUnicode = stream

    return _pdf(remap)


def _packed_many_times(size: int) -> bytes:
    def pack(pdf: Any) -> None:
        content = b"BT ET " * (size // 6)
        for _ in range(4):
            content = zlib.compress(content)
        stream = pikepdf.Stream(pdf, content)
        stream.Filter = [pikepdf.Name.FlateDecode] * 4
        pdf.pages[0].Contents = pdf.make_indirect(stream)

    return _pdf(pack)


def _names_twice(size: int) -> bytes:
    parts = {"word/document.xml": b"<x/>", "word/document.xmk": b"<y/>", "../../out.xml": b"<z/>"}
    return zip_of(parts).replace(b"document.xmk", b"document.xml")


def _styles_that_loop(size: int) -> bytes:
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="s{n}"><w:basedOn w:val="s{1 - n}"/></w:style>'
        for n in (0, 1)
    )
    return word(paragraph("kept", '<w:pStyle w:val="s0"/>'), styles=styles)


def _wide_table(size: int) -> bytes:
    cell = '<w:tc><w:tcPr><w:gridSpan w:val="2147483647"/></w:tcPr>' + paragraph("x") + "</w:tc>"
    return word(f"<w:tbl><w:tr>{cell}</w:tr></w:tbl>" + paragraph("kept"))


HOSTILE_PACKAGES: Final[Mapping[str, tuple[str, Make]]] = {
    # Word
    "styles that are each other's": ("a.docx", _styles_that_loop),
    "a cell over two thousand million columns": ("a.docx", _wide_table),
    "very many paragraphs": ("a.docx", lambda n: word(paragraph("x") * (n // 60))),
    "a paragraph of very many runs": (
        "a.docx",
        lambda n: word("<w:p>" + "<w:r><w:t>x </w:t></w:r>" * (n // 30) + "</w:p>"),
    ),
    "two parts of one name": ("a.docx", _names_twice),
    # workbooks
    "a cell at the last place": (
        "a.xlsx",
        lambda n: _workbook(
            '<dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
            '<row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData>'
        ),
    ),
    "a cell beyond the last place": (
        "a.xlsx",
        lambda n: _workbook(_row('<c r="ZZZZZZZ99999999999"><v>1</v></c><c r="A1"><v>2</v></c>')),
    ),
    "very many empty cells": ("a.xlsx", lambda n: _workbook(_row('<c s="1"/>' * (n // 10)))),
    "merged areas without end": (
        "a.xlsx",
        lambda n: _workbook(
            _row('<c r="A1"><v>1</v></c>')
            + "<mergeCells>"
            + '<mergeCell ref="A1:XFD1048576"/>' * (n // 40)
            + "</mergeCells>"
        ),
    ),
    "a text that is not there": (
        "a.xlsx",
        lambda n: _workbook(_row('<c r="A1" t="s"><v>99999999999</v></c><c r="B1"><v>1</v></c>')),
    ),
    "a number of very many digits": (
        "a.xlsx",
        lambda n: _workbook(_row(f'<c r="A1"><v>{"9" * (n // 2)}</v></c><c r="B1"><v>1</v></c>')),
    ),
    "a text of very many runs": (
        "a.xlsx",
        lambda n: _workbook(
            _row('<c r="A1" t="s"><v>0</v></c>'), f"<si>{'<r><t>x</t></r>' * (n // 20)}</si>"
        ),
    ),
    # slides
    "a table of very many cells": (
        "a.pptx",
        lambda n: _slides(
            "<p:graphicFrame><a:graphic><a:graphicData><a:tbl>"
            + "<a:tr><a:tc><a:txBody><a:p><a:r><a:t>x</a:t></a:r></a:p></a:txBody></a:tc></a:tr>"
            * (n // 90)
            + "</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
        ),
    ),
    "places that are no numbers": (
        "a.pptx",
        lambda n: _slides(
            '<p:sp><p:spPr><a:xfrm rot="1e999"><a:off x="999999999999999999999" y="x"/></a:xfrm>'
            "</p:spPr><p:txBody><a:p><a:r><a:t>kept</a:t></a:r></a:p></p:txBody></p:sp>"
        ),
    ),
    # OpenDocument
    "rows and columns repeated a million times": (
        "a.ods",
        lambda n: _opendocument(
            "spreadsheet",
            "<office:spreadsheet><table:table>"
            '<table:table-row table:number-rows-repeated="1048576">'
            '<table:table-cell table:number-columns-repeated="16384"><text:p>x</text:p>'
            "</table:table-cell></table:table-row></table:table></office:spreadsheet>",
        ),
    ),
    "blanks repeated a thousand million times": (
        "a.odt",
        lambda n: _opendocument(
            "text", '<office:text><text:p>a<text:s text:c="999999999"/>b</text:p></office:text>'
        ),
    ),
    "sections in sections": (
        "a.odt",
        lambda n: _opendocument(
            "text",
            "<office:text>"
            + "<text:section>" * 5_000
            + "<text:p>word</text:p>"
            + "</text:section>" * 5_000
            + "</office:text>",
        ),
    ),
    # books
    "a chapter again and again": (
        "a.epub",
        lambda n: _book(
            '<itemref idref="i0"/>' * min(n // 600, 2_000), {"a.xhtml": b"<html><p>word</p></html>"}
        ),
    ),
    "chapters that are not there": ("a.epub", lambda n: _book('<itemref idref="gone"/>', {})),
    "a book of a bomb": (
        "a.epub",
        lambda n: _book('<itemref idref="i0"/>', {"a.xhtml": b"<p>" + b" " * (80 << 20)}),
    ),
    # RTF and what came before
    "groups in groups of RTF": ("a.rtf", lambda n: rb"{\rtf1 " + b"{" * min(n, 50_000) + b"word"),
    "binary data of RTF without end": ("a.rtf", lambda n: rb"{\rtf1 word\bin2147483647 x}"),
    "RTF of very many letters": ("a.rtf", lambda n: rb"{\rtf1 " + rb"\u9999?" * (n // 7) + b"}"),
    "a compound file of nothing": ("a.doc", lambda n: _COMPOUND + b"\x00" * 504),
    "a compound file whose sectors loop": ("a.xls", lambda n: _COMPOUND + b"\x00\x00" * 40_000),
    "a compound file of high bytes": ("a.ppt", lambda n: _COMPOUND + b"\xff" * min(n, 100_000)),
    # PDF
    "a PDF that asks for a password": ("a.pdf", _locked_pdf),
    "a tree of pages two thousand deep": ("a.pdf", _tree_of_pages),
    "fields that are their own": ("a.pdf", _fields_that_loop),
    "an outline that is its own": ("a.pdf", _outline_that_loops),
    "a page as wide as a land": ("a.pdf", lambda n: _page_of([0, 0, 2_000_000_000, 2_000_000_000])),
    "a page of no size": ("a.pdf", lambda n: _page_of([0, 0, 0, 0])),
    "a map of all letters again and again": ("a.pdf", _map_of_all_letters),
    "content packed four times": ("a.pdf", _packed_many_times),
    # cut on the way
    **{
        f"{name} cut at {share:.0%}": (name, partial(_cut, name, share))
        for name in (
            "keepers-handbook.docx",
            "tide-mill-briefing.pptx",
            "harbour-stores.xlsx",
            "alder-river-survey.pdf",
            "signal-code.html",
        )
        for share in (0.3, 0.9)
    },
    # names that lie
    "a document called a workbook": ("a.xlsx", lambda n: _sample("keepers-handbook.docx")),
    "a workbook called a PDF": ("a.pdf", lambda n: _sample("harbour-stores.xlsx")),
    "a PDF called a document": ("a.docx", lambda n: _sample("harbour-bulletin.pdf")),
    "a page called a book": ("a.epub", lambda n: b"<html><body><p>word</body></html>"),
    "a text called RTF": ("a.rtf", lambda n: b"just words\n" * 10),
    "nothing at all": ("a.docx", lambda n: b""),
}  # fmt: skip
