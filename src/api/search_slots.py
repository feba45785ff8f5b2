"""How many searches run at once in a process: the rest wait, so that writes and reads do not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.errors import Unavailable


class SearchBusy(Unavailable):
    """More searches are waiting than can be answered just now; try again in a moment."""


class SearchSlots:
    """Lets half as many searches run as there are processors; others wait in turn.

    A search keeps a processor of the database busy, and one of the API where it makes snippets.
    """

    def __init__(self, seconds: float, most: int | None = None) -> None:
        self._seconds = seconds
        self._most = most or max(1, (os.cpu_count() or 1) // 2)
        self._slots: asyncio.Semaphore | None = None

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Hold a slot for the time of the block; raises SearchBusy if none gets free in time."""
        if self._slots is None:
            self._slots = asyncio.Semaphore(self._most)
        try:
            async with asyncio.timeout(self._seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise SearchBusy from None
        try:
            yield
        finally:
            self._slots.release()
