"""Where sentences begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import sentencex

from stages.literals import literal_spans

# sentencex 1.0.32 panics where white space of more than one byte stands ahead of a full stop.
_WIDE_SPACE: Final = re.compile(r"[^\S\n ]")
# It knows neither the French "M. Dupont" and "Dr. Dupont" nor the German "Abs. 2" and "Kap. IV".
_INITIAL: Final = re.compile(r"(?:^|\s)[^\W\d_]\.\s*$")
_SHORT: Final = re.compile(r"(?:^|[\s(])[^\W\d_a-zß-öø-ÿ][^\W\d_]{1,3}\.\s*$")
_TITLE: Final = re.compile(
    r"\b(?:Dr|Pr|Prof|Mevr|Fa|Sté|Ste|Kap|Bd|Abb|Tab|Anm|av|pag|approx|ca|env|resp|incl)\.\s*$"
)
_DOTTED: Final = re.compile(r"(?:\b[^\W\d_]\.){2,}\s*$")  # a.m., z.B.
_ORDINAL: Final = re.compile(
    r"\b(?:d(?:er|ie|as|en|em|es)|am|im|zu[mr]|vom|beim|seit|jede[mnrs]?|eine[mnrs]?)"
    r"\s+\d{1,3}\.\s*$",
    re.IGNORECASE,
)
# What was quoted goes on in the sentence around it: 「海は広い。」と言った, “海很大。”他说.
_QUOTED: Final = re.compile('[\u3002\uff01\uff1f.!?][\u300d\u300f\u201d\uff09)"]$')
_SAID: Final = re.compile(
    "\u3068|\u3063\u3066|\u3068\u3044\u3046|\u306a\u3069|[\u306e\u306f\u304c\u3092\u306b\u3082\u3067]"
    "|[\u4e00-\u9fff]{0,6}(?:\u8bf4|\u8aaa|\u9053|\u95ee|\u554f|\u7b54|\u558a)"
)
_CLOSING: Final = re.compile(r"[*_~`]+")

_BACK, _AHEAD = 24, 12


def sentences(text: str, start: int, end: int, language: str) -> Iterator[tuple[int, int]]:
    """Return spans that tile the text between two places, each a sentence.

    `language` is an ISO 639-1 code; of one without rules of its own, those of English are taken.
    """
    begin = position = start
    literals = list(literal_spans(text, start, end))
    for sentence in _segments(text[start:end], language):
        # Marks that close emphasis belong to the sentence that they end.
        closing = _CLOSING.match(text, max(position + len(sentence), begin), end)
        position += len(sentence)
        closes = (
            closing and not sentence[-1:].isspace() and text[start:position].count(closing[0]) % 2
        )
        cut = _outside(literals, text, closing.end() if closing and closes else position)
        if cut is None or cut <= begin:
            continue
        following = text[cut : min(cut + _AHEAD, end)]
        if cut < end and not _goes_on(text[begin:cut], following, language):
            yield begin, cut
            begin = cut
    if begin < end:
        yield begin, end


def _outside(literals: Sequence[tuple[int, int]], text: str, cut: int) -> int | None:
    """Return where a sentence ends that would end within a formula or code, None if it does not."""
    for start, end in literals:
        if start < cut < end:
            return None if text[cut:end].strip(" \n)]$`\\") else end
    return cut


def _goes_on(sentence: str, following: str, language: str) -> bool:
    ending = sentence[-_BACK:]
    first = following[:1]
    if _INITIAL.search(ending) or _TITLE.search(ending):
        return True
    if language == "de" and _ORDINAL.search(ending):
        return True
    if _QUOTED.search(ending):
        return _SAID.match(following) is not None
    if first.isdigit() and (_SHORT.search(ending) or _DOTTED.search(ending)):
        return True
    return first.islower() and _DOTTED.search(ending) is not None


def _segments(text: str, language: str) -> list[str]:
    plain = _WIDE_SPACE.sub(" ", text)
    found = sentencex.segment(language, plain)
    return found if "".join(found) == plain else [plain]
