"""Tell a document's format: content first, then name and declared type.

A file's extension is a claim by whoever named it. What the bytes are decides; the claim only
chooses between formats that are all plain text.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Final

from stages.conversion.office.archive import read_part
from stages.conversion.text.decoding import looks_like_text
from stages.errors import UnconvertibleDocument

_HEAD_BYTES = 64 * 1024


class Format(StrEnum):
    """The formats that can be converted."""

    PDF = "pdf"
    DOCX = "docx"
    PPTX = "pptx"
    SPREADSHEET = "spreadsheet"
    ODT = "odt"
    ODP = "odp"
    ODS = "ods"
    RTF = "rtf"
    EPUB = "epub"
    DOC = "doc"
    PPT = "ppt"
    HTML = "html"
    MAIL = "mail"
    CSV = "csv"
    MARKDOWN = "markdown"
    TEXT = "text"

    @property
    def module(self) -> str:
        """The module of this package that converts it, e.g. `text.html`."""
        return _MODULES[self]


_MODULES: Final[Mapping[Format, str]] = {
    Format.PDF: "pdf",
    Format.DOCX: "office.docx",
    Format.PPTX: "office.pptx",
    Format.SPREADSHEET: "office.spreadsheet",
    Format.ODT: "office.opendocument",
    Format.ODP: "office.opendocument",
    Format.ODS: "office.opendocument",
    Format.RTF: "office.rtf",
    Format.EPUB: "office.epub",
    Format.DOC: "office.binary",
    Format.PPT: "office.binary",
    Format.HTML: "text.html",
    Format.MAIL: "text.mail",
    Format.CSV: "text.delimited",
    Format.MARKDOWN: "text.plain",
    Format.TEXT: "text.plain",
}


_SUPPORTED = (
    "PDF, DOCX, PPTX, XLSX, ODT, ODP, ODS, RTF, EPUB, DOC, PPT, XLS, HTML, mail, CSV, text and "
    "Markdown can be converted"
)

_OFFICE_PARTS: Final[Mapping[bytes, Format]] = {
    b"wordprocessingml.document.main": Format.DOCX,
    b"wordprocessingml.template.main": Format.DOCX,
    b"ms-word.document.macroEnabled.main": Format.DOCX,
    b"ms-word.template.macroEnabledTemplate.main": Format.DOCX,
    b"presentationml.presentation.main": Format.PPTX,
    b"presentationml.slideshow.main": Format.PPTX,
    b"presentationml.template.main": Format.PPTX,
    b"ms-powerpoint.presentation.macroEnabled.main": Format.PPTX,
    b"ms-powerpoint.slideshow.macroEnabled.main": Format.PPTX,
    b"ms-powerpoint.template.macroEnabled.main": Format.PPTX,
    b"spreadsheetml.sheet.main": Format.SPREADSHEET,
    b"spreadsheetml.template.main": Format.SPREADSHEET,
    b"ms-excel.sheet.macroEnabled.main": Format.SPREADSHEET,
    b"ms-excel.template.macroEnabled.main": Format.SPREADSHEET,
    b"ms-excel.sheet.binary.macroEnabled.main": Format.SPREADSHEET,
}

_OPEN_DOCUMENTS: Final[Mapping[bytes, Format]] = {
    b"application/vnd.oasis.opendocument.text": Format.ODT,
    b"application/vnd.oasis.opendocument.presentation": Format.ODP,
    b"application/vnd.oasis.opendocument.spreadsheet": Format.ODS,
    b"application/epub+zip": Format.EPUB,
}

# What the library calls the kinds of OLE compound files, by their streams.
_COMPOUND: Final[Mapping[str, Format]] = {
    "xlsx": Format.SPREADSHEET,
    "doc": Format.DOC,
    "ppt": Format.PPT,
}

_OTHERS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "a picture; run text recognition (OCR) and hand in the text or a PDF"),
    (b"\xff\xd8\xff", "a picture; run text recognition (OCR) and hand in the text or a PDF"),
    (b"GIF8", "a picture; run text recognition (OCR) and hand in the text or a PDF"),
    (b"II*\x00", "a picture; run text recognition (OCR) and hand in the text or a PDF"),
    (b"MM\x00*", "a picture; run text recognition (OCR) and hand in the text or a PDF"),
    (b"\x1f\x8b", "a packed file; unpack it and hand in the documents inside"),
    (b"BZh", "a packed file; unpack it and hand in the documents inside"),
    (b"\xfd7zXZ\x00", "a packed file; unpack it and hand in the documents inside"),
    (b"7z\xbc\xaf\x27\x1c", "an archive; unpack it and hand in the documents inside"),
    (b"Rar!\x1a\x07", "an archive; unpack it and hand in the documents inside"),
    (b"%!PS", "a PostScript file; save it as PDF and hand in that"),
    (b"\x7fELF", "a program, not a document"),
    (b"MZ\x90\x00", "a program, not a document"),
    (b"SQLite format 3\x00", "a database, not a document; export what matters as CSV"),
)

_HTML_START: Final = re.compile(
    rb"^(?:\s|<\?xml[^>]*\?>|<!--.*?-->)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
# Asked of what is named or declared HTML: a tag of HTML's own, so a note about `List<T>` is text.
_HTML_TAGS: Final = re.compile(
    rb"<(?:a|abbr|acronym|address|area|article|aside|audio|b|base|basefont|bdi|bdo|big|blockquote"
    rb"|body|br|button|canvas|caption|center|cite|code|col|colgroup|data|datalist|dd|del|details"
    rb"|dfn|dialog|dir|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form|frame"
    rb"|frameset|h[1-6]|head|header|hgroup|hr|html|i|iframe|img|input|ins|kbd|label|legend|li|link"
    rb"|main|map|mark|math|menu|meta|meter|nav|nobr|noscript|object|ol|optgroup|option|output|p"
    rb"|picture|pre|progress|q|rp|rt|ruby|s|samp|script|search|section|select|small|source|span"
    rb"|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead"
    rb"|time|title|tr|track|tt|u|ul|var|video|wbr)(?=[\s/>])[^<>]*>",
    re.IGNORECASE,
)
_PDF_HEADER: Final = re.compile(rb"%PDF-[12]\.\d[\r\n]")
_MAIL_START: Final = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\r?\n(?:[ \t][^\n]*\n)*){2}")
_MAIL_HEADERS: Final = re.compile(
    rb"^(From|To|Date|Subject|Message-ID|Received|MIME-Version|Return-Path):",
    re.IGNORECASE | re.MULTILINE,
)
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_BY_EXTENSION: Final[Mapping[str, Format]] = {
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".mdown": Format.MARKDOWN,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".txt": Format.TEXT,
    ".text": Format.TEXT,
    ".log": Format.TEXT,
    ".eml": Format.MAIL,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".xhtml": Format.HTML,
}
_BY_MIME_TYPE: Final[Mapping[str, Format]] = {
    "text/markdown": Format.MARKDOWN,
    "text/x-markdown": Format.MARKDOWN,
    "text/csv": Format.CSV,
    "text/tab-separated-values": Format.CSV,
    "message/rfc822": Format.MAIL,
    "text/html": Format.HTML,
    "application/xhtml+xml": Format.HTML,
    "text/plain": Format.TEXT,
}


def detect(path: Path, file_name: str, mime_type: str) -> Format:
    """Return the format of the file; raise UnconvertibleDocument, saying what to do, if none."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.lstrip().startswith(b"%PDF-"):
        return Format.PDF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(path)
    if head.startswith(b"{\\rtf"):
        return Format.RTF
    if head.startswith(_OLE_MAGIC):
        return _compound(path)
    if _is_pdf_further_in(path, head):  # not within a container: there it is an attachment
        return Format.PDF
    for magic, what in _OTHERS:
        if head.startswith(magic):
            raise UnconvertibleDocument(f"The file is {what}.")
    if not looks_like_text(head):
        raise UnconvertibleDocument(
            f"The file is of no known type; {_SUPPORTED}. If it should be one of these, it is "
            "damaged: export it anew."
        )
    return _text(head, file_name, mime_type)


