"""Guess a text's language, well enough to cut it into sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

_SCRIPTS: Final[tuple[tuple[str, str], ...]] = (
    ("ja", "[\u3040-\u30ff]"),
    ("zh", "[\u3400-\u9fff]"),
    ("ru", "[\u0400-\u04ff]"),
    ("el", "[\u0370-\u03ff]"),
    ("ar", "[\u0600-\u06ff]"),
    ("hi", "[\u0900-\u097f]"),
    ("hy", "[\u0530-\u058f]"),
    ("am", "[\u1200-\u137f]"),
    ("my", "[\u1000-\u109f]"),
)
_COMMON: Final[Mapping[str, str]] = {
    "en": "the of and to in is was that for with are by it from were at which",
    "de": "der die das und ist von den mit ein eine nicht zu im auf wird dem sich",
    "fr": "le la les des et est une du dans que pour par sur au qui pas avec",
    "es": "el la los las y es una del que en por con para se un al como",
    "it": "il la di che e è un una per del della con nel sono gli alla non",
    "nl": "de het een van en is dat op te in voor met zijn niet aan door",
    "pl": "i w na z jest się do nie że przez oraz od jako dla są po",
    "da": "og det er en til af som på med for den ikke der blev et",
}
_WORDS: Final = re.compile(r"[^\W\d_]+")
_SAMPLE_CHARS = 20_000
_SCRIPT_SHARE = 0.2


def language_of(text: str) -> str:
    """Return the code of the likeliest of some twenty languages, `en` if nothing speaks for one."""
    sample = text[:_SAMPLE_CHARS]
    letters = max(1, sum(map(str.isalpha, sample)))
    for code, script in () if sample.isascii() else _SCRIPTS:
        if len(re.findall(script, sample)) / letters > _SCRIPT_SHARE:
            return code
    words = Counter(_WORDS.findall(sample.lower()))
    scores = {code: sum(words[word] for word in common.split()) for code, common in _COMMON.items()}
    best = max(scores, key=lambda code: scores[code])
    return best if scores[best] else "en"
