"""Stems of words by language, made here so that no server's version or locale has a say."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

import Stemmer

from stages.search.folding import folded
from stages.search.stop_words import STOP_WORDS


class _Language(NamedTuple):
    algorithm: str
    tag: str
    is_latin: bool = True


# A stem is told from a word by the capital letter ahead of it: words have none.
_LANGUAGES: Final[Mapping[str, _Language]] = {
    "ar": _Language("arabic", "A", is_latin=False),
    "da": _Language("danish", "K"),
    "de": _Language("german", "D"),
    "el": _Language("greek", "G", is_latin=False),
    "en": _Language("english", "E"),
    "es": _Language("spanish", "S"),
    "fr": _Language("french", "F"),
    "hi": _Language("hindi", "H", is_latin=False),
    "hy": _Language("armenian", "Y", is_latin=False),
    "it": _Language("italian", "I"),
    "nl": _Language("dutch", "N"),
    "pl": _Language("polish", "P"),
    "ru": _Language("russian", "R", is_latin=False),
}
ANY: Final = "simple"
"""In place of a language: words are compared as they are."""

_STEMMERS: Final = {code: Stemmer.Stemmer(it.algorithm, 0) for code, it in _LANGUAGES.items()}
_ONE_AT_A_TIME: Final = threading.Lock()  # a stemmer is not made for threads


def known_language(code: str) -> str:
    """Return the language if there are stems of it, else `ANY`."""
    return code if code in _LANGUAGES else ANY


@lru_cache(1 << 16)
def stem(word: str, language: str) -> str | None:
    """Return the lexeme of an exact form's stem; None where the language has none for it."""
    known = _LANGUAGES.get(language)
    if known is None or len(word) < 3 or word in STOP_WORDS[language]:
        return None
    if (word.isascii() and not known.is_latin) or not (word.isalpha() or language == "hi"):
        return None
    with _ONE_AT_A_TIME:
        return known.tag + folded(_STEMMERS[language].stemWord(word))


def stems(word: str) -> list[str]:
    """Return the lexemes of an exact form's stems in every language."""
    return [found for language in _LANGUAGES if (found := stem(word, language))]


def plain_stems(word: str) -> list[str]:
    """Return the stems as an index of version 1 has them: without a language."""
    return sorted({found[1:] for found in stems(word)})


def stop_languages(word: str) -> list[str]:
    """Return the languages in which the exact form is a stop word."""
    return [language for language, words in STOP_WORDS.items() if word in words]
