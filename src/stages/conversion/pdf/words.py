"""Read a page's words with where they stand, how they are set and in which direction they run.

Each call into the library costs more than what is done with its result, so boxes and fonts are
asked for once a word or once a text object, never for each character.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from stages.conversion.pdf import native
from stages.conversion.pdf.frames import DOWNWARDS, Box, frame_of
from stages.conversion.pdf.structure import HIDDEN_MARK

_BOLD: Final = re.compile(r"bold|black|heavy|semibold|demi|cmbx|cmssbx", re.IGNORECASE)
_MONO: Final = re.compile(
    r"courier|mono(?!type)|consol|menlo|typewriter|cm(?:sl|i)?tt|tctt|sftt|inconsolata|lettergothic",
    re.IGNORECASE,
)
_SPACE: Final = "\x00\t\n\r \xa0\u2000-\u200b\u2028\u2029\u3000\ufeff"
_WORD: Final = re.compile(
    f"(?P<leader>(?:[.\u00b7] ?){{4,}}+)|[^\x02{_SPACE}]*\x02|[^\x02{_SPACE}]+"
)
_UNREADABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffd-\uffff]")
_PRIVATE: Final = re.compile("[\ue000-\uf8ff]")
_PRESENTATION: Final = re.compile("[\ufb00-\ufdcf\ufdf0-\ufdff\ufe70-\ufefe\uff01-\uffee]")
_LIGATURE: Final = re.compile("[\ufb00-\ufb06\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc]")
_SURROGATES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_COMBINING: Final = {
    "\u00b4": "\u0301", "`": "\u0300", "¨": "\u0308", "^": "\u0302",
    "\u02c6": "\u0302", "~": "\u0303",
    "\u02dc": "\u0303", "¯": "\u0304", "˘": "\u0306", "˙": "\u0307", "˚": "\u030a", "˝": "\u030b",
    "ˇ": "\u030c", "\u00b8": "\u0327",
}  # fmt: skip
_ACCENT: Final = re.compile(f"[{re.escape(''.join(_COMBINING))}][A-Za-z\u0131]")
_SOFT_HYPHEN: Final = "\u00ad"
_HYPHEN_MARK: Final = "\x02"  # what the library puts for a hyphen that breaks a word
_GAP: Final = 0.16  # of the font's size: beyond it, two words though no space is between
_BREAKS: Final = (_HYPHEN_MARK, _SOFT_HYPHEN)
_FIRST_VERTICAL: Final = "\u1100"  # no script before it is set in columns
_ROW_POINTS: Final = 8.0
_MAX_PLACES: Final = 100  # of one word in one row: beyond it a drawing
_GLYPH_NUMBERS: Final = 0.04  # of a font's characters: spaces and signs that are no letters
_WIDE: Final = 0.75  # of the font's size, a character: a word that is wider may be several
_FAR: Final = 0.6  # of the font's size, beyond what is usual in the word
_ASCENT, _DESCENT = 0.75, 0.25  # of the font's size, from the baseline
_DUPLICATE: Final = 0.2  # of the font's size: the same word drawn twice to look bold, or shaded


class Word(NamedTuple):
    """One word and its box in points; `size` is the font's, `broken` a hyphenated line end.

    `glued` words follow the word before them without a space: a raised digit after its base.
    """

    text: str
    x0: float
    top: float
    x1: float
    bottom: float
    size: float
    bold: bool
    mono: bool
    broken: bool = False
    glued: bool = False
    link: str = ""

    @property
    def baseline(self) -> float:
        """Where the letters stand."""
        return self.bottom - _DESCENT * (self.bottom - self.top)


@dataclass
class PageWords:
    """The words of a page by the direction in which they run, and what was not taken.

    `drawn` and `unreadable` count characters, `left_out` words by kind; `objects` are the handles
    of the text objects that characters were read of.
    """

    by_angle: dict[int, list[Word]] = field(default_factory=lambda: defaultdict(list))
    drawn: int = 0
    unreadable: int = 0
    objects: frozenset[int] = frozenset()
    left_out: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class _Run(NamedTuple):
    """How the characters of one text object are set."""

    size: float
    angle: int
    bold: bool
    mono: bool
    hidden: bool
    unmapped: bool
    font: int


def read_words(text_page: int, crop: Box, *, has_layers: bool) -> PageWords:
    """Return the words that are shown within the crop box (left, bottom, right, top)."""
    return _Reader(text_page, crop, has_layers=has_layers).read()


class _Reader:
    def __init__(self, text_page: int, crop: Box, *, has_layers: bool) -> None:
        self._page = text_page
        self._crop = crop
        self._has_layers = has_layers
        self._runs: dict[int, _Run] = {}
        self._styles: dict[int, tuple[bool, bool]] = {}
        self._rect = native.Rectangle()
        self._rect_ref = ctypes.byref(self._rect)
        self._matrix = native.Matrix()
        self._matrix_ref = ctypes.byref(self._matrix)
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._x_ref, self._y_ref = ctypes.byref(self._x), ctypes.byref(self._y)
        self._doubtful: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        self._seen: dict[tuple[str, int, int], list[tuple[float, float]]] = {}
        self.found = PageWords()

    def read(self) -> PageWords:
        page, unicode_of = self._page, native.unicode_of
        codes = [unicode_of(page, index) for index in range(native.count_chars(page))]
        text = "".join(map(chr, codes))
        for match in _WORD.finditer(text):
            if match["leader"]:
                self._take_leader(match[0].rstrip(" "), match.start())
            else:
                self._take(match[0], match.start(), match.end())
        # Numbers of glyphs in place of letters: some of them are control characters, most are not.
        self.found.unreadable += sum(
            seeming
            for seeming, bad in self._doubtful.values()
            if bad > _GLYPH_NUMBERS * (seeming + bad)
        )
        self.found.objects = frozenset(self._runs)
        return self.found

    def _take(self, text: str, start: int, end: int) -> None:
        """Take a run of characters without a space as one word, or as several glued ones."""
        page, object_of = self._page, native.object_of
        stop = end - 1 if text[-1] == _HYPHEN_MARK and end - start > 1 else end
        first = object_of(page, start) or 0
        if stop - start == 1 or first == object_of(page, stop - 1):
            self._take_object(text, start, stop, first)
            return
        before: tuple[Word, int] | None = None
        for begin, finish, handle in self._pieces(start, stop, first):
            piece = text[begin - start : end - start if finish == stop else finish - start]
            box = self._box_of(begin, finish)
            run = self._runs.get(handle) or self._run_of(piece, begin, handle, box)
            before = self._add(piece, begin, box, run, before)

    def _take_leader(self, text: str, start: int) -> None:
        """Take a row of dots as one word: there are thousands of them in a table of contents."""
        box = self._box_of(start, start + len(text))
        handle = native.object_of(self._page, start) or 0
        run = self._runs.get(handle) or self._run_of(text, start, handle, box)
        self._add("." * text.count(text[0]), start, box, run)

    def _take_object(self, text: str, start: int, end: int, handle: int) -> None:
        """Take characters of one text object, split where it moved on without a space."""
        box = self._box_of(start, end)
        run = self._runs.get(handle) or self._run_of(text, start, handle, box)
        size = run.size * (_WIDE * (end - start) + 0.5)
        if box[2] - box[0] <= size and box[3] - box[1] <= size:
            self._add(text, start, box, run)
            return
        begin = start
        for cut in [*self._cuts(start, end, run), end]:
            piece = text[begin - start : None if cut == end else cut - start]
            self._add(piece, begin, self._box_of(begin, cut), run)
            begin = cut

    def _cuts(self, start: int, end: int, run: _Run) -> list[int]:
        """Return where characters stand far apart, in a word that is wider than it can be."""
        gaps = [self._gap(index, run.angle) for index in range(start + 1, end)]
        usual = sorted(gaps)[len(gaps) // 2] if len(gaps) > 2 else 0.0
        far = max(usual * 2, 0.0) + run.size * _FAR
        return [start + 1 + n for n, gap in enumerate(gaps) if gap > far]

    def _gap(self, index: int, angle: int) -> float:
        """Return how far a character stands from the one before it, along their line."""
        a, b = self._box(index - 1), self._box(index)
        at = 1 if angle % 180 else 0
        return max(b[at] - a[at + 2], a[at] - b[at + 2])

    def _pieces(self, start: int, end: int, first: int) -> Iterator[tuple[int, int, int]]:
        """Split a run of characters where another text object begins."""
        handle, begin = first, start
        for index in range(start + 1, end):
            following = native.object_of(self._page, index)
            if following != handle and following:
                yield begin, index, handle
                handle, begin = following, index
        yield begin, end, handle

    def _add(
        self,
        text: str,
        start: int,
        box: Box,
        run: _Run,
        before: tuple[Word, int] | None = None,
    ) -> tuple[Word, int] | None:
        """Add a word, or join it with the one before in the same run of characters."""
        self.found.drawn += len(text)
        if run.hidden:
            self.found.left_out["hiddenLayers"] += 1
            return None
        if run.unmapped or not text.isalnum():
            text = self._readable(self._composed(text, start), run)
        elif not text.isascii():
            text = normalized(text)
        word = self._word(text, start, box, run) if text else None
        if word is None:
            return None
        if before is not None and before[1] == run.angle and _touch(before[0], word):
            if _same_setting(before[0], word):
                word = _merged(before[0], word)
                self.found.by_angle[run.angle].pop()
            else:
                word = word._replace(glued=True)
        self.found.by_angle[run.angle].append(word)
        return word, run.angle

    def _composed(self, text: str, start: int) -> str:
        """Return the text with accents that are drawn over the next letter as one character."""
        pieces: list[str] = []
        at = 0
        for match in _ACCENT.finditer(text):
            accent = self._box(start + match.start())
            letter = self._box(start + match.start() + 1)
            if letter[0] < (accent[0] + accent[2]) / 2 < letter[2]:
                both = match[0][1] + _COMBINING[match[0][0]]
                pieces.append(text[at : match.start()] + unicodedata.normalize("NFC", both))
                at = match.end()
        return "".join(pieces) + text[at:]

    def _readable(self, text: str, run: _Run) -> str:
        """Return the text without what stands for no character, counting that."""
        broken = text[-1] == _HYPHEN_MARK
        text = f"{text[:-1]}-" if broken else text
        if run.unmapped or not text.isascii() or not text.isprintable():
            unreadable = len(_UNREADABLE.findall(text))
            if run.unmapped:
                unreadable += len(_PRIVATE.findall(text))
                self._doubtful[run.font][0] += len(text) - unreadable
                self._doubtful[run.font][1] += unreadable
            self.found.unreadable += unreadable
            text = normalized(text)
        return text + _HYPHEN_MARK if broken and text else text

    def _run_of(self, text: str, index: int, handle: int, box: Box) -> _Run:
        """Find out how a text object is set from its first character."""
        native.char_matrix(self._page, index, self._matrix_ref)
        a, b, d = self._matrix.a, self._matrix.b, self._matrix.d
        size = abs(native.font_size(self._page, index)) * (math.hypot(b, d) or 1.0)
        angle = 0
        if b or a < 0:
            angle = round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360
        height = box[2] - box[0] if angle % 180 else box[3] - box[1]
        if height and not height / 4 < size < height * 3:
            size = height / 1.15
        if angle == 0 and text[0] >= _FIRST_VERTICAL and self._runs_down(index, handle):
            angle = DOWNWARDS
        font = native.font_of(handle) or 0 if handle else 0
        bold, mono = self._style(index, font)
        hidden = self._has_layers and bool(handle) and _is_hidden(handle)
        unmapped = native.is_unmapped(self._page, index) == 1
        run = self._runs[handle] = _Run(size, angle, bold, mono, hidden, unmapped, font)
        return run

    def _runs_down(self, index: int, handle: int) -> bool:
        """Tell whether the next character of the object stands below this one."""
        if not handle or native.object_of(self._page, index + 1) != handle:
            return False
        x0, y0 = self._origin(index)
        x1, y1 = self._origin(index + 1)
        return y0 - y1 > abs(x1 - x0) * 2 + 0.5

    def _origin(self, index: int) -> tuple[float, float]:
        native.origin(self._page, index, self._x_ref, self._y_ref)
        return self._x.value, self._y.value

    def _style(self, index: int, font: int) -> tuple[bool, bool]:
        style = self._styles.get(font)
        if style is None:
            buffer, flags = ctypes.create_string_buffer(128), ctypes.c_int()
            native.font_name(self._page, index, buffer, 128, ctypes.byref(flags))
            name = buffer.value.decode("utf-8", "replace")
            style = bool(_BOLD.search(name)), bool(_MONO.search(name))
            self._styles[font] = style
        return style

    def _word(self, text: str, start: int, box: Box, run: _Run) -> Word | None:
        left, low, right, high = self._crop
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        if not (left <= x <= right and low <= y <= high):
            self.found.left_out["outsidePage"] += 1
            return None
        origin = self._origin(start)
        if run.angle == 0:
            x0, top, x1, bottom = box[0] - left, high - box[3], box[2] - left, high - box[1]
            baseline = high - origin[1]
        else:
            frame = frame_of(run.angle, self._crop)
            x0, top, x1, bottom = frame.box(*box)
            baseline = frame.point(*origin)[1]
        if run.angle == DOWNWARDS and not top - run.size < baseline < bottom + run.size:
            baseline = bottom
        size = run.size
        if self._is_duplicate(text, run.angle, x0, baseline, size):
            return None
        broken = text[-1] in _BREAKS
        if broken or _SOFT_HYPHEN in text:
            text = _without_breaks(text, broken=broken)
        rounded = round(size * 2) / 2
        return Word(
            text, x0, baseline - size * _ASCENT, x1, baseline + size * _DESCENT,
            rounded, run.bold, run.mono, broken,
        )  # fmt: skip

    def _box(self, index: int) -> Box:
        rect = self._rect
        native.loose_box(self._page, index, self._rect_ref)
        return rect.left, rect.bottom, rect.right, rect.top

    def _box_of(self, start: int, end: int) -> Box:
        """Return the box of the first and last of some characters."""
        rect = self._rect
        native.loose_box(self._page, start, self._rect_ref)
        a, b, c, d = rect.left, rect.bottom, rect.right, rect.top
        if end - start == 1:
            return a, b, c, d
        native.loose_box(self._page, end - 1, self._rect_ref)
        return min(a, rect.left), min(b, rect.bottom), max(c, rect.right), max(d, rect.top)

    def _is_duplicate(self, text: str, angle: int, x0: float, baseline: float, size: float) -> bool:
        """Tell whether the word was drawn at this place before; look in the lines around it."""
        near = size * _DUPLICATE
        row = int(baseline // _ROW_POINTS)
        for key in ((text, angle, row - 1), (text, angle, row), (text, angle, row + 1)):
            for x, y in self._seen.get(key, ()):
                if abs(x - x0) < near and abs(y - baseline) < near:
                    return True
        places = self._seen.setdefault((text, angle, row), [])
        if len(places) < _MAX_PLACES:
            places.append((x0, baseline))
        return False


def _without_breaks(text: str, *, broken: bool) -> str:
    """Return a word without marks of where it may be broken; a hyphen ends one that is."""
    text = text.rstrip(_HYPHEN_MARK)
    if _SOFT_HYPHEN in text:
        text = text.rstrip(_SOFT_HYPHEN).replace(_SOFT_HYPHEN, "") + ("-" if broken else "")
    return text


def normalized(text: str) -> str:
    """Return text as it is searched for: ligatures and Arabic letter forms as plain letters."""
    if _LONE_SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    text = _UNREADABLE.sub("", text)
    return unicodedata.normalize("NFKC", text) if _LIGATURE.search(text) else text


def _touch(before: Word, after: Word) -> bool:
    """Tell whether nothing parts two runs of characters that stand in one line."""
    size = max(before.size, after.size, 1.0)
    gap = max(after.x0 - before.x1, before.x0 - after.x1)
    return gap <= size * _GAP and after.top < before.bottom and before.top < after.bottom


def _same_setting(before: Word, after: Word) -> bool:
    return (
        abs(before.size - after.size) < 0.12 * max(before.size, after.size)
        and abs(before.baseline - after.baseline) < 0.12 * max(before.size, 1.0)
        and before.bold == after.bold
        and before.mono == after.mono
    )


def _merged(before: Word, after: Word) -> Word:
    return before._replace(
        text=before.text + after.text,
        x0=min(before.x0, after.x0),
        x1=max(before.x1, after.x1),
        broken=after.broken,
    )


def _is_hidden(handle: int) -> bool:
    """Tell whether the object belongs to a layer that is off, which `structure` has marked."""
    for index in range(native.count_marks(handle)):
        mark = native.mark_of(handle, index)
        buffer, length = (ctypes.c_ushort * 64)(), ctypes.c_ulong()
        found = native.mark_text(mark, b"Name", buffer, 128, ctypes.byref(length))
        if found and HIDDEN_MARK in bytes(buffer)[: length.value].decode("utf-16-le", "replace"):
            return True
    return False