def _is_pdf_further_in(path: Path, head: bytes) -> bool:
    """Tell whether a PDF follows on something else, such as the head of a message.

    A text that only speaks of the header of such files is none.
    """
    if b"%PDF-" not in head or _PDF_HEADER.search(head) is None:
        return False
    if not looks_like_text(head):
        return True
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2048))
        tail = file.read()
    return b"startxref" in tail and b"%%EOF" in tail


def _zipped(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "mimetype" in names:
                return _open_document(read_part(archive, "mimetype"))
            if "[Content_Types].xml" in names:
                return _office(read_part(archive, "[Content_Types].xml"))
    except NotImplementedError as error:  # a way of packing that no document uses
        raise UnconvertibleDocument(
            "The file is damaged or packed in a way that cannot be read; export or download it "
            "again."
        ) from error
    except RuntimeError as error:  # what zipfile raises for an entry that is encrypted
        raise UnconvertibleDocument(
            "The document is protected by a password; remove the password and hand it in again."
        ) from error
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, zlib.error) as error:
        raise UnconvertibleDocument(
            "The file is cut off or damaged (its zip container cannot be read); export or download "
            "it anew."
        ) from error
    raise UnconvertibleDocument(
        "The file is a zip archive, not a document; unpack it and hand in the documents inside."
    )


