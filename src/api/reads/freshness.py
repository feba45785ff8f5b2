"""Waiting for the read models: a caller reads its own writes, and never an older state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context

from api.database_threads import DatabaseThreads
from api.http.errors import DocumentParked, NotYetReadable
from api.ports import Commands, History
from api.reads.queries import DocumentRead, Queries
from domain.errors import DocumentNotFound


class GrowingPosition:
    """A position that only grows, looked up again and again while somebody waits for it.

    However many wait, there is one look at a time.
    """

    def __init__(self, look: Callable[[], Awaitable[int]], every_seconds: float) -> None:
        self._look = look
        self._every_seconds = every_seconds
        self._seen = 0
        self._looking: asyncio.Task[None] | None = None

    def note(self, position: int) -> None:
        """Remember a position that was seen elsewhere."""
        self._seen = max(self._seen, position)

    async def reached(self, position: int, within_seconds: float) -> bool:
        """Wait until it is at least `position`; False when the time is up."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_seconds
        while self._seen < position:
            left = until - loop.time()
            if left <= 0:
                return False
            look = self._look_again()
            await asyncio.wait([look], timeout=left)
            if look.done():
                # Whoever waits learns that the look failed; the next one looks afresh.
                look.result()
        return True

    def _look_again(self) -> asyncio.Task[None]:
        if self._looking is None or self._looking.done():
            # In a context of its own: one look is for every request that waits.
            self._looking = asyncio.create_task(self._next(), context=Context())
        return self._looking

    async def _next(self) -> None:
        await asyncio.sleep(self._every_seconds)
        self.note(await self._look())


class DocumentReader:
    """Reads documents no older than the caller knows them to be, and never one half projected."""

    def __init__(
        self,
        queries: Queries,
        tracked: GrowingPosition,
        commands: Commands,
        history: History,
        threads: DatabaseThreads,
        patience_seconds: float,
    ) -> None:
        self._queries = queries
        self._tracked = tracked
        self._commands = commands
        self._history = history
        self._threads = threads
        self._patience_seconds = patience_seconds

    async def wait_for(self, position: int) -> None:
        """Wait for the read models as a whole; raise NotYetReadable when the time is up."""
        if position and not await self._tracked.reached(position, self._patience_seconds):
            raise NotYetReadable

    async def read(
        self,
        document_id: str,
        part: str,
        min_position: int = 0,
        *,
        stage: str | None = None,
        path: str | None = None,
    ) -> DocumentRead:
        """Return a part of the document.

        Raises DocumentNotFound, DocumentParked if its rows stopped at or before `min_position`
        or before they began, and NotYetReadable when they do not come in time.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_seconds
        absent_at = 0
        looks = 0
        while True:
            found = await self._queries.read(document_id, part, stage, path)
            if found is None:
                wanted = absent_at = await self._absent_until(document_id, absent_at)
            else:
                wanted = await self._missing_until(document_id, found, min_position)
                if wanted == 0:
                    return found
            left = until - loop.time()
            # One more look in any case: the position may have been reached by now.
            if (left <= 0 and looks) or not await self._tracked.reached(wanted, left):
                raise NotYetReadable
            looks += 1

    async def _missing_until(self, document_id: str, found: DocumentRead, min_position: int) -> int:
        """Return the position at which the document will be readable, 0 if it is now."""
        self._tracked.note(found.tracked)
        _refuse_parked(document_id, found, min_position)
        if found.tracked < min_position:
            return min_position
        if found.projected:
            return 0
        # A row that is not projected was registered a moment ago, perhaps after a deletion, or is a
        # legacy application's.
        position = await self._threads.run(self._history.position_of, document_id)
        return position if position is not None and position > found.tracked else 0

    async def _absent_until(self, document_id: str, absent_at: int) -> int:
        """Return the position at which to look again for a document that has no row.

        Raises DocumentNotFound if the log has none, or had no other at the look before: then
        another application deleted the row. It may be registered between a look and this one.
        """
        committed = await self._threads.run(self._commands.load, document_id)
        tracked = await self._queries.tracked()
        self._tracked.note(tracked)
        if committed.position <= min(tracked, absent_at):
            raise DocumentNotFound(f"There is no document '{document_id}'.")
        return committed.position


def _refuse_parked(document_id: str, found: DocumentRead, min_position: int) -> None:
    parked = found.parked_position
    if parked is not None and (parked <= min_position or not found.projected):
        raise DocumentParked(document_id, parked)
