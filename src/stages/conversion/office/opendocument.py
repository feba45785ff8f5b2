"""OpenDocument texts, presentations and spreadsheets."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import Final, cast

from lxml import etree

from stages.conversion.office.archive import refuse_harmful_archive
from stages.conversion.office.others.library import CONVERTER, Kind, markdown_of
from stages.conversion.office.others.odf_content import prepare
from stages.conversion.office.package import Element, parse
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
_SILENT: Final = ("annotation", "script", "tracked-changes", "forms", "sequence-decls")
_DRAW: Final = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_STYLE_NAME: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}style-name"


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert an OpenDocument; what is hidden or deleted is left out and counted."""
    try:
        content, left_out, slides = _prepared(source, options)
    except (etree.XMLSyntaxError, zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise UnconvertibleDocument(_DAMAGED) from error
    markdown = markdown_of(content, cast("Kind", source.kind.value))
    return Converted(markdown, {}, left_out=dict(+left_out), converter=CONVERTER, pages=slides)


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:  # noqa: ARG001
    """Return the text of the document's body."""
    with zipfile.ZipFile(source.path) as archive:
        root = parse(archive.read("content.xml"))
        names = archive.namelist()
        styles = parse(archive.read("styles.xml")) if "styles.xml" in names else root
    raised = {*_raised(root), *_raised(styles)}
    body = next((each for each in root if _name(each) == "body"), root)
    return SecondReading("".join(_texts(body, raised)))


def _raised(root: Element) -> Iterator[str]:
    """Return the names of styles that raise or lower text."""
    for style in root.iter("{*}style"):
        values = (v for p in style for k, v in p.attrib.items() if str(k).endswith("text-position"))
        if any(not str(value).startswith("0%") for value in values):
            yield next((str(v) for k, v in style.attrib.items() if str(k).endswith("}name")), "")


def _prepared(source: Source, options: ConversionOptions) -> tuple[bytes, Counter[str], list[str]]:
    """Return the document as the library is to read it, what was left out, and slides' texts."""
    refuse_harmful_archive(source.path)
    out = io.BytesIO()
    with zipfile.ZipFile(source.path) as archive:
        names = archive.namelist()
        if "META-INF/manifest.xml" in names and b"encryption-data" in archive.read(
            "META-INF/manifest.xml"
        ):
            raise UnconvertibleDocument(_LOCKED)
        root = parse(archive.read("content.xml"))
        styles = parse(archive.read("styles.xml")) if "styles.xml" in names else None
        left_out = prepare(root, styles, include_hidden=options.include_hidden)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as copy:
            for name in names:
                if name == "content.xml":
                    copy.writestr(
                        name, etree.tostring(root, xml_declaration=True, encoding="UTF-8")
                    )
                elif not name.startswith(_UNREAD) and not name.endswith("/"):
                    copy.writestr(name, archive.read(name))
    slides = ["".join(_texts(page, set())) for page in root.iter(f"{_DRAW}page")]
    return out.getvalue(), left_out, slides


def _texts(body: Element, raised: set[str]) -> Iterator[str]:
    silent = 0
    for event, each in etree.iterwalk(body, events=("start", "end")):
        name = _name(each)
        apart = name == "span" and each.get(_STYLE_NAME) in raised
        if event == "start":
            silent += name in _SILENT
            yield f"{' ' if apart else ''}{each.text or ''}" if not silent else ""
            continue
        silent -= name in _SILENT
        yield "\n" if name in _BREAKS else " " if apart else ""
        yield each.tail or "" if not silent and each is not body else ""


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
