"""Directions in which text runs on a page, and coordinates in which it runs from left to right.

Sideways text on an upright page, a page that is turned, and Japanese in columns are all read the
same way: turned until their lines lie. Coordinates are in points, y growing downwards.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

Box: TypeAlias = tuple[float, float, float, float]

UPRIGHT: Final = 0
UPWARDS: Final = 90
UPSIDE_DOWN: Final = 180
DOWNWARDS: Final = 270  # also columns of Chinese and Japanese, which follow each other leftwards


class Frame(NamedTuple):
    """Turns points of the file into points of a page on which text of this direction lies."""

    angle: int
    left: float
    top: float
    width: float
    height: float

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return a point of the file, whose y grows upwards, as one of the frame."""
        u, v = _turned(self.angle, x, y)
        return u - self.left, v - self.top

    def box(self, x0: float, y0: float, x1: float, y1: float) -> Box:
        """Return a box of the file as (x0, top, x1, bottom) of the frame."""
        u0, v0 = self.point(x0, y0)
        u1, v1 = self.point(x1, y1)
        return min(u0, u1), min(v0, v1), max(u0, u1), max(v0, v1)


@lru_cache(maxsize=64)
def frame_of(angle: int, crop: Box) -> Frame:
    """Return the frame of a page whose crop box in the file is (left, bottom, right, top)."""
    left, bottom, right, top = crop
    u0, v0 = _turned(angle, left, bottom)
    u1, v1 = _turned(angle, right, top)
    return Frame(angle, min(u0, u1), min(v0, v1), abs(u1 - u0), abs(v1 - v0))


def _turned(angle: int, x: float, y: float) -> tuple[float, float]:
    match angle:
        case 90:
            return y, x
        case 180:
            return -x, y
        case 270:
            return -y, -x
        case _:
            return x, -y
