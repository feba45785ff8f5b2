"""Tell the encoding of bytes that do not say it: the likeliest text wins.

Each encoding's reading is rated by how likely its characters are in the languages that were
written in it, and by what no language does: a capital after a small letter, a sign within a word,
two scripts in one word.
"""

from __future__ import annotations

import codecs
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from stages.conversion.text.alphabets import HANZI, LANGUAGES

_SAMPLE_BYTES = 16 * 1024
_CONTEXT_BYTES = 80
_UNLIKELY = -11.5
_UNREADABLE = -25.0
_CAPITAL = math.log(0.2)
_SIGNS: Final = "’“”–—…«»„‘‚€£§°©®™½¼¾×·•¿¡\u00a0²³µ±¹ªº´¨†‡‰‹›¢¥¶÷¬№"
_CAPITAL_WITHIN: Final = re.compile(r"[^\W\d_A-Z](?=[^\W\d_a-z])")
_HIGH_WORD: Final = re.compile(r"[A-Za-z]*[^\x00-\x7f\W\d_][^\W\d_]*")
_SIGN_WITHIN: Final = re.compile(
    r"(?<=[a-z])[^\w\s\x00-\x7f’‘´·\u00ad](?=[a-z])|[^\W\d_][½¼¾×÷¶±][a-z]"
)
# An ordinal before a letter, a letter joined to a digit, a soft g that begins a word.
_ODD_PLACE: Final = re.compile(
    r"[ªº°£¥¢¤¼½¾](?=[^\W\d_])|(?<=[^\W\d_])[¼½¾]|(?![ªº])[^\x00-\x7f\W\d_](?=\d)|\bĞ"
)
# A sign of arithmetic or money beside a digit.
_GOOD_PLACE: Final = re.compile(r"\d ?[×½¼¾°±€§](?![^\W_])|[£€$§±×]\d|[×½¼¾±] \d")
_BESIDE_DIGIT: Final = re.compile(rb"[0-9] ?[\x80-\xff]|[\x80-\xff] ?[0-9]")
_ASCII: Final = bytes(range(128))
_ALONE: Final = frozenset("àèéêòóôáíìyаивкосуяіӏη")
_ACCENTS: Final = re.compile("[άέήίόύώΐΰΆΈΉΊΌΎΏ]")
_HEBREW_ENDS: Final = re.compile("(?<=[א-ת])[ךםןףץ](?![א-ת])")
_HEBREW_FAULTS: Final = re.compile("[ךםןףץ](?=[א-ת])|[מנצכ](?![א-ת\u0591-\u05c7'\"׳״])")
_PORTUGUESE_FAULTS: Final = re.compile(r"õ(?!e)|ã(?=[^\Woes])")
_ESCAPES: Final = re.compile(rb"\x1b\$(?:[@B]|\(D)(?:[!-~]{2})+(?:\x1b|\Z|[\r\n])")


def guess(raw: bytes) -> str:
    """Return the name of Python's codec that reads the bytes best; they are not UTF-8."""
    return max(_rated(_sample(raw)), key=lambda rating: rating[0])[1]


def switches_by_escapes(raw: bytes) -> bool:
    """Tell whether the bytes are ISO-2022-JP, which is ASCII but for its escapes (RFC 1468)."""
    return b"\x1b$" in raw and _ESCAPES.search(raw) is not None


def _sample(raw: bytes) -> bytes:
    """Return the bytes around those beyond ASCII; the whole where those are many."""
    if len(raw) <= _SAMPLE_BYTES:
        return raw
    pieces, end, size = [], 0, 0
    for match in re.finditer(rb"[\x80-\xff]+", raw):
        if size > _SAMPLE_BYTES:
            break
        start = max(end, raw.rfind(b"\n", 0, match.start()) + 1, match.start() - _CONTEXT_BYTES)
        stop = min(match.end() + _CONTEXT_BYTES, match.start() + _SAMPLE_BYTES)
        if stop <= end:
            continue
        pieces.append(raw[start:stop])
        end, size = stop, size + stop - start
    return b"".join(pieces)


def _rated(sample: bytes) -> Iterator[tuple[float, str]]:
    best = -math.inf
    most_gained = 2 * len(_BESIDE_DIGIT.findall(sample))
    texts: dict[str, tuple[str, float]] = {}
    for likelihood, encoding, language in _by_letters(sample):
        if likelihood + most_gained < best and language != "Hebrew":
            continue  # what follows could only lower it
        if encoding not in texts:
            text = sample.decode(encoding, "replace")
            texts[encoding] = text, _faults(text)
        text, faults = texts[encoding]
        rating = likelihood + faults + _mixing(text, language)
        best = max(best, rating)
        yield rating, encoding
    for encoding in HANZI:
        text = codecs.getincrementaldecoder(encoding)("replace").decode(sample, final=False)
        yield _rated_ideographs(encoding, text), encoding
    euc = codecs.getincrementaldecoder("euc_jp")("replace").decode(sample, final=False)
    yield _rated_ideographs("cp932", euc), "euc_jp"


def _by_letters(sample: bytes) -> list[tuple[float, str, str]]:
    """Return likelihood, encoding and language of every reading, the likeliest first."""
    high = Counter(sample.translate(None, _ASCII))
    found = []
    for encoding, languages in _ENCODINGS.items():
        counts: Counter[str] = Counter()
        for byte, count in high.items():
            counts[bytes((byte,)).decode(encoding, "replace")] += count
        unreadable = sum(counts[sign] for sign in counts if sign == "\ufffd" or sign < "\xa0")
        rare = _UNREADABLE * unreadable - _RARE.get(encoding, 0)
        for language in languages:
            likelihood = _likelihood(counts, language) + rare - LANGUAGES[language].handicap
            found.append((likelihood, encoding, language))
    return sorted(found, key=lambda each: -each[0])


