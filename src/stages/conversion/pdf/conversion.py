"""PDF: words with their places by pdfium, layout by rules of our own.

Fonts tell headings, gaps tell columns and tables, rules tell grids. See the decision about PDF for
what was compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pypdfium2

from stages.conversion.markdown import blocks
from stages.conversion.pdf.blocks import Fonts, fonts_of, markdown_of
from stages.conversion.pdf.furniture import Furniture
from stages.conversion.pdf.grid import find_grids
from stages.conversion.pdf.lines import Line, in_reading_order, lines_of
from stages.conversion.pdf.page import Page, read_page
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.errors import UnconvertibleDocument

_PASSWORD_ERROR = 4  # FPDF_ERR_PASSWORD
_HYPHENATED = re.compile(r"\w-\w")


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert a PDF that holds text; raise UnconvertibleDocument for scans and broken files."""
    with _opened(source) as document:
        _refuse_size(document, options)
        pages = [_Laid.out(page) for page in _pages(document)]
    without_text = [number for number, page in enumerate(pages, start=1) if not page.words]
    if len(without_text) == len(pages):
        raise UnconvertibleDocument(_no_text(pages))
    furniture = Furniture.among([page.lines for page in pages])
    if not options.keep_running_headers:
        pages = [
            replace(page, lines=furniture.without(page.lines, number))
            for number, page in enumerate(pages)
        ]
    metadata = {
        "pages": len(pages),
        "pagesWithoutText": without_text[:100],
        "tables": sum(page.tables for page in pages),
        "runningLinesLeftOut": 0 if options.keep_running_headers else furniture.left_out,
    }
    return Converted(_markdown(pages), metadata)


@dataclass(frozen=True)
class _Laid:
    """A page's lines, its tables among them."""

    words: int
    lines: Sequence[Line]
    tables: int
    has_pictures: bool

    @staticmethod
    def out(page: Page) -> _Laid:
        grids = find_grids(page.rules, page.words) if page.rules else []
        inside = {id(word) for grid in grids for row in grid.rows for cell in row for word in cell}
        outside = [word for word in page.words if id(word) not in inside]
        lines = lines_of(outside)
        for grid in grids:
            below = (n for n, line in enumerate(lines) if line.top >= grid.top)
            lines.insert(next(below, len(lines)), Line.around(grid))
        return _Laid(len(page.words), lines, len(grids), page.has_pictures)


def _opened(source: Source) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(source.path)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD_ERROR or "password" in str(error).lower():
            raise UnconvertibleDocument(
                "The PDF is protected by a password; remove the password and hand it in again."
            ) from error
        raise UnconvertibleDocument(
            "The PDF is cut off or damaged and cannot be opened; export or download it anew."
        ) from error


def _refuse_size(document: Any, options: ConversionOptions) -> None:
    if not len(document):
        raise UnconvertibleDocument(
            "The PDF has no pages, probably because it is cut off; export or download it anew."
        )
    if len(document) > options.max_pages:
        raise UnconvertibleDocument(
            f"The PDF has {len(document)} pages and {options.max_pages} are allowed; split it, or "
            "raise maxPages in the options of this stage."
        )


def _pages(document: Any) -> Iterator[Page]:
    for index in range(len(document)):
        try:
            page = document[index]
        except pypdfium2.PdfiumError as error:
            raise UnconvertibleDocument(
                f"Page {index + 1} of the PDF is damaged; export or download the document anew."
            ) from error
        try:
            yield read_page(page)
        finally:
            page.close()


def _no_text(pages: Sequence[_Laid]) -> str:
    if any(page.has_pictures for page in pages):
        return (
            "The PDF is a scan: its pages are pictures without text; run text recognition (OCR) on "
            "it and hand in the result."
        )
    return "The PDF holds no text; export it anew from the program that it was written in."


def _markdown(pages: Sequence[_Laid]) -> str:
    fonts = fonts_of(line for page in pages for line in page.lines)
    hyphens = _Hyphens(line.text for page in pages for line in page.lines)
    return _continued([_page(page, fonts, hyphens) for page in pages])


def _page(page: _Laid, fonts: Fonts, hyphens: _Hyphens) -> str:
    regions = in_reading_order(page.lines)
    return blocks(markdown_of(region, fonts, hyphens.join) for region in regions)


def _continued(pages: Sequence[str]) -> str:
    """Join pages; a paragraph that runs on over the page break becomes one again."""
    whole = ""
    for page in pages:
        whole = f"{whole} {page}" if whole and _runs_on(whole, page) else blocks([whole, page])
    return whole


def _runs_on(before: str, after: str) -> bool:
    last = before.rsplit("\n\n", 1)[-1]
    plain = not last.startswith(("#", "|", "```", ">"))
    return plain and (last[-1:].isalpha() or last[-1:] == ",") and after[:1].islower()


class _Hyphens:
    """Joins words that a line end broke, keeping hyphens that the document uses elsewhere."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._compounds = Counter(
            word.lower() for text in texts for word in text.split() if _HYPHENATED.search(word)
        )

    def join(self, before: str, after: str) -> str:
        """Return two lines as one, the first of which ends in a hyphen."""
        head = before.rsplit(maxsplit=1)[-1] if before.split() else ""
        tail = after.split(maxsplit=1)[0] if after.split() else ""
        stays = not (tail[:1].islower() and head[-2:-1].isalpha())
        if stays or (head + tail).lower() in self._compounds:
            return before + after
        return before[:-1] + after
