"""Read a PDF's page: its words and ruling lines, by the direction in which the words run."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pypdfium2.raw as pdfium

from stages.conversion.pdf.frames import Box, Frame, frame_of
from stages.conversion.pdf.reading import native
from stages.conversion.pdf.reading.annotations import Link, Overlay, read_overlay, words_of
from stages.conversion.pdf.reading.drawing import Drawing, Rule, read_drawing
from stages.conversion.pdf.reading.words import read_words
from stages.conversion.pdf.word import Word

_PICTURE_SHARE: Final = 0.6  # of a page's area
_STAMP_WORDS: Final = 5  # a number or a name set on a scanned page


@dataclass(frozen=True)
class Sheet:
    """The words of a page that run in one direction, and its rules, so turned that they lie."""

    frame: Frame
    words: tuple[Word, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Page:
    """What stands on one page; the sheet with most of its words comes first.

    `drawn` and `unreadable` count characters, `unread_objects` pieces of text of which none came,
    `left_out` words by kind.
    """

    sheets: tuple[Sheet, ...]
    drawn: int
    unreadable: int
    has_pictures: bool
    mostly_picture: bool
    unread_objects: int
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def words(self) -> int:
        """How many words stand on it."""
        return sum(len(sheet.words) for sheet in self.sheets)


def read_page(document: Any, index: int, *, has_layers: bool = False) -> Page:
    """Return the page's words; raise PdfiumError if it is damaged.

    `has_layers` tells that objects of layers that are off are marked (see `structure`).
    """
    page = document[index]
    try:
        overlay = read_overlay(document, page)
        if overlay.to_flatten and pdfium.FPDFPage_Flatten(page.raw, pdfium.FLAT_NORMALDISPLAY) == 1:
            page.close()
            page = document[index]
        return _read(page, overlay, has_layers)
    finally:
        page.close()


def _read(page: Any, overlay: Overlay, has_layers: bool) -> Page:
    crop = _shown_box(page)
    text_page = page.get_textpage()
    try:
        found = read_words(native.address_of(text_page.raw), crop, has_layers=has_layers)
    finally:
        text_page.close()
    drawing = read_drawing(native.address_of(page.raw), crop)
    angles = sorted(found.by_angle, key=lambda a: (-_letters(found.by_angle[a]), a)) or [0]
    sheets = []
    for number, angle in enumerate(angles):
        frame = frame_of(angle, crop)
        words = found.by_angle.get(angle, [])
        if number == 0:
            values = [w for each in overlay.fields for w in words_of(each, frame, words)]
            words = words + values
        sheets.append(_sheet(frame, words, overlay.links, drawing))
    area = (crop[2] - crop[0]) * (crop[3] - crop[1])
    covered = drawing.picture_area >= _PICTURE_SHARE * area
    return Page(
        tuple(sheets),
        found.drawn,
        found.unreadable,
        drawing.picture_area > 0,
        covered and sum(map(len, found.by_angle.values())) <= _STAMP_WORDS,
        len(drawing.texts - found.objects),
        dict(overlay.left_out + Counter(found.left_out)),
    )


def _letters(words: Iterable[Word]) -> int:
    return sum(len(word.text) for word in words)


def _sheet(frame: Frame, words: list[Word], links: Sequence[Link], drawing: Drawing) -> Sheet:
    return Sheet(frame, tuple(_linked(words, links, frame)), tuple(drawing.rules(frame)))


def _linked(words: list[Word], links: Sequence[Link], frame: Frame) -> list[Word]:
    """Mark the words that stand within a link's box."""
    if not links:
        return words
    boxes = sorted((frame.box(*link.box), link.address) for link in links)
    boxes.sort(key=lambda each: each[0][1])
    tops = [box[1] for box, _ in boxes]
    tallest = max(box[3] - box[1] for box, _ in boxes)
    linked = []
    for word in words:
        x, y = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
        near = boxes[bisect_left(tops, y - tallest) : bisect_left(tops, y)]
        address = next((a for box, a in near if box[0] <= x <= box[2] and y <= box[3]), "")
        linked.append(word._replace(link=address) if address else word)
    return linked


def _shown_box(page: Any) -> Box:
    """Return the part of the page that is shown: its crop box within its media box."""
    rect = pdfium.FS_RECTF()
    pdfium.FPDF_GetPageBoundingBox(page.raw, rect)
    return rect.left, rect.bottom, rect.right, rect.top
