"""OpenDocument, RTF, EPUB and old binary formats, told by their content."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import anydoc
import pytest

from stages.conversion.detection import Format, detect
from stages.conversion.office import epub, opendocument
from stages.conversion.office.native import native_panics
from stages.conversion.office.others import library
from stages.conversion.result import ConversionOptions, Source
from stages.errors import UnconvertibleDocument
from unit.stages.making import zip_of
from unit.stages.office.packages import markdown_of, parts_of, result_of

_ODF = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office",
        "style": "style",
        "text": "text",
        "table": "table",
        "draw": "drawing",
        "presentation": "presentation",
    }.items()
)
_STYLES = (
    '<office:automatic-styles><style:style style:name="Up" style:family="text">'
    '<style:text-properties style:text-position="super 58%"/></style:style>'
    '<style:style style:name="Low" style:family="text"><style:text-properties '
    'style:text-position="-33% 58%"/></style:style><style:style style:name="Gone" '
    'style:family="text"><style:text-properties text:display="none"/></style:style>'
    '<style:style style:name="Off" style:family="table"><style:table-properties '
    'table:display="false"/></style:style></office:automatic-styles>'
)


def open_document(kind: str, body: str) -> bytes:
    content = (
        f"<office:document-content {_ODF}>{_STYLES}<office:body><office:{kind}>{body}"
        f"</office:{kind}></office:body></office:document-content>"
    )
    return zip_of(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}".encode(),
            "content.xml": content.encode(),
        }
    )


def span(style: str, text: str) -> str:
    return f'<text:span text:style-name="{style}">{text}</text:span>'


def test_open_document_text(tmp_path: Path) -> None:
    body = (
        '<text:h text:outline-level="1">Measures</text:h>'
        f"<text:p>3 × 10{span('Up', '6')} litres of H{span('Low', '2')}O."
        f"{span('Gone', ' no')}</text:p>"
        "<text:p><text:ruby><text:ruby-base>東京</text:ruby-base><text:ruby-text>とうきょう"
        "</text:ruby-text></text:ruby>へ行く。</text:p>"
        "<text:tracked-changes><text:p>deleted words</text:p></text:tracked-changes>"
    )
    content = open_document("text", body)
    result = result_of(tmp_path, content)
    assert result.markdown == (
        "# Measures\n\n3 × 10<sup>6</sup> litres of H<sub>2</sub>O.\n\n東京(とうきょう)へ行く。\n"
    )
    assert result.left_out == {"hiddenText": 1, "deletedText": 2}


def test_open_document_spreadsheet_shows_texts_and_leaves_hidden_ones_out(tmp_path: Path) -> None:
    def cell(text: str) -> str:
        return f'<table:table-cell office:value="1"><text:p>{text}</text:p></table:table-cell>'

    def row(*cells: str, more: str = "") -> str:
        return f"<table:table-row {more}>{''.join(map(cell, cells))}</table:table-row>"

    rows = (
        row("Share", "Day")
        + row("25 %", "05.03.26")
        + row("x", "y", more='table:visibility="collapse"')
    )
    body = (
        f'<table:table table:name="Rates">{rows}</table:table>'
        f'<table:table table:name="Secret" table:style-name="Off">{row("hidden")}</table:table>'
    )
    markdown = markdown_of(tmp_path, open_document("spreadsheet", body))
    assert "| Share | Day |\n| --- | --- |\n| 25 % | 05.03.26 |" in markdown
    assert "hidden" not in markdown
    assert "| x |" not in markdown


def test_open_document_presentation(tmp_path: Path) -> None:
    body = (
        '<draw:page draw:name="p1"><draw:frame presentation:class="title"><draw:text-box><text:p>'
        "The mill</text:p></draw:text-box></draw:frame><draw:frame><draw:text-box><text:p>"
        "The flood fills the pond.</text:p></draw:text-box></draw:frame></draw:page>"
    )
    markdown = markdown_of(tmp_path, open_document("presentation", body))
    assert "The mill" in markdown
    assert "The flood fills the pond." in markdown


def test_rich_text_keeps_raised_digits_apart_and_leaves_hidden_words_out(tmp_path: Path) -> None:
    content = (
        rb"{\rtf1\ansi\ansicpg1252 {\fonttbl{\f0 Times;}}\pard\f0 3 x 10{\super 6} litres, "
        rb"H\sub 2\nosupersub O, caf\'e9 {\v secret }{\strike old} new.\par "
        rb"\trowd\cellx1000\cellx2000 Pier\cell Fee\cell\row "
        rb"\trowd\cellx1000\cellx2000 North\cell 12\cell\row\pard\par}"
    )
    result = result_of(tmp_path, content)
    assert "3 x 10<sup>6</sup> litres, H<sub>2</sub>O, café" in result.markdown
    assert "~~old~~ new." in result.markdown
    assert "| Pier | Fee |\n| --- | --- |\n| North | 12 |" in result.markdown
    assert "secret" not in result.markdown
    assert result.left_out == {"hiddenText": 1}


@pytest.mark.parametrize(
    "content",
    [
        rb"{\rtf1 " + b"{" * 200_000,
        rb"{\rtf1 a\bin999999999 b}",
        rb"{\rtf1 \u99999999? \'zz }}}} x",
    ],
)
def test_broken_rich_text_ends(tmp_path: Path, content: bytes) -> None:
    with suppress(UnconvertibleDocument):
        markdown_of(tmp_path, content)


def book(**pages: str) -> bytes:
    items = "".join(
        f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>'
        for name in pages
    )
    order = "".join(f'<itemref idref="{name}"/>' for name in sorted(pages))
    parts = {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": b'<container><rootfiles><rootfile full-path="OEBPS/book.opf"/>'
        b"</rootfiles></container>",
        "OEBPS/book.opf": (
            f'<package><manifest>{items}<item id="z" href="none.xhtml" '
            'media-type="application/xhtml+xml"/></manifest>'
            f'<spine>{order}<itemref idref="z"/><itemref idref="nowhere"/></spine></package>'
        ).encode(),
    }
    for name, page in pages.items():
        html = f"<html><head><title>t</title></head><body>{page}</body></html>"
        parts[f"OEBPS/{name}.xhtml"] = html.encode()
    return zip_of(parts)


def test_a_book_comes_in_the_order_of_its_spine(tmp_path: Path) -> None:
    content = book(b="<h1>Two</h1><p>Wind.</p>", a="<h1>One</h1><p>10<sup>6</sup> waves.</p>")
    markdown = markdown_of(tmp_path, content)
    assert markdown == "# One\n\n10<sup>6</sup> waves.\n\n# Two\n\nWind.\n"
    source = Source(tmp_path / "content.bin", Format.EPUB, "a.epub", "")
    text = epub.second_reading(source, ConversionOptions()).text
    assert [word for word in text.split() if word != "t"] == [
        "One",
        "10",
        "6",
        "waves.",
        "Two",
        "Wind.",
    ]


def test_a_book_that_is_locked_says_so_and_one_with_hidden_fonts_does_not(tmp_path: Path) -> None:
    def locked(method: str) -> bytes:
        parts = parts_of(book(a="<p>x</p>"))
        parts["META-INF/encryption.xml"] = (
            f'<encryption><EncryptedData><EncryptionMethod Algorithm="{method}"/></EncryptedData>'
            "</encryption>"
        ).encode()
        return zip_of(parts)

    assert markdown_of(tmp_path, locked("http://www.idpf.org/2008/embedding")) == "x\n"
    with pytest.raises(UnconvertibleDocument, match="protected"):
        markdown_of(tmp_path, locked("http://www.w3.org/2001/04/xmlenc#aes256-cbc"))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (open_document("text", ""), Format.ODT),
        (open_document("presentation", ""), Format.ODP),
        (open_document("spreadsheet", ""), Format.ODS),
        (book(), Format.EPUB),
        (rb"{\rtf1 x}", Format.RTF),
    ],
)
def test_content_tells_the_kind(tmp_path: Path, content: bytes, kind: Format) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert detect(path, "wrong.csv", "text/csv") is kind


def test_a_locked_open_document_says_so(tmp_path: Path) -> None:
    content = zip_of(
        {
            "mimetype": b"application/vnd.oasis.opendocument.text",
            "META-INF/manifest.xml": b"<manifest:encryption-data/>",
            "content.xml": b"",
        }
    )
    with pytest.raises(UnconvertibleDocument, match="password"):
        markdown_of(tmp_path, content)


def test_second_reading_of_an_open_document(tmp_path: Path) -> None:
    body = f"<text:p>10{span('Up', '6')} litres</text:p><text:p>More.</text:p>"
    path = tmp_path / "a.odt"
    path.write_bytes(open_document("text", body))
    source = Source(path, Format.ODT, "a.odt", "")
    text = opendocument.second_reading(source, ConversionOptions()).text
    assert text.split() == ["10", "6", "litres", "More."]


def test_deleted_rich_text_is_left_out_and_counted(tmp_path: Path) -> None:
    content = (
        rb"{\rtf1\ansi The fee is {\deleted\revauthdel1 100 old crowns }{\revised 120 crowns} "
        rb"now \deleted gone\deleted0 here.\par}"
    )
    result = result_of(tmp_path, content, include_hidden=True)
    assert result.markdown.split() == ["The", "fee", "is", "120", "crowns", "now", "here."]
    assert result.left_out == {"deletedText": 4}


_EPUB = 'xmlns:epub="http://www.idpf.org/2007/ops"'


def test_notes_of_a_book_are_footnotes_wherever_they_stand(tmp_path: Path) -> None:
    content = book(
        a=f'<div {_EPUB}><p>Waves<sup><a epub:type="noteref" href="#n1" id="r1">1</a></sup> rise '
        'and <a role="doc-noteref" href="b.xhtml#n2">2</a> fall<a epub:type="noteref" '
        'href="none.xhtml#n3">3</a>.</p><aside epub:type="footnote" id="n1"><p>1. First note.</p>'
        '<p>More of it. <a href="#r1">↩</a></p></aside></div>',
        b=f'<div {_EPUB}><h2>Notes</h2><ol><li id="n2"><p>Second <em>note</em>. '
        '<a role="doc-backlink" href="a.xhtml#r2">back</a></p></li></ol></div>',
    )
    result = result_of(tmp_path, content)
    assert result.markdown == (
        "Waves[^1] rise and [^2] fall[3](none.xhtml#n3).\n\n## Notes\n\n"
        "[^1]: First note.\n\n    More of it.\n\n[^2]: Second *note*.\n"
    )
    assert result.metadata["wordRecall"] == 1.0


def test_hidden_text_of_a_book_is_counted(tmp_path: Path) -> None:
    result = result_of(tmp_path, book(a='<p>Seen.</p><nav hidden="">Not to be seen</nav>'))
    assert (result.markdown, result.left_out) == ("Seen.\n", {"hiddenText": 4})


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ((("Born", "1901"), ("Died", "1980")), "|  |  |"),
        ((("Begun", "2026-03-05"), ("Ended", "2026-03-09")), "|  |  |"),
        ((("3", "4"), ("5", "6")), "|  |  |"),
        ((("Pier", "Fee"), ("North", "12")), "| Pier | Fee |"),
        ((("", "2024"), ("North", "12")), "|  | 2024 |"),
    ],
)
def test_a_table_that_names_no_header(
    tmp_path: Path, rows: tuple[tuple[str, ...], ...], header: str
) -> None:
    def line(texts: tuple[str, ...]) -> str:
        cells = (f"<table:table-cell><text:p>{t}</text:p></table:table-cell>" for t in texts)
        return f"<table:table-row>{''.join(cells)}</table:table-row>"

    content = open_document("text", f"<table:table>{''.join(map(line, rows))}</table:table>")
    assert markdown_of(tmp_path, content).startswith(f"{header}\n| --- | --- |\n")


def test_hidden_words_that_are_most_of_a_text_are_no_loss(tmp_path: Path) -> None:
    body = (
        f"<text:p>Seen.{span('Gone', ' nine words that are hidden by their style here')}</text:p>"
    )
    result = result_of(tmp_path, open_document("text", body))
    assert (result.markdown, result.left_out) == ("Seen.\n", {"hiddenText": 9})


def test_a_word_document_of_before_1997_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise anydoc.MalformedError("malformed document (WordDocument): invalid FIB magic")

    monkeypatch.setattr(anydoc, "to_markdown_bytes", fail)
    with pytest.raises(UnconvertibleDocument, match="Word 95 or older"):
        library.markdown_of(b"", "doc")


def test_a_panic_of_a_library_is_an_error_of_the_document() -> None:
    class PanicException(BaseException):
        pass

    with pytest.raises(UnconvertibleDocument, match="damaged"), native_panics("damaged"):
        raise PanicException
    with pytest.raises(KeyboardInterrupt), native_panics("damaged"):
        raise KeyboardInterrupt
