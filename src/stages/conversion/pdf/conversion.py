"""PDF to Markdown: fonts tell headings, gaps tell columns and tables, rules tell grids.

See the decisions about PDF for what was compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pypdfium2

from domain.json_types import JsonObject
from stages.conversion.pdf.inline import plain, rendered
from stages.conversion.pdf.layout.blocks import Fonts, blocks_of, fonts_of, joined_blocks
from stages.conversion.pdf.layout.columns import in_reading_order
from stages.conversion.pdf.layout.furniture import Furniture, PageLines
from stages.conversion.pdf.layout.grid import find_grids
from stages.conversion.pdf.layout.hyphens import Hyphens
from stages.conversion.pdf.layout.lines import Line, lines_of
from stages.conversion.pdf.layout.tables import Block, continues, joined
from stages.conversion.pdf.reading.opening import content_of, opened
from stages.conversion.pdf.reading.page import Page, Sheet, read_page
from stages.conversion.pdf.reading.structure import with_horizontal_fonts, with_marked_layers
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.errors import UnconvertibleDocument

CONVERTER: Final = "pdfium-layout/3"
_MAX_UNREADABLE: Final = 0.5  # of the characters that are drawn
_MAX_PICTURES: Final = 0.5  # of the pages

_last_pages: dict[Path, list[Page]] = {}  # of one document, until its second reading


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert a PDF that holds text; raise UnconvertibleDocument for scans and broken files."""
    _last_pages.clear()
    pages = read_pages(source, options)
    refuse_unreadable(pages)
    left_out = Counter[str]()
    for page in pages:
        left_out.update(page.left_out)
    laid = [_Laid.out(page) for page in pages]
    lines_left_out = 0
    if not options.keep_running_headers:
        laid, lines_left_out = _without_furniture(laid, left_out)
    markdown, texts = _markdown(laid, left_out)
    _last_pages[source.path] = pages
    tables = sum(page.tables for page in laid)
    return Converted(
        markdown,
        metadata_of(pages, tables=tables, running_lines=lines_left_out),
        left_out={kind: count for kind, count in sorted(left_out.items()) if count},
        converter=CONVERTER,
        pages=texts,
    )


def metadata_of(pages: Sequence[Page], *, tables: int, running_lines: int) -> JsonObject:
    """Return what is worth recording of the pages."""
    return {
        "pages": len(pages),
        "pagesWithoutText": [n for n, page in enumerate(pages, start=1) if lacks_text(page)][:100],
        "tables": tables,
        "runningLinesLeftOut": running_lines,
    }


def take_pages(source: Source) -> list[Page] | None:
    """Return the pages that the last conversion has read, once, if they are of this document."""
    pages = _last_pages.pop(source.path, None)
    _last_pages.clear()
    return pages


def read_pages(source: Source, options: ConversionOptions) -> list[Page]:
    """Return all pages of the PDF, read on a copy in memory."""
    original = content_of(source.path)
    content = with_marked_layers(original)
    pages = _pages(content, options, has_layers=content is not original)
    if any(page.unread_objects for page in pages):
        laid = with_horizontal_fonts(content)
        if laid is not None:
            return _pages(laid, options, has_layers=content is not original)
    return pages


def _pages(content: bytes, options: ConversionOptions, *, has_layers: bool) -> list[Page]:
    with opened(content, options) as document:
        return [_page(document, index, has_layers) for index in range(len(document))]


def _page(document: object, index: int, has_layers: bool) -> Page:
    try:
        return read_page(document, index, has_layers=has_layers)
    except pypdfium2.PdfiumError as error:
        raise UnconvertibleDocument(
            f"Page {index + 1} of the PDF is damaged; export or download the document again."
        ) from error


def lacks_text(page: Page) -> bool:
    """Tell whether a page shows a picture or letters without meaning in place of text."""
    return not page.words or page.mostly_picture or page.unreadable > _MAX_UNREADABLE * page.drawn


