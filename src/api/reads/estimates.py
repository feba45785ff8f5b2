"""About how many documents a filter matches: looked up now and then, enough to choose a way.

A wrong one makes a page slower, never another one.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from api.reads.listing import DocumentFilter, Estimate, count_query
from api.reads.title_words import COMMON_WORDS, CommonWords
from domain.json_types import JsonMapping, JsonObject

_COUNTED_SECONDS = 10.0
_WORDS_SECONDS = 60.0
_MOST_KEPT = 256

Rows = Callable[[str, JsonMapping], Awaitable[list[JsonObject]]]
"""Runs a query with values and returns its rows."""


class Estimates:
    """Estimates over one database; `clock` gives seconds that only grow."""

    def __init__(self, rows: Rows, clock: Callable[[], float] = time.monotonic) -> None:
        self._rows = rows
        self._clock = clock
        self._counted: dict[tuple[str | None, str | None], tuple[float, int]] = {}
        self._words: tuple[float, CommonWords] | None = None

    async def of(self, wanted: DocumentFilter) -> Estimate:
        """Return the estimate for a filter."""
        stages = await self._stages(wanted) if wanted.by_stage else 0
        words = await self._common_words() if wanted.by_words else CommonWords()
        return Estimate(stages, words)

    async def _stages(self, wanted: DocumentFilter) -> int:
        key = (wanted.stage, wanted.status)
        counted_at, matches = self._counted.get(key, (None, 0))
        if counted_at is not None and self._clock() - counted_at < _COUNTED_SECONDS:
            return matches
        (row,) = await self._rows(*count_query(wanted))
        if len(self._counted) >= _MOST_KEPT:
            self._counted.clear()
        self._counted[key] = (self._clock(), row["matches"])
        return int(row["matches"])

    async def _common_words(self) -> CommonWords:
        if self._words is None or self._clock() - self._words[0] > _WORDS_SECONDS:
            (row,) = await self._rows(COMMON_WORDS, {})
            self._words = (self._clock(), CommonWords.of(row))
        return self._words[1]
