"""Count tokens as large language models do, by the vocabulary `o200k_base`.

It comes within the package toktok; nothing is downloaded.
"""

from __future__ import annotations

from typing import Final

import toktok

TOKENIZER: Final = "o200k_base"


def count_tokens(text: str) -> int:
    """Return the number of tokens in a text."""
    return int(toktok.batch_count([text], TOKENIZER, threads=1)[0])


def longest_prefix(text: str, start: int, limit: int, guess_chars: int) -> int:
    """Return the end of the longest span from `start` that has at most `limit` tokens.

    Where the limit falls within a code point that takes several tokens, the span has that code
    point if it would be empty without. `guess_chars` is how long it probably is, in code points.
    """
    length = max(guess_chars, 1)
    while True:
        piece = text[start : start + length]
        kept, tokens = toktok.truncate(piece, limit, TOKENIZER)
        if tokens > limit or start + length >= len(text):
            return start + max(len(kept), min(1, len(piece)))
        length *= 2
