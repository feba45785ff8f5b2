"""Compose letters with accents that are drawn over them as characters of their own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

from stages.conversion.pdf.frames import Box

_COMBINING: Final = {
    "\u00b4": "\u0301", "`": "\u0300", "¨": "\u0308", "^": "\u0302",
    "\u02c6": "\u0302", "~": "\u0303",
    "\u02dc": "\u0303", "¯": "\u0304", "˘": "\u0306", "˙": "\u0307", "˚": "\u030a", "˝": "\u030b",
    "ˇ": "\u030c", "\u00b8": "\u0327",
}  # fmt: skip
_ACCENT: Final = re.compile(f"[{re.escape(''.join(_COMBINING))}]")
_DOTTED: Final = {"\u0131": "i", "\u0237": "j"}
_REACH: Final = 8  # characters between an accent and its letter, which follows it as a rule
_REACH_ASCII: Final = 1  # signs of programs, which are accents of their neighbours alone
TAKEN: Final = "\u2060"
"""Stands in a word for an accent that is part of one of its letters."""


def with_composed(characters: str, box_of: Callable[[int], Box]) -> str:
    """Return a page's characters, letters below accents composed, as many as there were.

    `box_of` gives the box of the character with this number on the page.
    """
    if _ACCENT.search(characters) is None:
        return characters
    shown = list(characters)
    for match in _ACCENT.finditer(characters):
        place = match.start()
        letter = _letter_below(shown, place, box_of)
        if letter is not None:
            base = _DOTTED.get(shown[letter], shown[letter])
            whole = unicodedata.normalize("NFC", base + _COMBINING[match[0]])
            if len(whole) == 1:
                apart = shown[place - 1 : place] == [" "] and letter < place
                shown[letter], shown[place] = whole, " " if apart else TAKEN
    return "".join(shown)


def _letter_below(shown: Sequence[str], place: int, box_of: Callable[[int], Box]) -> int | None:
    """Return which letter stands below the middle of an accent, or above it."""
    left, low, right, high = box_of(place)
    middle, level = (left + right) / 2, (low + high) / 2
    reach = _REACH_ASCII if shown[place].isascii() else _REACH
    near = range(max(place - reach, 0), min(place + reach + 1, len(shown)))
    for number in sorted(near, key=lambda n: (abs(n - place), n < place)):
        if shown[number].isalpha():
            x0, y0, x1, y1 = box_of(number)
            if x0 < middle < x1 and y0 - (y1 - y0) < level < y1 + (y1 - y0):
                return number
    return None
