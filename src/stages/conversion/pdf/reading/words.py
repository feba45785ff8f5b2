"""Read a page's words with where they stand, how they are set and in which direction they run.

Each call into the library costs more than what is done with its result, so boxes are asked for once
a word and fonts once a text object, never for each character.
"""

from __future__ import annotations

import ctypes
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from stages.conversion.pdf.frames import DOWNWARDS, UPRIGHT, Box, frame_of
from stages.conversion.pdf.reading import native
from stages.conversion.pdf.reading.accents import TAKEN, with_composed
from stages.conversion.pdf.reading.runs import Run, Runs
from stages.conversion.pdf.word import (
    ASCENT,
    DESCENT,
    HYPHEN_MARK,
    SOFT_HYPHEN,
    UNREADABLE,
    Word,
    combines,
    normalized,
    without_breaks,
)

_SPACE: Final = "\x00\t\n\r \xa0\u2000-\u200b\u2028\u2029\u3000\ufeff"
_WORD: Final = re.compile(
    f"(?P<leader>(?:[.\u00b7] ?){{4,}}+)"
    f"|(?P<plain>[!-\\]_a-}}]++)(?=[{_SPACE}]|$)"
    f"|[^{HYPHEN_MARK}{_SPACE}]*{HYPHEN_MARK}|[^{HYPHEN_MARK}{_SPACE}]+"
)
_PRIVATE: Final = re.compile("[\ue000-\uf8ff]")
_HYPHEN_CODE: Final = 2
_BREAKS: Final = (HYPHEN_MARK, SOFT_HYPHEN)
_WIDE: Final = 0.75  # of the font's size, a character: a word that is wider may be several
_FAR: Final = 0.6  # of the font's size, beyond what is usual in the word
_BLANK: Final = 0.2  # likewise, in a word of several text objects, which may hide a blank
_DUPLICATE: Final = 0.2  # of the font's size: the same word drawn twice to look bold, or shaded
_TOUCHING: Final = 0.05  # of the font's size
_BUCKET_POINTS: Final = 3.0
_MAX_PLACES: Final = 100  # of one word in one row: beyond it a drawing
_GLYPH_NUMBERS: Final = 0.04  # of a font's characters: spaces and signs that are no letters


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


def read_words(text_page: int, crop: Box, *, has_layers: bool) -> PageWords:
    """Return the words that are shown within the crop box (left, bottom, right, top)."""
    return _Reader(text_page, crop, has_layers=has_layers).read()


