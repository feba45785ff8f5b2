"""Read what is drawn on a page: ruling lines and sides of rectangles, and how much is pictures.

Coordinates are those of the file, in points, until a frame turns them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import pypdfium2.raw as pdfium

from stages.conversion.pdf.frames import Box, Frame
from stages.conversion.pdf.reading import native

_THIN_POINTS: Final = 3.0
_MAX_DEPTH: Final = 4
_MAX_SEGMENTS: Final = 400  # of one path: beyond it a drawing, not a table's rules
_MAX_RULES: Final = 6_000  # of one page: beyond it a diagram or a map

_Transform = tuple[float, float, float, float, float, float]
_IDENTITY: Final[_Transform] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_Point = tuple[float, float]


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


@dataclass
class Drawing:
    """What a page draws; `picture_area` in square points, `texts` handles of text objects."""

    lines: list[Box] = field(default_factory=list)
    picture_area: float = 0.0
    texts: set[int] = field(default_factory=set)

    def rules(self, frame: Frame) -> list[Rule]:
        """Return the lines as they stand in this frame; none of a page that is a diagram."""
        if len(self.lines) > _MAX_RULES:
            return []
        return [Rule(*frame.box(*line)) for line in self.lines]


def read_drawing(page: int, crop: Box) -> Drawing:
    """Return the straight lines of a page and the area of its pictures within the crop box."""
    drawing = Drawing()
    for index in range(native.count_objects(page)):
        _read(native.page_object(page, index), _IDENTITY, drawing, crop, 0)
    return drawing


def _read(item: int, outer: _Transform, drawing: Drawing, crop: Box, depth: int) -> None:
    kind = native.kind_of(item)
    if kind == pdfium.FPDF_PAGEOBJ_TEXT:
        drawing.texts.add(item)
    elif kind == pdfium.FPDF_PAGEOBJ_PATH:
        if len(drawing.lines) <= _MAX_RULES and _is_painted(item):
            drawing.lines.extend(_lines(item, outer))
    elif kind == pdfium.FPDF_PAGEOBJ_IMAGE:
        drawing.picture_area += _area(_placed(_bounds(item), outer), crop)
    elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth < _MAX_DEPTH:
        inner = _combined(_matrix(item), outer)
        for index in range(native.count_form_objects(item)):
            _read(native.form_object(item, index), inner, drawing, crop, depth + 1)


def _is_painted(item: int) -> bool:
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    native.draw_mode(item, ctypes.byref(fill), ctypes.byref(stroke))
    return bool(fill.value or stroke.value)


def _lines(item: int, outer: _Transform) -> Iterator[Box]:
    """Give the straight lines of a path, or the sides of its bounding box if it has few parts."""
    box = _placed(_bounds(item), outer)
    count = native.count_segments(item)
    if count <= 5 or _is_thin(box):
        yield from _sides(box)
    elif count <= _MAX_SEGMENTS:
        yield from _segments(item, count, _combined(_matrix(item), outer))


def _is_thin(box: Box) -> bool:
    return box[2] - box[0] <= _THIN_POINTS or box[3] - box[1] <= _THIN_POINTS


def _sides(box: Box) -> Iterator[Box]:
    x0, y0, x1, y1 = box
    if _is_thin(box):
        if max(x1 - x0, y1 - y0) > _THIN_POINTS:
            yield box
        return
    yield x0, y0, x1, y0
    yield x0, y1, x1, y1
    yield x0, y0, x0, y1
    yield x1, y0, x1, y1


def _segments(item: int, count: int, transform: _Transform) -> Iterator[Box]:
    x, y = ctypes.c_float(), ctypes.c_float()
    begin: _Point = (0.0, 0.0)
    before: _Point = (0.0, 0.0)
    for index in range(count):
        segment = native.segment_of(item, index)
        native.segment_point(segment, ctypes.byref(x), ctypes.byref(y))
        point = _moved(x.value, y.value, transform)
        kind = native.segment_kind(segment)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            begin = point
        elif kind == pdfium.FPDF_SEGMENT_LINETO:
            yield from _line(before, point)
        if native.segment_closes(segment):
            yield from _line(point, begin)
        before = point


def _line(a: _Point, b: _Point) -> Iterator[Box]:
    box = min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])
    straight = box[2] - box[0] < 1.0 or box[3] - box[1] < 1.0
    if straight and max(box[2] - box[0], box[3] - box[1]) > _THIN_POINTS:
        yield box


def _bounds(item: int) -> Box:
    values = [ctypes.c_float() for _ in range(4)]
    native.object_bounds(item, *(ctypes.byref(value) for value in values))
    left, bottom, right, top = (value.value for value in values)
    return left, bottom, right, top


def _matrix(item: int) -> _Transform:
    m = native.Matrix()
    native.object_matrix(item, ctypes.byref(m))
    return m.a, m.b, m.c, m.d, m.e, m.f


def _combined(inner: _Transform, outer: _Transform) -> _Transform:
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return (
        a * g + b * i, a * h + b * j,
        c * g + d * i, c * h + d * j,
        e * g + f * i + k, e * h + f * j + m,
    )  # fmt: skip


def _moved(x: float, y: float, transform: _Transform) -> _Point:
    a, b, c, d, e, f = transform
    return x * a + y * c + e, x * b + y * d + f


def _placed(box: Box, outer: _Transform) -> Box:
    if outer is _IDENTITY:
        return box
    x0, y0 = _moved(box[0], box[1], outer)
    x1, y1 = _moved(box[2], box[3], outer)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _area(box: Box, crop: Box) -> float:
    width = min(box[2], crop[2]) - max(box[0], crop[0])
    height = min(box[3], crop[3]) - max(box[1], crop[1])
    return max(width, 0.0) * max(height, 0.0)