def refuse_unreadable(pages: Sequence[Page]) -> None:
    """Raise UnconvertibleDocument if most of the pages need text recognition."""
    drawn, unreadable = sum(p.drawn for p in pages), sum(p.unreadable for p in pages)
    if unreadable > _MAX_UNREADABLE * drawn:
        raise UnconvertibleDocument(
            f"The fonts of the PDF do not say which letters they show ({unreadable} of {drawn} "
            "characters); run text recognition (OCR) on it and hand in the result."
        )
    without = [page for page in pages if lacks_text(page)]
    pictures = [page for page in without if page.has_pictures]
    if len(without) == len(pages) and not pictures:
        raise UnconvertibleDocument(
            "The PDF holds no text; export it again from the program that it was written in. If "
            "its letters are drawn as shapes, run text recognition (OCR) on it."
        )
    if len(pictures) > _MAX_PICTURES * len(pages):
        raise UnconvertibleDocument(
            f"The PDF is a scan: {len(pictures)} of its {len(pages)} pages are pictures without "
            "text; run text recognition (OCR) on it and hand in the result."
        )


@dataclass(frozen=True)
class _Laid:
    """A page's lines, its tables among them; `others` run in other directions than most."""

    lines: PageLines
    others: tuple[PageLines, ...]
    tables: int

    @staticmethod
    def out(page: Page) -> _Laid:
        laid = [_lines(sheet) for sheet in page.sheets]
        tables = sum(line.grid is not None for part in laid for line in part.lines)
        return _Laid(laid[0], tuple(laid[1:]), tables)


def _lines(sheet: Sheet) -> PageLines:
    grids = find_grids(sheet.rules, sheet.words) if sheet.rules else []
    inside = {id(word) for grid in grids for row in grid.rows for cell in row for word in cell}
    outside = [word for word in sheet.words if id(word) not in inside] if inside else sheet.words
    lines = lines_of(outside)
    for grid in grids:
        below = (n for n, line in enumerate(lines) if line.top >= grid.top)
        lines.insert(next(below, len(lines)), Line.around(grid))
    return PageLines(lines, sheet.frame.height)


def _without_furniture(laid: Sequence[_Laid], left_out: Counter[str]) -> tuple[list[_Laid], int]:
    furniture = Furniture.among([page.lines for page in laid])
    kept = [
        replace(page, lines=page.lines._replace(lines=furniture.without(page.lines, number)))
        for number, page in enumerate(laid)
    ]
    left_out["runningLines"] += furniture.words_left_out
    return kept, furniture.left_out


def _markdown(pages: Sequence[_Laid], left_out: Counter[str]) -> tuple[str, list[str]]:
    """Return the Markdown of the document, and that of each page by itself."""
    parts = [part for page in pages for part in (page.lines, *page.others)]
    fonts = fonts_of(line for part in parts for line in part.lines)
    texts = (line.text for part in parts for line in part.lines)
    hyphens = Hyphens(plain(text) for text in texts if "-" in text)
    blocks: list[Block] = []
    alone: list[str] = []
    for page in pages:
        own = list(_blocks(page, fonts, hyphens))
        alone.append(rendered(joined_blocks(own)))
        _append(blocks, own, left_out)
    return rendered(joined_blocks(blocks)), alone


def _blocks(page: _Laid, fonts: Fonts, hyphens: Hyphens) -> Iterator[Block]:
    for part in (page.lines, *page.others):
        for region in in_reading_order(part.lines):
            yield from blocks_of(region, fonts, hyphens.join)


def _append(blocks: list[Block], page: list[Block], left_out: Counter[str]) -> None:
    """Add a page; a paragraph or table that runs on over the page break becomes one again."""
    if blocks and page:
        last, first = blocks[-1], page[0]
        if last.table is not None and first.table is not None:
            if continues(last.table, first.table):
                table, lost = joined(last.table, first.table)
                left_out["repeatedHeaders"] += lost
                blocks[-1] = Block(table=table)
                page = page[1:]
        elif last.table is None and first.table is None and _runs_on(last.text, first.text):
            blocks[-1] = Block(f"{last.text} {first.text}")
            page = page[1:]
    blocks.extend(page)


def _runs_on(before: str, after: str) -> bool:
    plain_text = not before.startswith(("#", "|", "```", ">"))
    return plain_text and (before[-1:].isalpha() or before[-1:] == ",") and after[:1].islower()
