"""Chunks whose words come as often as words do, and what is asked of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from itertools import accumulate

from stages.shapes import Chunk

CHUNKS_A_DOCUMENT = 10
_VOCABULARY = 30_000
_WORDS = 120
_SYLLABLES = ("bar", "den", "fol", "gri", "hax", "jul", "kem", "lor", "mip", "nes", "pra", "quo")
EVERYWHERE = "ledger"
"""A word that every chunk has."""


@cache
def vocabulary() -> list[str]:
    """Return words, the commonest first."""
    drawn = random.Random(17)
    words: dict[str, None] = {}
    while len(words) < _VOCABULARY:
        words["".join(drawn.choices(_SYLLABLES, k=drawn.randint(1, 6)))] = None
    return list(words)


@cache
def _weights() -> list[float]:
    return list(accumulate(1 / (rank + 10) for rank in range(_VOCABULARY)))


def documents(chunks: int) -> Iterator[tuple[str, list[Chunk]]]:
    """Yield ids with their chunks, always the same ones first."""
    drawn = random.Random(3)
    for number in range(chunks // CHUNKS_A_DOCUMENT):
        yield f"doc-{number:08}", [_chunk(drawn, number, n) for n in range(CHUNKS_A_DOCUMENT)]


def _chunk(drawn: random.Random, document: int, index: int) -> Chunk:
    words = drawn.choices(vocabulary(), cum_weights=_weights(), k=_WORDS)
    words[7] = EVERYWHERE
    words[50] = serial(document, index)
    text = f"The {' '.join(words[:60])}. A {' '.join(words[60:])}."
    return Chunk(
        index=index,
        text=text,
        start=1000 * index,
        end=1000 * index + len(text),
        heading_path=("Report", f"Part {index}"),
        token_count=180,
    )


def serial(document: int, index: int) -> str:
    """Return the word that only this chunk has."""
    return f"serial{document}x{index}"


def questions(chunks: int, count: int = 400) -> list[str]:
    """Return a mix: rare words, less rare ones, two words, three, phrases, serial numbers."""
    drawn = random.Random(5)
    words = vocabulary()
    sources = [text.text for _, some in documents(1000) for text in some]
    asked = []
    for number in range(count):
        rare, middling = drawn.choice(words[8000:]), drawn.choice(words[800:8000])
        pieces = drawn.choice(sources).split()
        start = drawn.randrange(70, 100)
        asked.append(
            (
                rare,
                middling,
                f"{middling} {rare}",
                f"the {middling} {drawn.choice(words[100:2000])} {drawn.choice(words[100:2000])}",
                f'"{" ".join(pieces[start : start + 3])}"',
                serial(drawn.randrange(chunks // CHUNKS_A_DOCUMENT), 3),
                f"{rare} -{middling}",
                f"{rare} or {drawn.choice(words[8000:])}",
            )[number % 8]
        )
    return asked
