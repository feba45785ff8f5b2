"""Read the words and ruling lines of a PDF's page, with where they stand and how they are set.

Coordinates are in points, y growing downwards from the page's top as it is shown.
"""

from __future__ import annotations

import ctypes
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import pypdfium2.raw as pdfium

_BOLD: Final = re.compile(r"bold|black|heavy|semibold|demi", re.IGNORECASE)
_MONO: Final = re.compile(r"courier|mono|consol|menlo|typewriter|cmtt|inconsolata", re.IGNORECASE)
_SOFT_HYPHEN: Final = "\u00ad"
_THIN_POINTS: Final = 3.0
_WORD_GAP: Final = 0.25  # of the font's size: beyond it, two words though no space is between
_HYPHEN_MARK: Final = 0x02  # what the library puts for a hyphen that breaks a word

Box: TypeAlias = tuple[float, float, float, float]


class Word(NamedTuple):
    """One word and its box; `size` is the font's in points, `broken` a hyphenated line end."""

    text: str
    x0: float
    top: float
    x1: float
    bottom: float
    size: float
    bold: bool
    mono: bool
    broken: bool = False


class Rule(NamedTuple):
    """A thin straight line, or a side of a rectangle."""

    x0: float
    top: float
    x1: float
    bottom: float

    @property
    def horizontal(self) -> bool:
        """True for a line that lies, False for one that stands."""
        return self.x1 - self.x0 >= self.bottom - self.top


@dataclass(frozen=True)
class Page:
    """What stands on one page."""

    width: float
    height: float
    words: tuple[Word, ...]
    rules: tuple[Rule, ...]
    has_pictures: bool


class _Char(NamedTuple):
    code: int
    x0: float
    top: float
    x1: float
    bottom: float
    size: float
    at: int


def read_page(page: Any) -> Page:
    """Return the page's words in the order of the file, and its rules."""
    to_shown = _turned(page)
    width, height = page.get_size()
    text_page = page.get_textpage()
    try:
        words = tuple(_words(text_page.raw, to_shown))
    finally:
        text_page.close()
    rules, has_pictures = _drawn(page, to_shown)
    return Page(width, height, words, rules, has_pictures)


def _turned(page: Any) -> Callable[[float, float, float, float], Box]:
    """Return what maps a box of the file (left, bottom, right, top) to one as shown."""
    left, bottom, right, top = page.get_cropbox()
    rotation = page.get_rotation()

    def shown(x0: float, y0: float, x1: float, y1: float) -> Box:
        match rotation:
            case 90:
                return y0 - bottom, x0 - left, y1 - bottom, x1 - left
            case 180:
                return right - x1, y0 - bottom, right - x0, y1 - bottom
            case 270:
                return top - y1, right - x1, top - y0, right - x0
            case _:
                return x0 - left, top - y1, x1 - left, top - y0

    return shown


def _chars(text_page: Any, to_shown: Callable[..., Box]) -> Iterator[_Char]:
    rect = pdfium.FS_RECTF()
    for index in range(pdfium.FPDFText_CountChars(text_page)):
        code = pdfium.FPDFText_GetUnicode(text_page, index)
        pdfium.FPDFText_GetLooseCharBox(text_page, index, rect)
        box = to_shown(rect.left, rect.bottom, rect.right, rect.top)
        yield _Char(code, *box, pdfium.FPDFText_GetFontSize(text_page, index), index)


def _words(text_page: Any, to_shown: Callable[..., Box]) -> Iterator[Word]:
    styles = lru_cache(maxsize=None)(_style)
    pending: list[_Char] = []
    for char in _chars(text_page, to_shown):
        if _is_space(char.code):
            yield from _word(text_page, pending, styles)
            pending = []
        elif pending and _apart(pending[-1], char):
            yield from _word(text_page, pending, styles)
            pending = [char]
        else:
            pending.append(char)
    yield from _word(text_page, pending, styles)


def _is_space(code: int) -> bool:
    return code in (0, 9, 10, 13, 32, 0xA0, 0x3000) or 0x2000 <= code <= 0x200B


def _apart(before: _Char, after: _Char) -> bool:
    if before.code == _HYPHEN_MARK:
        return True
    size = max(before.size, 1.0)
    away = abs(after.bottom - before.bottom) > size and after.top > before.bottom
    return away or after.x0 - before.x1 > size * _WORD_GAP or before.x0 - after.x1 > size


def _word(
    text_page: Any, chars: list[_Char], styles: Callable[[str], tuple[bool, bool]]
) -> Iterator[Word]:
    text = _text(chars)
    if not text:
        return
    bold, mono = styles(_font_name(text_page, chars[0].at))
    broken = chars[-1].code == _HYPHEN_MARK or text.endswith(_SOFT_HYPHEN)
    yield Word(
        text.replace(_SOFT_HYPHEN, "-" if broken else ""),
        min(c.x0 for c in chars),
        min(c.top for c in chars),
        max(c.x1 for c in chars),
        max(c.bottom for c in chars),
        round(chars[0].size * 2) / 2,
        bold,
        mono,
        broken,
    )


def _text(chars: list[_Char]) -> str:
    codes = [0x2D if c.code == _HYPHEN_MARK else c.code for c in chars]
    raw = b"".join(
        code.to_bytes(2, "little") if code < 0x10000 else chr(code).encode("utf-16-le")
        for code in codes
        if code not in (0xFFFE, 0xFFFF)
    )
    text = raw.decode("utf-16-le", errors="ignore")
    return unicodedata.normalize("NFKC", text) if _has_ligature(text) else text


def _has_ligature(text: str) -> bool:
    return any("\ufb00" <= char <= "\ufb06" for char in text)


def _font_name(text_page: Any, index: int) -> str:
    flags = ctypes.c_int()
    buffer = ctypes.create_string_buffer(128)
    pdfium.FPDFText_GetFontInfo(text_page, index, buffer, 128, flags)
    return buffer.value.decode("utf-8", "replace")


def _style(font_name: str) -> tuple[bool, bool]:
    return bool(_BOLD.search(font_name)), bool(_MONO.search(font_name))


def _drawn(page: Any, to_shown: Callable[..., Box]) -> tuple[tuple[Rule, ...], bool]:
    rules: list[Rule] = []
    pictures = False
    for item in page.get_objects(
        filter=[pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=4
    ):
        if item.type == pdfium.FPDF_PAGEOBJ_IMAGE:
            pictures = True
            continue
        rules.extend(_rules_of(to_shown(*item.get_bounds())))
    return tuple(rules), pictures


def _rules_of(box: Box) -> Iterator[Rule]:
    x0, top, x1, bottom = box
    if x1 - x0 <= _THIN_POINTS or bottom - top <= _THIN_POINTS:
        if max(x1 - x0, bottom - top) > _THIN_POINTS:
            yield Rule(*box)
        return
    yield Rule(x0, top, x1, top)
    yield Rule(x0, bottom, x1, bottom)
    yield Rule(x0, top, x0, bottom)
    yield Rule(x1, top, x1, bottom)
