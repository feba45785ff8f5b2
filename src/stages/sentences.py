"""Where sentences begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import sentencex

# sentencex 1.0.32 panics where white space of more than one byte stands ahead of a full stop.
_WIDE_SPACE: Final = re.compile(r"[^\S\n ]")
# It knows neither the French "M. Dupont" and "Dr. Dupont" nor the German "Abs. 2" and "Kap. IV".
_INITIAL: Final = re.compile(r"(?:^|\s)[^\W\d_]\.\s*$")
_SHORT: Final = re.compile(r"(?:^|[\s(])[^\W\d_a-zß-öø-ÿ][^\W\d_]{1,3}\.\s*$")
_TITLE: Final = re.compile(
    r"\b(?:Dr|Pr|Prof|Mevr|Fa|Kap|Bd|Abb|Tab|Anm|av|pag|approx|ca|env|resp|incl)\.\s*$"
)
_CLOSING: Final = re.compile(r"[*_~`]+")


def sentences(text: str, start: int, end: int, language: str) -> Iterator[tuple[int, int]]:
    """Return spans that tile the text between two places, each a sentence.

    `language` is an ISO 639-1 code; of one without rules of its own, those of English are taken.
    """
    begin = position = start
    for sentence in _segments(text[start:end], language):
        # Marks that close emphasis belong to the sentence that they end.
        closing = _CLOSING.match(text, max(position + len(sentence), begin), end)
        position += len(sentence)
        closes = (
            closing and not sentence[-1:].isspace() and text[start:position].count(closing[0]) % 2
        )
        cut = closing.end() if closing and closes else position
        if position < end and not _goes_on(text[begin:cut], text[cut : cut + 1]):
            yield begin, cut
            begin = cut
    if begin < end:
        yield begin, end


def _goes_on(sentence: str, following: str) -> bool:
    ending = sentence[-12:]
    if _INITIAL.search(ending) or _TITLE.search(ending):
        return True
    return following.isdigit() and _SHORT.search(ending) is not None


def _segments(text: str, language: str) -> list[str]:
    plain = _WIDE_SPACE.sub(" ", text)
    found = sentencex.segment(language, plain)
    return found if "".join(found) == plain else [plain]
