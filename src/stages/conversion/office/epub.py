"""Electronic books (EPUB 2 and 3): their pages in the order of the spine."""

from __future__ import annotations

import posixpath
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from lxml import etree

from stages.conversion.detection import Format
from stages.conversion.markdown import blocks
from stages.conversion.office.archive import opened
from stages.conversion.office.book_notes import Page, shown, with_references, without_notes
from stages.conversion.office.package import local, parse
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.second_reading import SecondReader, SecondReading
from stages.errors import UnconvertibleDocument

_CONTAINER: Final = "META-INF/container.xml"
_PAGES: Final = ("application/xhtml+xml", "text/html", "application/xml", "text/xml")
_FONTS_ONLY: Final = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_DAMAGED: Final = "The book is damaged; export or download it again."
_LOCKED: Final = "The book is protected against copying; hand in one without protection."


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert a book: each page of its spine as an HTML page, then its notes."""
    book = without_notes(list(_pages(source)))
    pages = [_page(page.content, options) for page in book.pages]
    notes = {number: _page(content, options) for number, content in book.notes.items()}
    left_out: Counter[str] = Counter(book.left_out)
    for each in [*pages, *notes.values()]:
        left_out.update(each.left_out)
    texts = [with_references(each.markdown.strip()) for each in pages]
    definitions = shown({number: each.markdown for number, each in notes.items()})
    return Converted(
        blocks([*texts, *definitions]),
        {"pages": len(pages)},
        left_out=dict(+left_out),
        lossy=any(each.lossy for each in pages),
        converter="epub-html/2",
    )


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:
    """Return the text of a book's pages, each read for the second time as HTML pages are."""
    from stages.conversion.executor import module_of

    read: SecondReader = module_of(Format.HTML).second_reading
    left_out: Counter[str] = Counter()
    texts: list[str] = []
    for page in _pages(source):
        with _as_file(page.content) as file:
            found = read(file, options)
        texts.append(found.text)
        left_out.update(found.left_out)
    return SecondReading("\n".join(texts), dict(+left_out))


def _page(content: bytes, options: ConversionOptions) -> Converted:
    from stages.conversion.executor import module_of

    with _as_file(content) as page:
        converted: Converted = module_of(Format.HTML).convert(page, options)
        return converted


@contextmanager
def _as_file(content: bytes) -> Iterator[Source]:
    """Lend a page as a document of its own; XHTML is in UTF-8 unless it says otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_bytes(content)
        yield Source(path, Format.HTML, path.name, "application/xhtml+xml; charset=utf-8")


def _pages(source: Source) -> Iterator[Page]:
    """Return the pages of the spine in order; a page that is missing is left out."""
    try:
        with opened(source.path) as archive:
            names = set(archive.namelist())
            _refuse_locked(archive, names)
            for name in _spine(archive):
                if name in names:
                    yield Page(name, archive.read(name))
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
