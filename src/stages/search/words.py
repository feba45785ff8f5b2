"""Words of a text, each at its position and with the lexemes that it is found by.

A text's lexemes are made here alone, for indexing and for asking: PostgreSQL's parsers,
dictionaries and locale take no part.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

from stages.search.folding import INVISIBLE, exact, folded
from stages.search.stems import stem

Position = tuple[str, ...]
"""The lexemes that stand at one position."""

# Scripts without blanks between words, and Korean, whose particles are written with their word.
_UNSPACED: Final = (
    (0x0E00, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1100, 0x11FF), (0x1780, 0x17FF),
    (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0x3005, 0x3007), (0x3040, 0x30FF), (0x3130, 0x318F),
    (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA960, 0xA97F), (0xAA60, 0xAA7F),
    (0xAC00, 0xD7FF), (0xF900, 0xFAFF), (0xFF66, 0xFFDC), (0x1B000, 0x1B16F), (0x20000, 0x3FFFF),
)  # fmt: skip
MAX_WORD_CHARS: Final = 100
_MAX_JOINED_PARTS: Final = 8


def _ranges(points: Iterable[int]) -> str:
    """Return code points in order as the inside of a character class."""
    found: list[list[int]] = []
    for point in points:
        if found and found[-1][1] == point - 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in found)


def _is_mark(point: int) -> bool:
    return unicodedata.category(chr(point)) in ("Mn", "Mc", "Me")


def _letters_of(first: int, last: int) -> Iterator[int]:
    if first >= 0x20000:
        return iter(range(first, last + 1))
    return (point for point in range(first, last + 1) if chr(point).isalnum())


_MARKS: Final = _ranges(point for point in range(0x300, 0x1F000) if _is_mark(point)) + INVISIBLE
_RUN_LETTERS: Final = _ranges(p for first, last in _UNSPACED for p in _letters_of(first, last))
_WORD: Final = rf"(?:(?:[A-Za-z0-9]+|[^\W_\x00-\x7f{_RUN_LETTERS}])[{_MARKS}]*)+"
_CLUSTER: Final = re.compile(rf"[{_RUN_LETTERS}][{_MARKS}]*")
_HYPHENS: Final = "-\u2010\u2011\u00b7'\u2019\u02bc&.,\u200b"
_BETWEEN: Final = rf"(?:[{_HYPHENS}]|(?<=\d)[\u00a0\u2009\u202f](?=\d))"
# A word, with others that only a sign parts from it, or a run of a script without blanks.
_TOKEN: Final = re.compile(
    rf"(?P<run>(?:[{_RUN_LETTERS}][{_MARKS}]*)+)|{_WORD}(?:{_BETWEEN}{_WORD})*"
)
_ASCII_TOKEN: Final = re.compile("[A-Za-z0-9]+(?:[-'&.,][A-Za-z0-9]+)*")
_PART: Final = re.compile(_WORD)
_HUMP: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_HUMPS: Final = re.compile(r"[a-z][A-Z]")
_JOINS: Final = frozenset("-\u2010\u2011\u00b7'\u2019\u02bc&\u200b")
_RAISED: Final = re.compile("[\u00b2\u00b3\u00b9\u2070-\u209c]+")


def positions(text: str, language: str) -> Iterator[Position]:
    """Yield the lexemes at each position of the text, in order."""
    if text.isascii():
        for token in _ASCII_TOKEN.findall(text):
            yield from word_positions(token, language)
        return
    for match in tokens(text):
        yield from token_positions(match[0], match.lastgroup is not None, language)


def tokens(text: str) -> Iterator[re.Match[str]]:
    """Yield the tokens of a text; one with a `lastgroup` is a run of signs without blanks."""
    return (_ASCII_TOKEN if text.isascii() else _TOKEN).finditer(text)


def token_positions(token: str, is_run: bool, language: str) -> tuple[Position, ...]:
    """Return the lexemes at each position of one token."""
    return run_positions(token) if is_run else word_positions(token, language)


def run_positions(run: str) -> tuple[Position, ...]:
    """Return each sign with the one after it; the last stands alone.

    A run of signs is found as the phrase of its pairs, a single sign as what pairs begin with.
    """
    signs = signs_of(run)
    return (*((a + b,) for a, b in pairwise(signs)), (signs[-1],))


def signs_of(run: str) -> list[str]:
    """Return the signs of a run, each with its marks."""
    return _CLUSTER.findall(exact(run)) or [exact(run)]


def signs_spans(run: str) -> list[tuple[int, int]]:
    """Return where in the run each sign stands."""
    return [match.span() for match in _CLUSTER.finditer(run)]


@lru_cache(1 << 16)
def word_positions(token: str, language: str) -> tuple[Position, ...]:
    """Return the lexemes at each position of a word or of words that signs part."""
    if token.isascii() and token.isalnum():
        return (_lexemes(token, language),)
    parts = parts_of(token)
    found = [_lexemes(part, language) for part in parts]
    for first, last, word in _joined(token, parts):
        for place in {first, last}:
            found[place] = tuple(dict.fromkeys((*found[place], word)))
    return tuple(found)


def parts_of(token: str) -> list[str]:
    """Return the words of a token; raised and lowered digits are words of their own."""
    if token.isascii():
        return _PART.findall(token)
    parted = unicodedata.normalize("NFKC", _RAISED.sub("\u200b\\g<0>\u200b", token))
    return [part for part in _PART.findall(parted) if exact(part)]


def joined_of(token: str) -> str | None:
    """Return a token that is one word when its signs are left out: `e-mail`, `1,234`, `U.S.A`."""
    parts = parts_of(token)
    whole = [word for first, last, word in _joined(token, parts) if last - first == len(parts) - 1]
    return whole[0] if whole else None


def _joined(token: str, parts: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield words that are made of several parts: the first, the last, the folded word."""
    if not 1 < len(parts) <= _MAX_JOINED_PARTS:
        return
    between = [sign for sign in _PART.split(token)[1:-1] if sign]
    whole = folded(exact("".join(parts)))
    digits = all(part.isdecimal() for part in parts)
    letters = all(len(part) == 1 for part in parts)
    if digits or letters or all(sign in _JOINS for sign in between):
        yield 0, len(parts) - 1, whole[:MAX_WORD_CHARS]
    if digits and len(set(between)) > 1 and len(between) == len(parts) - 1:  # 1,234.56
        yield 0, len(parts) - 2, "".join(parts[:-1])


def _lexemes(part: str, language: str) -> Position:
    word = exact(part)[:MAX_WORD_CHARS]
    plain = folded(word)
    found = [plain]
    if plain != word:
        found.append(word)
    if stemmed := stem(word, language):
        found.append(stemmed)
    if _HUMPS.search(part):
        for hump in _HUMP.findall(part):
            if len(hump) > 1:
                small = hump.lower()
                found += filter(None, (small, stem(small, language)))
    return tuple(dict.fromkeys(found))
