"""A word of a page, and its text as it is searched for."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

ASCENT: Final = 0.75  # of the font's size, from the baseline
DESCENT: Final = 0.25
HYPHEN_MARK: Final = "\ufffe"  # what the library puts for a hyphen that breaks a word
SOFT_HYPHEN: Final = "\u00ad"
UNREADABLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffd\uffff]"
)
_LIGATURE: Final = re.compile("[\ufb00-\ufb06\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc]")
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SYLLABLE_PART: Final = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff]")  # vowels, endings: Korean
_GAP: Final = 0.16  # of the font's size: beyond it, two words though no space is between


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
        return self.bottom - DESCENT * (self.bottom - self.top)

    def touches(self, after: Word) -> bool:
        """Tell whether nothing parts two runs of characters that stand in one line."""
        size = max(self.size, after.size, 1.0)
        gap = max(after.x0 - self.x1, self.x0 - after.x1)
        return gap <= size * _GAP and after.top < self.bottom and self.top < after.bottom

    def is_set_like(self, other: Word) -> bool:
        """Tell whether two runs of characters are of one size, weight and baseline."""
        larger = max(self.size, other.size, 1.0)
        return (
            abs(self.size - other.size) < 0.12 * larger
            and abs(self.baseline - other.baseline) < 0.12 * larger
            and self.bold == other.bold
            and self.mono == other.mono
        )

    def with_more(self, after: Word) -> Word:
        """Return this word with more characters at its end."""
        text = self.text + after.text
        return self._replace(
            text=unicodedata.normalize("NFC", text) if combines(after.text) else text,
            x0=min(self.x0, after.x0),
            x1=max(self.x1, after.x1),
            broken=after.broken,
        )


def combines(text: str) -> bool:
    """Tell whether a text begins with a mark or a part of a syllable that joins what is before."""
    return not text.isascii() and bool(
        _SYLLABLE_PART.match(text) or unicodedata.category(text[0]) in ("Mn", "Mc")
    )


def normalized(text: str) -> str:
    """Return text as it is searched for: ligatures and Arabic letter forms as plain letters."""
    if _LONE_SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    text = UNREADABLE.sub("", text)
    return unicodedata.normalize("NFKC", text) if _LIGATURE.search(text) else text


def without_breaks(text: str, *, broken: bool) -> str:
    """Return a word without marks of where it may be broken; a hyphen ends one that is."""
    text = text.rstrip(HYPHEN_MARK)
    if SOFT_HYPHEN in text:
        text = text.rstrip(SOFT_HYPHEN).replace(SOFT_HYPHEN, "") + ("-" if broken else "")
    return text
