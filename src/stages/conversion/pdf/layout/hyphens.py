"""Join words that a line's end broke."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_HYPHENATED: Final = re.compile(r"\w-\w")


class Hyphens:
    """Joins words that a line end broke, keeping hyphens that the document uses elsewhere.

    `texts` are the document's lines that hold a hyphen.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._compounds = {
            word.lower() for text in texts for word in text.split() if _HYPHENATED.search(word)
        }

    def join(self, before: str, after: str) -> str:
        """Return two lines as one, the first of which ends in a hyphen."""
        head = before.rsplit(maxsplit=1)[-1] if before.split() else ""
        tail = after.split(maxsplit=1)[0] if after.split() else ""
        stays = not (tail[:1].islower() and head[-2:-1].isalpha())
        if stays or (head + tail).lower() in self._compounds:
            return before + after
        return before[:-1] + after