def _office(content_types: bytes) -> Format:
    for mark, kind in _OFFICE_PARTS.items():
        if mark in content_types:
            return kind
    raise UnconvertibleDocument(f"The file is an Office document of another kind; {_SUPPORTED}.")


def _open_document(declared: bytes) -> Format:
    kinds = sorted(_OPEN_DOCUMENTS.items(), key=lambda item: -len(item[0]))
    for name, kind in kinds:
        if declared.strip().startswith(name):
            return kind
    raise UnconvertibleDocument(
        f"The file is a document of a kind that cannot be read here; {_SUPPORTED}. Save it as one "
        "of these."
    )


def _compound(path: Path) -> Format:
    """Tell the kind of an OLE compound file by the streams at its top."""
    content = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise UnconvertibleDocument(
            "The document is protected by a password; remove the password and hand it in again."
        )
    from anydoc import format_from_bytes

    kind = _COMPOUND.get(format_from_bytes(content) or "")
    if kind is not None:
        return kind
    raise UnconvertibleDocument(
        f"The file is an Office document of another kind; {_SUPPORTED}. Save it as one of these."
    )


def _text(head: bytes, file_name: str, mime_type: str) -> Format:
    plain = head.replace(b"\x00", b"").removeprefix(b"\xef\xbb\xbf")
    if _HTML_START.search(plain):
        return Format.HTML
    claimed = _BY_EXTENSION.get(PurePath(file_name).suffix.lower()) or _BY_MIME_TYPE.get(
        mime_type.partition(";")[0].strip().lower()
    )
    if claimed is Format.HTML and not _HTML_TAGS.search(plain):
        return Format.TEXT
    if _MAIL_START.match(plain) and (claimed is Format.MAIL or _is_mail(plain)):
        return Format.MAIL
    if claimed is Format.MAIL:
        return Format.TEXT
    return claimed or Format.TEXT


def _is_mail(head: bytes) -> bool:
    """Tell whether a text that begins with headers has those that only mail has together."""
    headers = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    found = {name.lower() for name in _MAIL_HEADERS.findall(headers)}
    return len(found) >= 4 and bool(found & {b"message-id", b"received", b"mime-version"})