class _Reader:
    def __init__(self, text_page: int, crop: Box, *, has_layers: bool) -> None:
        self._page = text_page
        self._crop = crop
        self._runs = Runs(text_page, has_layers=has_layers)
        self._rect = native.Rectangle()
        self._rect_ref = ctypes.byref(self._rect)
        self._doubtful: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        self.found = PageWords()
        self._plain_words = self.found.by_angle[UPRIGHT]
        self._plain_characters = 0

    def read(self) -> PageWords:
        characters = with_composed(_characters(self._page), lambda at: self._box(at, at + 1))
        for match in _WORD.finditer(characters):
            start, end = match.span()
            kind = match.lastgroup
            if kind == "leader":
                self._take_leader(match[0].rstrip(" "), start)
            elif kind is None or not self._take_plain(match[0], start, end - 1):
                self._take(match[0], start, end)
        # Numbers of glyphs in place of letters: some of them are control characters, most are not.
        self.found.unreadable += sum(
            seeming
            for seeming, bad in self._doubtful.values()
            if bad > _GLYPH_NUMBERS * (seeming + bad)
        )
        self.found.drawn += self._plain_characters
        self.found.objects = frozenset(self._runs)
        by_angle = {angle: words for angle, words in self.found.by_angle.items() if words}
        for angle, words in by_angle.items():
            by_angle[angle] = _with_touching_glued(_without_duplicates(words))
        self.found.by_angle = by_angle
        return self.found

    def _take_plain(self, text: str, start: int, last: int) -> bool:
        """Take a word of ASCII in one text object, as most are; False if it is not so."""
        page, rect = self._page, self._rect
        handle = native.object_of(page, start)
        if handle is None or (last > start and handle != native.object_of(page, last)):
            return False
        native.loose_box(page, start, self._rect_ref)
        x0, x1 = rect.left, rect.right
        run = self._runs.get(handle)
        if run is None:
            run = self._runs.read(text[0], start, handle, (x0, rect.bottom, x1, rect.top))
        if not run.is_plain:
            return False
        if last > start:
            native.loose_box(page, last, self._rect_ref)
            x1 = rect.right
        size, level, crop = run.size, run.level, self._crop
        if not 0 < x1 - x0 <= size * (_WIDE * len(text) + 0.5):
            return False
        if not (crop[0] <= x0 and x1 <= crop[2] and crop[1] <= level <= crop[3]):
            return False
        self._plain_characters += len(text)
        baseline = crop[3] - level
        self._plain_words.append(
            Word(
                text, x0 - crop[0], baseline - size * ASCENT, x1 - crop[0],
                baseline + size * DESCENT, run.rounded, run.bold, run.mono,
            )
        )  # fmt: skip
        return True

    def _take(self, text: str, start: int, end: int) -> None:
        """Take a run of characters without a space as one word, or as several glued ones."""
        stop = end - 1 if text[-1] == HYPHEN_MARK and end - start > 1 else end
        first = native.object_of(self._page, start) or 0
        if stop - start == 1 or first == native.object_of(self._page, stop - 1):
            self._take_object(text, start, stop, first)
            return
        before: tuple[Word, int] | None = None
        boxes = self._boxes(start, stop)
        for begin, finish, handle in self._pieces(start, stop, first):
            places = boxes[begin - start : finish - start]
            run = self._runs.of(text[begin - start], begin, handle, _around(places))
            for at, to in _unparted(places, run, _BLANK):
                last = end if begin + to == stop else begin + to
                piece = text[begin + at - start : last - start]
                before = self._add(piece, begin + at, _around(places[at:to]), run, before)

    def _take_leader(self, text: str, start: int) -> None:
        """Take a row of dots as one word: there are thousands of them in a table of contents."""
        box = self._box(start, start + len(text))
        run = self._runs.of(text[0], start, native.object_of(self._page, start) or 0, box)
        self._add("." * text.count(text[0]), start, box, run)

    def _take_object(self, text: str, start: int, end: int, handle: int) -> None:
        """Take characters of one text object, split where it moved on without a space."""
        box = self._box(start, end)
        run = self._runs.of(text[0], start, handle, box)
        size = run.size * (_WIDE * (end - start) + 0.5)
        if box[2] - box[0] <= size and box[3] - box[1] <= size:
            self._add(text, start, box, run)
            return
        boxes = self._boxes(start, end)
        for at, to in _unparted(boxes, run, _FAR):
            piece = text[at : None if to == len(boxes) else to]
            self._add(piece, start + at, _around(boxes[at:to]), run)

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
        self, text: str, start: int, box: Box, run: Run, before: tuple[Word, int] | None = None
    ) -> tuple[Word, int] | None:
        """Add a word, or join it with the one before in the same run of characters."""
        self.found.drawn += len(text)
        if run.hidden:
            self.found.left_out["hiddenLayers"] += 1
            return None
        if TAKEN in text:
            text = text.replace(TAKEN, "")
            if not text:
                return before
        if run.unmapped or not text.isalnum():
            text = self._readable(text, run)
        elif not text.isascii():
            text = normalized(text)
        word = self._word(text, start, box, run) if text else None
        if word is None:
            return None
        words = self.found.by_angle[run.angle]
        if before is not None and before[1] == run.angle and before[0].touches(word):
            if before[0].is_set_like(word):
                word = before[0].with_more(word)
                words.pop()
            else:
                word = word._replace(glued=True)
        words.append(word)
        return word, run.angle

    def _readable(self, text: str, run: Run) -> str:
        """Return the text without what stands for no character, counting that."""
        broken = text[-1] == HYPHEN_MARK
        text = f"{text[:-1]}-" if broken else text
        if run.unmapped or not text.isascii() or not text.isprintable():
            unreadable = len(UNREADABLE.findall(text))
            if run.unmapped:
                unreadable += len(_PRIVATE.findall(text))
                self._doubtful[run.font][0] += len(text) - unreadable
                self._doubtful[run.font][1] += unreadable
            self.found.unreadable += unreadable
            text = normalized(text)
        return text + HYPHEN_MARK if broken and text else text

    def _word(self, text: str, start: int, box: Box, run: Run) -> Word | None:
        left, low, right, high = self._crop
        size = run.size
        box = run.stood(box) if run.column is not None else box
        if not (left <= (box[0] + box[2]) / 2 <= right and low <= (box[1] + box[3]) / 2 <= high):
            self.found.left_out["outsidePage"] += 1
            return None
        if run.has_level:
            x0, x1, baseline = box[0] - left, box[2] - left, high - run.level
        else:
            x0, x1, baseline = self._turned(start, box, run)
        broken = text[-1] in _BREAKS
        if broken or SOFT_HYPHEN in text:
            text = without_breaks(text, broken=broken)
        return Word(
            text, x0, baseline - size * ASCENT, x1, baseline + size * DESCENT,
            run.rounded, run.bold, run.mono, broken,
        )  # fmt: skip

    def _turned(self, start: int, box: Box, run: Run) -> tuple[float, float, float]:
        """Return the ends of a word and its baseline in the frame of its direction."""
        frame = frame_of(run.angle, self._crop)
        x0, top, x1, bottom = frame.box(*box)
        baseline = frame.point(*self._runs.origin(start))[1]
        if run.column is not None or (
            run.angle == DOWNWARDS and not top - run.size < baseline < bottom + run.size
        ):
            baseline = bottom
        return x0, x1, baseline

    def _boxes(self, start: int, end: int) -> list[Box]:
        """Return the box of each of some characters."""
        page, rect, reference = self._page, self._rect, self._rect_ref
        boxes: list[Box] = []
        for index in range(start, end):
            native.loose_box(page, index, reference)
            boxes.append((rect.left, rect.bottom, rect.right, rect.top))
        return boxes

    def _box(self, start: int, end: int) -> Box:
        """Return the box of the first and last of some characters."""
        rect = self._rect
        native.loose_box(self._page, start, self._rect_ref)
        a, b, c, d = rect.left, rect.bottom, rect.right, rect.top
        if end - start == 1:
            return a, b, c, d
        native.loose_box(self._page, end - 1, self._rect_ref)
        return min(a, rect.left), min(b, rect.bottom), max(c, rect.right), max(d, rect.top)


