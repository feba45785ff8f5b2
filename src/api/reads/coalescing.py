"""Reads that are asked for at the same time made as one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import Context
from typing import Any, Generic, TypeVar

from domain.errors import Unavailable

Found = TypeVar("Found")


class Coalesced(Generic[Found]):
    """Reads many ids at a time with `read_many`, which leaves out the ids that it does not find.

    A read that nobody is ahead of begins at once. Those that come while `lanes` are under way go
    together, up to `most`, as soon as one ends: none is answered from before it was asked. One for
    which the database is unavailable fails those that wait as well, so that none of them waits for
    longer than one read takes.
    """

    def __init__(
        self,
        read_many: Callable[[Sequence[str]], Awaitable[Mapping[str, Found]]],
        *,
        lanes: int = 2,
        most: int = 16,
    ) -> None:
        self._read_many = read_many
        self._free_lanes = lanes
        self._most = most
        self._waiting: deque[tuple[str, asyncio.Future[Found | None]]] = deque()
        self._lanes: set[asyncio.Task[None]] = set()

    async def read(self, asked: str) -> Found | None:
        """Return what is found of the id; raises what `read_many` raises."""
        answer: asyncio.Future[Found | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._free_lanes:
            self._free_lanes -= 1
            # In a context of its own: the lane serves others after the request that it begins with.
            lane = asyncio.create_task(self._run(), context=Context())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return await answer

    async def _run(self) -> None:
        try:
            while batch := self._take():
                await self._answer(batch)
        finally:
            self._free_lanes += 1

    def _take(self) -> list[tuple[str, asyncio.Future[Found | None]]]:
        """Return those that go next; who has gone away meanwhile needs no answer."""
        batch: list[tuple[str, asyncio.Future[Found | None]]] = []
        while self._waiting and len(batch) < self._most:
            waiting = self._waiting.popleft()
            if not waiting[1].done():
                batch.append(waiting)
        return batch

    async def _answer(self, batch: list[tuple[str, asyncio.Future[Found | None]]]) -> None:
        try:
            found = await self._read_many([asked for asked, _ in batch])
        except Unavailable as error:
            waiting, self._waiting = self._waiting, deque()
            _fail((*batch, *waiting), error)
            return
        except Exception as error:
            _fail(batch, error)
            return
        for asked, answer in batch:
            if not answer.done():
                answer.set_result(found.get(asked))


def _fail(reads: Iterable[tuple[str, asyncio.Future[Any]]], error: Exception) -> None:
    for _, answer in reads:
        if not answer.done():
            answer.set_exception(error)
