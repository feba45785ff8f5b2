"""Documents that are broken, enormous or meant to harm, made by rules; none holds a secret.

A case is made for a number of bytes about which it is to grow: a test asks for little, a campaign
for a hundred megabytes.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from typing import Final

from unit.stages.hostile_packages import HOSTILE_PACKAGES
from unit.stages.making import SAMPLES, with_part, zip_of

Make = Callable[[int], bytes]


def _sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def _docx(body: bytes) -> bytes:
    space = b'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    document = b"<w:document " + space + b"><w:body>" + body + b"</w:body></w:document>"
    return with_part(_sample("keepers-handbook.docx"), "word/document.xml", document)


def _entities(size: int) -> bytes:
    """Entities that grow tenfold ten times (a "billion laughs")."""
    names = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{names}]><x>&l9;</x>'.encode()


def _entity_docx(size: int) -> bytes:
    names = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    xml = (
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{names}]>'
        f"<w:document {space}><w:body><w:p><w:r><w:t>&l9;</w:t></w:r></w:p></w:body></w:document>"
    )
    return with_part(_sample("keepers-handbook.docx"), "word/document.xml", xml.encode())


def _outer_entity_docx(size: int) -> bytes:
    xml = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>'
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        "<w:body><w:p><w:r><w:t>&f;</w:t></w:r></w:p></w:body></w:document>"
    )
    return with_part(_sample("keepers-handbook.docx"), "word/document.xml", xml.encode())


def _pdf(objects: Mapping[int, bytes], root: int = 1) -> bytes:
    out = io.BytesIO(b"%PDF-1.7\n")
    out.seek(0, io.SEEK_END)
    places = {}
    for number, content in objects.items():
        places[number] = out.tell()
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (max(objects) + 1))
    for number in range(1, max(objects) + 1):
        out.write(b"%010d 00000 n \n" % places.get(number, 0))
    out.write(b"trailer << /Size %d /Root %d 0 R >>\n" % (max(objects) + 1, root))
    out.write(b"startxref\n%d\n%%%%EOF\n" % start)
    return out.getvalue()


def _page_loop(size: int) -> bytes:
    return _pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>",
        }
    )


def _pages(content: bytes, extra: bytes = b"") -> bytes:
    return _pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
            b"/Resources << /Font << /F 5 0 R >> " + extra + b" >> >>",
            4: content,
            5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        }
    )


def _packed(content: bytes) -> bytes:
    packed = zlib.compress(content)
    return b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed)


def _form_loop(size: int) -> bytes:
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /XObject << /X 6 0 R >> >> >>",
        4: _packed(b"/X Do"),
        6: b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject "
        b"<< /X 6 0 R >> >> /Length 5 >>\nstream\n/X Do\nendstream",
    }
    return _pdf(objects)


def _mail(size: int, *, depth: int = 0, parts: int = 0) -> bytes:
    head = b"From: a@example.org\nSubject: x\nMIME-Version: 1.0\n"
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(depth)
    )
    many = b'Content-Type: multipart/mixed; boundary="b"\n\n' if parts else b""
    many += b"".join(b"--b\nContent-Type: text/plain\n\nword\n" for _ in range(parts))
    return head + nested + many + b"Content-Type: text/plain\n\nword\n"


def _mail_of(attached: bytes) -> bytes:
    made = EmailMessage()
    made["From"], made["Subject"] = "a@b.c", "x"
    made.set_content("word")
    made.add_attachment(attached, maintype="application", subtype="pdf", filename="a.pdf")
    return made.as_bytes()


def _mail_of_zip(size: int) -> bytes:
    made = EmailMessage()
    made["From"], made["Subject"] = "a@example.org", "x"
    made.set_content("See the archive.\n")
    bomb = zip_of({"zeros": b"\x00" * size})
    made.add_attachment(bomb, maintype="application", subtype="zip", filename="../../etc/x.zip")
    return bytes(made)


def _wide_zip(size: int) -> bytes:
    return zip_of({"[Content_Types].xml": b"<x/>", **{f"{n}.xml": b"" for n in range(size // 200)}})


def _odd_zip(flag: int, method: int) -> bytes:
    content = bytearray(
        zip_of({"word/document.xml": b"x" * 100, "[Content_Types].xml": b"y" * 100})
    )
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := content.find(mark, start)) >= 0:
            struct.pack_into("<HH", content, start + at, flag, method)
            start += 4
    return bytes(content)


HOSTILE: Final[Mapping[str, tuple[str, Make]]] = {
    # pages
    "deep divs": ("a.html", lambda n: b"<div>" * min(n // 10, 20_000) + b"word"),
    "deep tables": ("a.html", lambda n: b"<table><tr><td>" * min(n // 15, 3_000) + b"word"),
    "deep lists": ("a.html", lambda n: b"<ul><li>" * min(n // 8, 5_000) + b"word"),
    "deep quotations": ("a.html", lambda n: b"<blockquote>" * min(n // 12, 5_000) + b"word"),
    "deep formulas": ("a.html", lambda n: b"<math>" + b"<msqrt>" * 5_000 + b"<mi>x"),
    "open formatting": ("a.html", lambda n: b"<p>x<b><i><font size=1>" * (n // 25)),
    "fonts that differ": (
        "a.html",
        lambda n: b"".join(b"<p><font size=%d>x" % each for each in range(400)),
    ),
    "divs without end": ("a.html", lambda n: b"<div>" * (n // 5) + b"word"),
    "spans without end": ("a.html", lambda n: b"<span>" * (n // 6) + b"word"),
    "tags alone": ("a.html", lambda n: b"<html>word" + b"<i></i>" * (n // 7)),
    "paragraphs": ("a.html", lambda n: b"<html>" + b"<p>word one" * (n // 11)),
    "rows without end": ("a.html", lambda n: b"<table>" + b"<tr><td>x<td>y" * (n // 14)),
    "angle brackets": ("a.html", lambda n: b"<html>word" + b"<" * n),
    "links without end": ("a.html", lambda n: b"<a href=x>y" * (n // 11)),
    "one tag of very many attributes": (
        "a.html",
        lambda n: b"<p " + b" ".join(b"a%d=1" % each for each in range(n // 400)) + b">x",
    ),
    "comment without end": ("a.html", lambda n: b"<html><p>word<!--" + b"-" * n),
    "script without end": ("a.html", lambda n: b"<html><p>word<script>" + b"x<" * (n // 2)),
    "tag without end": ("a.html", lambda n: b"<html><p>word<b " + b"x" * n),
    "entities that are none": (
        "a.html",
        lambda n: b"<html><p>word" + b"&x;&#0;&#xffffffff;" * (n // 20),
    ),
    "spans of very many columns": (
        "a.html",
        lambda n: b"<table>" + b"<tr><td colspan=1000 rowspan=65534>x" * 200,
    ),
    "rows of very different length": (
        "a.html",
        lambda n: b"<table><tr>" + b"<td>x" * 2_000 + b"<tr><td>y" * 2_000 + b"</table>",
    ),
    "very many styles": (
        "a.html",
        lambda n: b"<p style='display:none'>x<p style='a:b'>y" * (n // 40),
    ),
    "style without end": ("a.html", lambda n: b"<html><p>word<p style='a:" + b"(" * n + b"'>x"),
    "very many footnotes": (
        "a.html",
        lambda n: (
            b"".join(b"<sup><a href=#f%d>1</a></sup>" % each for each in range(n // 400))
            + b"".join(b"<p id=f%d>note" % each for each in range(n // 400))
        ),
    ),
    "data uri": (
        "a.html",
        lambda n: b"<html><p>word<img alt=x src='data:image/png;base64," + b"A" * n + b"'>",
    ),
    "declared in an encoding that is none": ("a.html", lambda n: b"<meta charset=\xff\xfe><p>word"),
    "nul in tags": ("a.html", lambda n: b"<html><p\x00>w\x00ord</p>" * 10),
    "surrogates": ("a.html", lambda n: b"<html><p>word&#xd800;\xed\xa0\x80</p>"),
    "noncharacters": ("a.html", lambda n: "<html><p>\ufdd00\ufdd1 word \ufdd2\ufdd3</p>".encode()),
    "xml bomb as a page": ("a.html", _entities),
    # text, Markdown
    "a line": ("a.txt", lambda n: b"word " * (n // 5)),
    "a word": ("a.txt", lambda n: b"x" * n),
    "very many lines": ("a.txt", lambda n: b"x\n" * (n // 2)),
    "blank lines": ("a.txt", lambda n: b"word" + b"\n \t" * (n // 3) + b"word"),
    "brackets": ("a.txt", lambda n: b"word" + b"[" * n),
    "backticks": ("a.md", lambda n: b"word" + b"`a``b```" * (n // 8)),
    "links open": ("a.md", lambda n: b"word" + b"[a](b" * (n // 5)),
    "dollars": ("a.md", lambda n: b"word" + b"$a" * (n // 2)),
    "asterisks": ("a.md", lambda n: b"word" + b"*a " * (n // 3)),
    "quotations": ("a.md", lambda n: b">" * min(n, 3_000) + b" word"),
    "controls": ("a.txt", lambda n: b"word\x1b[31m\x08\x07" * 50),
    "random high bytes": (
        "a.txt",
        lambda n: b"word " + bytes(128 + (each * 7919) % 128 for each in range(min(n, 200_000))),
    ),
    "half of UTF-16": ("a.txt", lambda n: "word \U0001f600".encode("utf-16-le")[:-1]),
    "lone surrogates in UTF-16": ("a.txt", lambda n: b"\xff\xfew\x00o\x00\x00\xd8r\x00d\x00"),
    "UTF-32 beyond Unicode": ("a.txt", lambda n: b"\xff\xfe\x00\x00w\x00\x00\x00\xff\xff\xff\x7f"),
    "escapes without end": ("a.txt", lambda n: b"word \x1b$B" + b"!" * 1001),
    # tables
    "an open quotation mark": ("a.csv", lambda n: b'a,b\n1,"2\n' + b"3,4\n" * (n // 4)),
    "quotation marks": ("a.csv", lambda n: b'"' * (n | 1)),
    "commas": ("a.csv", lambda n: b"word," * (n // 50)),
    "a long row and short ones": (
        "a.csv",
        lambda n: b"x," * (n // 20) + b"\n" + b"a,b\n" * (n // 20),
    ),
    "a field of a whole file": ("a.csv", lambda n: b"a,b\n1," + b"x" * n),
    "a quoted field of a whole file": ("a.csv", lambda n: b'a,b\n1,"' + b"x\n" * (n // 2) + b'"\n'),
    "one line of very many fields": ("a.csv", lambda n: b"x," * (n // 2) + b"x\n"),
    "separator that is none": ("a.csv", lambda n: b'sep="\na"b\n1"2\n'),
    # mail
    "parts in parts": ("a.eml", lambda n: _mail(n, depth=n // 30)),
    "very many parts": ("a.eml", lambda n: _mail(n, parts=n // 400)),
    "mail with a bomb": ("a.eml", _mail_of_zip),
    "an attachment of the whole mail": ("a.eml", lambda n: _mail_of(b"x" * (n // 2))),
    "header without end": ("a.eml", lambda n: b"From: a@b.c\nSubject: " + b"x" * n + b"\n\nword\n"),
    "headers alone": ("a.eml", lambda n: b"From: a@b.c\nTo: x\nSubject: x\n" * 100),
    "encoded words": (
        "a.eml",
        lambda n: b"From: a@b.c\nSubject: " + b"=?x?q?=ff?= " * 500 + b"\n\nword\n",
    ),
    "base64 that is none": (
        "a.eml",
        lambda n: (
            b"From: a@b.c\nSubject: x\nContent-Type: text/plain; charset=\xff\n"
            b"Content-Transfer-Encoding: base64\n\n!!!\xff==\n"
        ),
    ),
    # archives
    "bomb": (
        "a.docx",
        lambda n: with_part(_sample("keepers-handbook.docx"), "z.xml", b"\0" * (80 << 20)),
    ),
    "very many entries": ("a.docx", _wide_zip),
    "encrypted entries": ("a.docx", lambda n: _odd_zip(1, 8)),
    "unknown packing": ("a.docx", lambda n: _odd_zip(0, 99)),
    "deep xml": ("a.docx", lambda n: _docx(b"<w:p>" * 20_000)),
    "deep tables in docx": ("a.docx", lambda n: _docx(b"<w:tbl><w:tr><w:tc>" * 3_000)),
    "xml bomb": ("a.docx", _entity_docx),
    "file read through xml": ("a.docx", _outer_entity_docx),
    "no parts": ("a.xlsx", lambda n: zip_of({"[Content_Types].xml": b"spreadsheetml.sheet.main"})),
    "nothing": ("a.pptx", lambda n: zip_of({})),
    # PDF
    "pages that hold themselves": ("a.pdf", _page_loop),
    "a form that draws itself": ("a.pdf", _form_loop),
    "packed content": ("a.pdf", lambda n: _pages(_packed(b"q " * (n // 2)))),
    "glyphs without end": (
        "a.pdf",
        lambda n: _pages(_packed(b"BT /F 9 Tf 9 9 Td (" + b"word " * (n // 50) + b") Tj ET")),
    ),
    "references to nothing": ("a.pdf", lambda n: _pages(b"99 0 R")),
    "places beyond the file": (
        "a.pdf",
        lambda n: _sample("harbour-bulletin.pdf").replace(b"startxref\n", b"startxref\n9"),
    ),
    "cut": ("a.pdf", lambda n: _sample("alder-river-survey.pdf")[:-2_000]),
    # names that lie
    "a picture called a text": ("a.txt", lambda n: b"\x89PNG\r\n\x1a\n" + b"\x00" * 500),
    "a page called a PDF": ("a.pdf", lambda n: b"<html><body><p>word</body></html>"),
    "a PDF called a table": ("a.csv", lambda n: _sample("harbour-bulletin.pdf")),
    "a text called a presentation": ("a.pptx", lambda n: b"just words\n" * 10),
    **HOSTILE_PACKAGES,
}