def _around(boxes: Sequence[Box]) -> Box:
    """Return the box of the first and last of some characters."""
    if len(boxes) == 1:
        return boxes[0]
    a, b = boxes[0], boxes[-1]
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _unparted(boxes: Sequence[Box], run: Run, share: float) -> Iterator[tuple[int, int]]:
    """Give first and last of characters that stand no further apart than usual.

    What is further is so by a share of the font's size.
    """
    if len(boxes) == 1:
        yield 0, 1
        return
    at = 1 if run.angle % 180 else 0
    gaps = [max(b[at] - a[at + 2], a[at] - b[at + 2]) for a, b in pairwise(boxes)]
    begin = 0
    if max(gaps) > run.size * share:
        usual = sorted(gaps)[len(gaps) // 2] if len(gaps) > 2 else 0.0
        far = max(usual * 2, 0.0) + run.size * share
        for number, gap in enumerate(gaps, start=1):
            if gap > far:
                yield begin, number
                begin = number
    yield begin, len(boxes)


def _characters(text_page: int) -> str:
    """Return the page's text, one character for each that the library counts.

    The library gives all of them in one call, but for those that are none or are two in UTF-16.
    """
    count = native.count_chars(text_page)
    buffer = (ctypes.c_ushort * (count + 1))()
    length = native.text_of(text_page, 0, count, buffer)
    text = bytes(buffer)[: 2 * max(length - 1, 0)].decode("utf-16-le", "surrogatepass")
    if len(text) == count:
        return text
    codes = (native.unicode_of(text_page, index) for index in range(count))
    return "".join(
        HYPHEN_MARK if code == _HYPHEN_CODE and native.is_hyphen(text_page, index) else chr(code)
        for index, code in enumerate(codes)
    )


def _with_touching_glued(words: list[Word]) -> list[Word]:
    """Glue words that nothing parts, though the library tells of a space or a line's end there.

    A mark that combines with the letter before it, such as the last part of a Korean syllable,
    becomes one word with that letter.
    """
    glued: list[Word] = []
    before: Word | None = None
    for word in words:
        if before is None:
            glued.append(word)
        elif not word.text.isascii() and combines(word.text) and before.touches(word):
            glued[-1] = before.with_more(word)
        else:
            near = _TOUCHING * word.size
            touching = (
                -near < word.x0 - before.x1 < near and abs(word.bottom - before.bottom) < near
            )
            glued.append(word._replace(glued=True) if touching else word)
        before = glued[-1]
    return glued


def _without_duplicates(words: list[Word]) -> list[Word]:
    """Leave out words that are drawn again at the same place, or as good as there."""
    places = {(w.text, w.x0 // _BUCKET_POINTS, w.bottom // _BUCKET_POINTS) for w in words}
    if len(places) == len(words):
        return words
    kept: list[Word] = []
    seen: dict[tuple[str, float], list[Word]] = defaultdict(list)
    for word in words:
        before = seen[word.text, word.bottom // (_BUCKET_POINTS * 3)]
        near = word.size * _DUPLICATE
        if any(abs(w.x0 - word.x0) < near and abs(w.bottom - word.bottom) < near for w in before):
            continue
        if len(before) < _MAX_PLACES:
            before.append(word)
        kept.append(word)
    return kept
