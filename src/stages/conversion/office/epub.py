"""Electronic books (EPUB 2 and 3): their pages in the order of the spine."""

from __future__ import annotations

import posixpath
import tempfile
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from lxml import etree

from stages.conversion.detection import Format
from stages.conversion.markdown import blocks
from stages.conversion.office.archive import refuse_harmful_archive
from stages.conversion.office.package import local, parse
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.second_reading import SecondReading
from stages.errors import UnconvertibleDocument

_CONTAINER: Final = "META-INF/container.xml"
_PAGES: Final = ("application/xhtml+xml", "text/html", "application/xml", "text/xml")
_FONTS_ONLY: Final = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_DAMAGED: Final = "The book is damaged; export or download it again."
_LOCKED: Final = "The book is protected against copying; hand in one without protection."
_UNSEEN: Final = ("script", "style", "head", "template")


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert a book: each page of its spine as an HTML page."""
    pages = list(_pages(source))
    markdown = blocks(_page(content, options) for content in pages)
    return Converted(markdown, {"pages": len(pages)}, converter="epub-html/1")


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:  # noqa: ARG001
    """Return the text of a book's pages."""
    reader = _TextReader()
    for content in _pages(source):
        reader.feed(content.decode("utf-8", "replace"))
    reader.close()
    return SecondReading("".join(reader.pieces))


def _page(content: bytes, options: ConversionOptions) -> str:
    from stages.conversion.executor import module_of

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_bytes(content)
        page = Source(path, Format.HTML, path.name, "application/xhtml+xml; charset=utf-8")
        converted: Converted = module_of(Format.HTML).convert(page, options)
        return converted.markdown.strip()


def _pages(source: Source) -> Iterator[bytes]:
    """Return the pages of the spine in order; a page that is missing is left out."""
    refuse_harmful_archive(source.path)
    try:
        with zipfile.ZipFile(source.path) as archive:
            names = set(archive.namelist())
            _refuse_locked(archive, names)
            for name in _spine(archive):
                if name in names:
                    yield archive.read(name)
    except (etree.XMLSyntaxError, zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise UnconvertibleDocument(_DAMAGED) from error


def _refuse_locked(archive: zipfile.ZipFile, names: set[str]) -> None:
    """Raise UnconvertibleDocument for a book whose pages, not its fonts alone, are encrypted."""
    if "META-INF/encryption.xml" not in names:
        return
    for method in parse(archive.read("META-INF/encryption.xml")).iter("{*}EncryptionMethod"):
        if method.get("Algorithm") not in _FONTS_ONLY:
            raise UnconvertibleDocument(_LOCKED)


def _spine(archive: zipfile.ZipFile) -> Iterator[str]:
    container = parse(archive.read(_CONTAINER))
    root_file = next(e.get("full-path", "") for e in container.iter("{*}rootfile"))
    book = parse(archive.read(root_file))
    folder = posixpath.dirname(root_file)
    items = {
        item.get("id", ""): posixpath.normpath(
            posixpath.join(folder, unquote(item.get("href", "")))
        )
        for item in book.iter("{*}item")
        if item.get("media-type") in _PAGES
    }
    for reference in book.iter("{*}itemref"):
        name = items.get(reference.get("idref", ""))
        if name is not None and local(reference):
            yield name


class _TextReader(HTMLParser):
    """Collects the text that readers see, its elements apart."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """Begin an element."""
        self._unseen += tag in _UNSEEN
        self.pieces.append("" if tag in ("a", "b", "i", "em", "strong", "span") else "\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """Pass an element without content."""
        self.pieces.append("\n" if tag in ("br", "hr", "img") else "")

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        self._unseen = max(0, self._unseen - (tag in _UNSEEN))
        self.pieces.append("" if tag in ("a", "b", "i", "em", "strong", "span") else "\n")

    def handle_data(self, data: str) -> None:
        """Keep text that is seen."""
        if not self._unseen:
            self.pieces.append(data)
