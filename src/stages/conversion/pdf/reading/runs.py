"""Find out how the characters of a text object are set: once for each object and font."""

from __future__ import annotations

import ctypes
import math
import re
from typing import Final, NamedTuple

from stages.conversion.pdf.frames import DOWNWARDS, UPRIGHT, Box
from stages.conversion.pdf.reading import native
from stages.conversion.pdf.reading.structure import HIDDEN_MARK, LAID_MARK
from stages.conversion.pdf.word import combines

_BOLD: Final = re.compile(r"bold|black|heavy|semibold|demi|cmbx|cmssbx", re.IGNORECASE)
_MONO: Final = re.compile(
    r"courier|mono(?!type)|consol|menlo|typewriter|cm(?:sl|i)?tt|tctt|sftt|inconsolata|lettergothic",
    re.IGNORECASE,
)
_FIRST_VERTICAL: Final = "\u1100"  # no script before it is set in columns
_PLAUSIBLE: Final = (0.25, 3.0)  # a font's size, of the height of its characters


class _Style(NamedTuple):
    """What the name of a font tells."""

    bold: bool
    mono: bool
    laid: bool


class Run(NamedTuple):
    """How the characters of one text object are set.

    `level` is the height of their baseline in the file's coordinates, if all have the same;
    `is_plain` tells that they are upright, shown, and known to be letters; `column` is where a
    column begins that was read as a line.
    """

    size: float
    angle: int
    bold: bool
    mono: bool
    hidden: bool
    unmapped: bool
    font: int
    level: float
    has_level: bool
    rounded: float
    is_plain: bool
    column: tuple[float, float] | None = None

    def stood(self, box: Box) -> Box:
        """Return the box of characters of a column that was read as a line (see `structure`)."""
        if self.column is None:
            return box
        x, y = self.column
        return x - self.size / 2, y + x - box[2], x + self.size / 2, y + x - box[0]


class Runs(dict[int, Run]):
    """The text objects of a page that were met, by their handles."""

    def __init__(self, text_page: int, *, has_layers: bool) -> None:
        super().__init__()
        self._page = text_page
        self._has_layers = has_layers
        self._styles: dict[int, _Style] = {}
        self._odd = set[int]()  # fonts whose size says nothing of the height of their letters
        self._matrix = native.Matrix()
        self._matrix_ref = ctypes.byref(self._matrix)
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._x_ref, self._y_ref = ctypes.byref(self._x), ctypes.byref(self._y)

    def of(self, char: str, index: int, handle: int, box: Box) -> Run:
        """Return how a text object is set, from its first character and that one's box."""
        return self.get(handle) or self.read(char, index, handle, box)

    def origin(self, index: int) -> tuple[float, float]:
        """Return the point in the file's coordinates at which a character stands."""
        native.origin(self._page, index, self._x_ref, self._y_ref)
        return self._x.value, self._y.value

    def read(self, char: str, index: int, handle: int, box: Box) -> Run:
        """Read how a text object is set that was not met yet."""
        matrix = self._matrix
        native.char_matrix(self._page, index, self._matrix_ref)
        a, b = matrix.a, matrix.b
        font = native.font_of(handle) or 0 if handle else 0
        style = self._styles.get(font) or self._style(index, font)
        angle = UPRIGHT
        if b or a < 0:
            angle = round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360
        may_stand = angle == UPRIGHT and char >= _FIRST_VERTICAL
        if may_stand and (style.laid or self._runs_down(index, handle)):
            angle = DOWNWARDS
        high = angle % 180 == 0 or style.laid
        height = box[3] - box[1] if high else box[2] - box[0]
        size = abs(native.font_size(self._page, index)) * (math.hypot(b, matrix.d) or 1.0)
        if height and not height * _PLAUSIBLE[0] < size < height * _PLAUSIBLE[1]:
            size = self._plausible(char, font, size, height)
        hidden = self._has_layers and bool(handle) and _is_hidden(handle)
        unmapped = native.is_unmapped(self._page, index) == 1
        has_level = bool(handle) and angle == UPRIGHT and not b
        run = self[handle] = Run(
            size, angle, style.bold, style.mono, hidden, unmapped, font,
            level=self.origin(index)[1] if may_stand else matrix.f,
            has_level=has_level,
            rounded=round(size * 2) / 2,
            is_plain=has_level and not hidden and not unmapped,
            column=self.origin(index) if style.laid and angle == DOWNWARDS else None,
        )  # fmt: skip
        return run

    def _plausible(self, char: str, font: int, size: float, height: float) -> float:
        """Return a size by the height of letters, which signs such as full stops do not have."""
        if size < height or (char.isalnum() and not combines(char)):
            self._odd.add(font)
        return height / 1.15 if font in self._odd else size

    def _runs_down(self, index: int, handle: int) -> bool:
        """Tell whether the next character of the object stands below this one."""
        if not handle or native.object_of(self._page, index + 1) != handle:
            return False
        x0, y0 = self.origin(index)
        x1, y1 = self.origin(index + 1)
        return y0 - y1 > abs(x1 - x0) * 2 + 0.5

    def _style(self, index: int, font: int) -> _Style:
        buffer, flags = ctypes.create_string_buffer(128), ctypes.c_int()
        native.font_name(self._page, index, buffer, 128, ctypes.byref(flags))
        name = buffer.value.decode("utf-8", "replace")
        laid = name.startswith(LAID_MARK)
        style = _Style(bool(_BOLD.search(name)), bool(_MONO.search(name)), laid)
        self._styles[font] = style
        return style


def _is_hidden(handle: int) -> bool:
    """Tell whether the object belongs to a layer that is off, which `structure` has marked."""
    for index in range(native.count_marks(handle)):
        mark = native.mark_of(handle, index)
        buffer, length = (ctypes.c_ushort * 64)(), ctypes.c_ulong()
        found = native.mark_text(mark, b"Name", buffer, 128, ctypes.byref(length))
        if found and HIDDEN_MARK in bytes(buffer)[: length.value].decode("utf-16-le", "replace"):
            return True
    return False
