"""One word in the forms that it is compared in: exact, folded, and made of several parts."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

INVISIBLE: Final = "\u00ad\u034f\u200c\u200d\u2060\ufeff"
"""What stands within words and is not seen: soft hyphens, joiners, the byte order mark."""

_INVISIBLE: Final = dict.fromkeys(map(ord, INVISIBLE))
# Accents, and vowel marks of Hebrew and Arabic; marks of other scripts are letters to readers.
_ACCENTS: Final = re.compile("[\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670\u06d6-\u06ed]+")
_LETTERS: Final = str.maketrans(
    {
        "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i",
        "ĸ": "k", "ł": "l", "ŋ": "n", "þ": "th", "ŧ": "t", "ς": "σ", "ى": "ي", "ة": "ه",
    }
)  # fmt: skip
_UMLAUTS: Final = {"ä": "ae", "ö": "oe", "ü": "ue"}
_WRITTEN_OUT: Final = re.compile("ae|oe|ue")


def exact(word: str) -> str:
    """Return the word in small letters and composed (NFKC), with its accents."""
    if word.isascii():
        return word.lower()
    seen = word.translate(_INVISIBLE)
    # A capital I with a dot becomes an i and a combining dot.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).lower())


def folded(word: str) -> str:
    """Return an exact form without accents and in plain letters and digits."""
    if word.isascii():
        return word
    apart = unicodedata.normalize("NFKD", word.translate(_LETTERS))
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", apart)).translate(_LETTERS)
    return "".join(map(_digit, plain))


def umlauts(word: str) -> str | None:
    """Return an exact form with umlauts for vowels that were written out: `mueller`, `müller`."""
    if not _WRITTEN_OUT.search(word):
        return None
    for umlaut, written in _UMLAUTS.items():
        word = word.replace(written, umlaut)
    return word


def _digit(char: str) -> str:
    if char.isascii() or not char.isdecimal():
        return char
    return str(unicodedata.decimal(char))