def _faults(text: str) -> float:
    """Rate what no language does, whatever it is."""
    capitals = sum(
        1
        for match in _CAPITAL_WITHIN.finditer(text)
        if match[0].islower() and text[match.end()].isupper() and not text[match.end()].isascii()
    )
    oddities = len(_SIGN_WITHIN.findall(text)) + len(_ODD_PLACE.findall(text))
    fitting = len(_GOOD_PLACE.findall(text))
    return -4 * capitals - 4 * oddities + 2 * fitting


def _likelihood(counts: Counter[str], language: str) -> float:
    likely = _probabilities(language)
    return sum(
        count * likely.get(sign, _UNLIKELY)
        for sign, count in counts.items()
        if sign >= "\xa0" and sign != "\ufffd"
    )


@cache
def _probabilities(language: str) -> Mapping[str, float]:
    """Return the logarithm of how likely each character is among those beyond ASCII."""
    letters = LANGUAGES[language].letters
    weights = [math.exp(-rank / max(2, len(letters) / 4)) for rank in range(len(letters))]
    share = math.log(0.8 / sum(weights))
    found = {sign: math.log(0.2 / len(_SIGNS)) - rank / 20 for rank, sign in enumerate(_SIGNS)}
    for letter, weight in zip(letters, weights, strict=True):
        found[letter] = share + math.log(weight)
        for capital in {letter.upper(), "İ" if letter == "ı" else letter} - {letter}:
            if len(capital) == 1:
                found.setdefault(capital, share + math.log(weight) + _CAPITAL)
    return found


def _mixing(text: str, name: str) -> float:
    """Rate words: of one script, mostly ASCII where Latin, seldom of one letter."""
    latin = LANGUAGES[name].latin
    rating = 0.0
    for word in _HIGH_WORD.findall(text)[:2_000]:
        plain = sum(sign.isascii() for sign in word)
        if latin:
            rating -= 3 * max(0, len(word) - plain - 1 - plain)
        elif plain:
            rating -= 5
        if len(word) == 1 and word.lower() not in _ALONE:
            rating -= 3
        if name == "Greek" and len(word) > 2 and not word.isupper():
            rating -= 0 if _ACCENTS.search(word) else 2
    if name == "Hebrew":
        rating += 3 * len(_HEBREW_ENDS.findall(text)) - 4 * len(_HEBREW_FAULTS.findall(text))
    if name == "Portuguese":
        rating -= 3 * len(_PORTUGUESE_FAULTS.findall(text))
    letters = sum(map(str.isalpha, text))
    foreign = not latin and letters and _ascii_letters(text) > 0.8 * letters
    return rating - (2 if foreign else 0)


def _ascii_letters(text: str) -> int:
    return sum(sign.isascii() and sign.isalpha() for sign in text)


def _rated_ideographs(encoding: str, text: str) -> float:
    common = _common(encoding)
    return sum(count * _ideograph(sign, encoding, common) for sign, count in _high(text).items())


def _high(text: str) -> Counter[str]:
    return Counter({sign: count for sign, count in Counter(text).items() if sign >= "\x80"})


@cache
def _common(encoding: str) -> Mapping[str, float]:
    signs = HANZI[encoding]
    weights = [1 / (rank + 30) for rank in range(len(signs))]
    total = sum(weights)
    found = {
        sign: math.log(0.5 * weight / total) for sign, weight in zip(signs, weights, strict=True)
    }
    return found | dict.fromkeys("，。、：；！？「」（）《》・ー“”", math.log(0.01))


def _ideograph(sign: str, encoding: str, common: Mapping[str, float]) -> float:
    if sign == "\ufffd" or sign < "\xa0" or "\ue000" <= sign <= "\uf8ff":
        return _UNREADABLE
    if sign in common:
        return common[sign]
    if "\u3041" <= sign <= "\u30fe":
        return -4.5 if encoding == "cp932" else -9.0
    return -8.5 if _is_frequent(sign, encoding) else -14.0


def _is_frequent(sign: str, encoding: str) -> bool:
    """Tell whether a character is in the first level of its national standard."""
    raw = sign.encode("gb2312" if encoding == "gb18030" else encoding, "ignore")
    if len(raw) != 2:
        return False
    low, high = _FIRST_LEVEL[encoding]
    return low <= raw[0] <= high and (encoding != "cp949" or raw[1] >= 0xA1)


_FIRST_LEVEL: Final[Mapping[str, tuple[int, int]]] = {
    "gb18030": (0xB0, 0xD7),
    "big5hkscs": (0xA4, 0xC6),
    "cp932": (0x88, 0x97),
    "cp949": (0xB0, 0xC8),
}
_RARE: Final[Mapping[str, float]] = {  # for texts that two encodings explain
    "cp850": 3,
    "cp852": 3,
    "mac-roman": 3,
    "mac-latin2": 3,
    "mac-cyrillic": 3,
    "cp855": 3,
    "iso8859-15": 1,
    "iso8859-4": 2,
    "iso8859-10": 2.5,
    "iso8859-2": 0.5,
    "iso8859-3": 1,
    "iso8859-5": 1.5,
    "iso8859-6": 1,
    "iso8859-7": 2,
    "iso8859-16": 2,
    "cp866": 0.5,
}
_ENCODINGS: Final[Mapping[str, list[str]]] = {
    encoding: [name for name, each in LANGUAGES.items() if encoding in each.encodings]
    for encoding in dict.fromkeys(e for each in LANGUAGES.values() for e in each.encodings)
}
