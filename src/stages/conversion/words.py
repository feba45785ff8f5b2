"""Count the words of a text in time linear in its size and in bounded memory.

A word is a run of letters and digits, NFKC-normalised and casefolded; in scripts that are written
without spaces each character is one.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final
from zlib import crc32

_UNSPACED: Final = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Myanmar, Khmer
    "\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff"  # kana, bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # ideographs
)
_WORD: Final = re.compile(rf"[^\W_{_UNSPACED}]+|(?!\W)[{_UNSPACED}]")
_INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
# Typographic signs that part words as blanks do; what is left of many a text is ASCII.
_SIGNS: Final = "\u00a0\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u2022©®«»→"
_ASCII_WORDS: Final = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() and code < 128 else 32 for code in range(256)
)
_PIECE_CHARS = 1 << 20
_MAX_DISTINCT = 400_000
_BUCKETS = 1 << 22


class WordCounts:
    """A multiset of words.

    Beyond 400,000 different words it counts by a hash of each, so that its size has a bound. Two
    words in one bucket hide a loss only where one is lost and the other added.
    """

    def __init__(self, pieces: Iterable[str]) -> None:
        self.total = 0
        self._exact: Counter[str] = Counter()
        self._hashed: array[int] | None = None
        for piece in pieces:
            self._add(words_of(piece))

    def matched(self, other: WordCounts) -> int:
        """Return how many words of this multiset are in the other one too."""
        if self._hashed is None and other._hashed is None:
            if self._exact == other._exact:
                return self.total
            unlike = self._exact.items() - other._exact.items()
            return self.total - sum(max(0, n - other._exact.get(word, 0)) for word, n in unlike)
        return sum(map(min, self._buckets(), other._buckets()))

    def letters(self) -> Counter[str]:
        """Return the letters and digits, however they are parted into words."""
        letters: Counter[str] = Counter()
        for word, count in self._exact.items():
            for letter in word:
                letters[letter] += count
        return letters

    def _add(self, words: list[str]) -> None:
        self.total += len(words)
        if self._hashed is not None:
            _count_by_hash(self._hashed, Counter(map(crc32, map(str.encode, words))))
            return
        self._exact.update(words)
        if len(self._exact) > _MAX_DISTINCT:
            self._hashed = self._buckets()
            self._exact.clear()

    def _buckets(self) -> array[int]:
        if self._hashed is not None:
            return self._hashed
        buckets = array("I", bytes(4 * _BUCKETS))
        for word, count in self._exact.items():
            buckets[crc32(word.encode()) % _BUCKETS] += count
        return buckets


def count_words(text: str) -> int:
    """Return how many words a text has."""
    return sum(len(words_of(piece)) for piece in pieces_of(text))


def pieces_of(text: str) -> Iterator[str]:
    """Part a text at line ends, or at blanks in long lines, into pieces of about a megabyte."""
    start = 0
    while start < len(text):
        end = start + _PIECE_CHARS
        if end < len(text):
            cut = text.rfind("\n", start, end) + 1 or text.rfind(" ", start, end) + 1
            end = cut if cut > start else end
        yield text[start:end]
        start = end


def words_of(piece: str) -> list[str]:
    """Return the words of a text of moderate size, in order."""
    if not piece.isascii():
        piece = _without_signs(piece)
    if piece.isascii():
        return piece.encode().translate(_ASCII_WORDS).decode().split()
    return _WORD.findall(unicodedata.normalize("NFKC", piece).casefold())


def _without_signs(piece: str) -> str:
    for sign in _INVISIBLE:
        piece = piece.replace(sign, "")
    for sign in _SIGNS:
        piece = piece.replace(sign, " ")
    return piece


def _count_by_hash(buckets: array[int], hashes: Counter[int]) -> None:
    for value, count in hashes.items():
        buckets[value % _BUCKETS] += count
