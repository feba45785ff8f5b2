"""OpenDocument texts, presentations and spreadsheets."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import Final, cast

from lxml import etree

from stages.conversion.detection import Format
from stages.conversion.markdown import blocks
from stages.conversion.office.archive import opened
from stages.conversion.office.others.library import CONVERTER, Kind, markdown_of
from stages.conversion.office.others.marks import tagged
from stages.conversion.office.others.odf_content import prepare
from stages.conversion.office.package import Element, parse
from stages.conversion.office.sheets.open_document import SheetsReader
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.second_reading import SecondReading
from stages.errors import UnconvertibleDocument

_DAMAGED: Final = (
    "The document is damaged; open it in the program that made it, save it again and hand in that."
)
_LOCKED: Final = (
    "The document is protected by a password; remove the password and hand it in again."
)
_UNREAD: Final = ("Pictures/", "Thumbnails/", "Configurations2/", "layout-cache")
_BREAKS: Final = ("p", "h", "tab", "line-break", "table-cell", "list-item", "s")
_SILENT: Final = (
    "annotation", "script", "tracked-changes", "forms", "sequence-decls", "note-citation"
)  # fmt: skip
_NOT_COMPARED: Final = frozenset(["comments", "deletedText"])
_WORD: Final = re.compile(r"\w+")
_DRAW: Final = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_STYLE_NAME: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}style-name"


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert an OpenDocument; what is hidden or deleted is left out and counted."""
    try:
        if source.kind is Format.ODS:
            return _spreadsheet(source, options)
        content, left_out, slides = _prepared(source, options)
    except (etree.XMLSyntaxError, zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise UnconvertibleDocument(_DAMAGED) from error
    markdown = markdown_of(content, cast("Kind", source.kind.value))
    return Converted(markdown, {}, left_out=dict(+left_out), converter=CONVERTER, pages=slides)


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:
    """Return the text of the document's body."""
    with zipfile.ZipFile(source.path) as archive:
        root = parse(archive.read("content.xml"))
        names = archive.namelist()
        styles = parse(archive.read("styles.xml")) if "styles.xml" in names else root
    raised = {*_raised(root), *_raised(styles)}
    hidden = set() if options.include_hidden else {*_hiding(root), *_hiding(styles)}
    body = next((each for each in root if _name(each) == "body"), root)
    reading = _texts(body, raised, hidden)
    words = len(_WORD.findall(" ".join(text for text, is_hidden in reading if is_hidden)))
    return SecondReading(
        "".join(text for text, is_hidden in reading if not is_hidden),
        {"hiddenText": words} if words else {},
        unread=_NOT_COMPARED,
    )


def _raised(root: Element) -> Iterator[str]:
    """Return the names of styles that raise or lower text."""
    for style in root.iter("{*}style"):
        values = (v for p in style for k, v in p.attrib.items() if str(k).endswith("text-position"))
        if any(not str(value).startswith("0%") for value in values):
            yield next((str(v) for k, v in style.attrib.items() if str(k).endswith("}name")), "")


def _hiding(root: Element) -> Iterator[str]:
    """Return the names of styles that hide text."""
    for style in root.iter("{*}style"):
        if any(str(k).endswith("}display") and v == "none" for p in style for k, v in p.items()):
            yield next((str(v) for k, v in style.attrib.items() if str(k).endswith("}name")), "")


def _spreadsheet(source: Source, options: ConversionOptions) -> Converted:
    with opened(source.path) as archive:
        root, left_out = _content(archive, options)
    reader = SheetsReader(root, options, left_out)
    bodies = (each for body in root.iterchildren("{*}body") for each in body)
    markdown = tagged(blocks(map(reader.markdown, bodies)))
    metadata = {"sheets": len(reader.rows), "rows": reader.rows}
    if reader.formulas:
        metadata["formulasWithoutValue"] = reader.formulas
    return Converted(markdown, metadata, left_out=dict(+left_out), converter="ods-xml/1")


def _content(archive: zipfile.ZipFile, options: ConversionOptions) -> tuple[Element, Counter[str]]:
    """Return the document's content without what is hidden, raised text marked, and its counts."""
    names = archive.namelist()
    if "META-INF/manifest.xml" in names and b"encryption-data" in archive.read(
        "META-INF/manifest.xml"
    ):
        raise UnconvertibleDocument(_LOCKED)
    root = parse(archive.read("content.xml"))
    styles = parse(archive.read("styles.xml")) if "styles.xml" in names else None
    return root, prepare(root, styles, include_hidden=options.include_hidden)


def _prepared(source: Source, options: ConversionOptions) -> tuple[bytes, Counter[str], list[str]]:
    """Return the document as the library is to read it, what was left out, and slides' texts."""
    out = io.BytesIO()
    with opened(source.path) as archive:
        root, left_out = _content(archive, options)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as copy:
            for name in archive.namelist():
                if name == "content.xml":
                    copy.writestr(
                        name, etree.tostring(root, xml_declaration=True, encoding="UTF-8")
                    )
                elif not name.startswith(_UNREAD) and not name.endswith("/"):
                    copy.writestr(name, archive.read(name))
    pages = root.iter(f"{_DRAW}page")
    slides = ["".join(text for text, _ in _texts(page, set(), set())) for page in pages]
    return out.getvalue(), left_out, slides


def _texts(body: Element, raised: set[str], hidden: set[str]) -> list[tuple[str, bool]]:
    """Return the pieces of text, and whether each is hidden."""
    found: list[tuple[str, bool]] = []
    silent = hiding = 0
    for event, each in etree.iterwalk(body, events=("start", "end")):
        name, style = _name(each), each.get(_STYLE_NAME)
        apart = name == "span" and style in raised
        step = 1 if event == "start" else -1
        silent += step * (name in _SILENT)
        hiding += step * (style in hidden)
        if event == "start":
            before = "\n" if name in ("p", "h") else " " if apart else ""
            text = f"{before}{each.text or ''}"
            found += [(text, hiding > 0)] if not silent else []
            continue
        found.append(("\n" if name in _BREAKS else " " if apart else "", False))
        if not silent and each is not body:
            found.append((each.tail or "", hiding > 0))
    return found


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
