"""Reads that come together are made together, and nobody waits for one that began before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import pytest

from api.reads.coalescing import Coalesced
from domain.errors import LogUnavailable


class Reads:
    """Stands in for the database: each read ends when the test says so."""

    def __init__(self) -> None:
        self.begun: list[list[str]] = []
        self.fails: Exception | None = None
        self._go_on: list[asyncio.Future[None]] = []

    async def __call__(self, asked: Sequence[str]) -> Mapping[str, str]:
        self.begun.append(list(asked))
        self._go_on.append(asyncio.get_running_loop().create_future())
        await self._go_on[-1]
        if self.fails:
            raise self.fails
        return {name: name.upper() for name in asked if name != "unknown"}

    async def end(self, number: int) -> None:
        self._go_on[number].set_result(None)
        await _settled()


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def run(test: Callable[[Reads], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test(Reads()))


def test_the_first_begins_at_once_and_those_that_come_meanwhile_go_together() -> None:
    async def test(reads: Reads) -> None:
        coalesced = Coalesced(reads, lanes=1)
        first = asyncio.create_task(coalesced.read("a"))
        await _settled()
        rest = [asyncio.create_task(coalesced.read(name)) for name in ("b", "a", "unknown")]
        await _settled()
        assert reads.begun == [["a"]]
        await reads.end(0)
        assert await first == "A"
        # Not the first one's answer: what is asked for later is read later.
        assert reads.begun == [["a"], ["b", "a", "unknown"]]
        await reads.end(1)
        assert [await task for task in rest] == ["B", "A", None]

    run(test)


def test_no_more_go_together_than_may_and_lanes_go_side_by_side() -> None:
    async def test(reads: Reads) -> None:
        coalesced = Coalesced(reads, lanes=2, most=2)
        tasks = [asyncio.create_task(coalesced.read(name)) for name in "abcde"]
        await _settled()
        assert reads.begun == [["a", "b"], ["c", "d"]]
        await reads.end(0)
        assert reads.begun[2:] == [["e"]]
        await reads.end(1)
        await reads.end(2)
        assert [await task for task in tasks] == list("ABCDE")

    run(test)


def test_who_has_gone_away_is_not_read_for() -> None:
    async def test(reads: Reads) -> None:
        coalesced = Coalesced(reads, lanes=1)
        first = asyncio.create_task(coalesced.read("a"))
        await _settled()
        gone, stays = (asyncio.create_task(coalesced.read(name)) for name in "bc")
        await _settled()
        gone.cancel()
        await reads.end(0)
        await reads.end(1)
        assert reads.begun == [["a"], ["c"]]
        assert (await first, await stays) == ("A", "C")

    run(test)


def test_a_failure_is_told_to_all_who_shared_it_and_to_nobody_after() -> None:
    async def test(reads: Reads) -> None:
        coalesced = Coalesced(reads, lanes=1)
        tasks = [asyncio.create_task(coalesced.read(name)) for name in "ab"]
        await _settled()
        reads.fails = ConnectionError()
        await reads.end(0)
        for task in tasks:
            with pytest.raises(ConnectionError):
                await task
        reads.fails = None
        later = asyncio.create_task(coalesced.read("c"))
        await _settled()
        await reads.end(1)
        assert await later == "C"

    run(test)


def test_a_database_that_is_away_fails_those_that_wait_as_well() -> None:
    async def test(reads: Reads) -> None:
        coalesced = Coalesced(reads, lanes=1)
        first = asyncio.create_task(coalesced.read("a"))
        await _settled()
        waiting = asyncio.create_task(coalesced.read("b"))
        await _settled()
        reads.fails = LogUnavailable()
        await reads.end(0)
        for task in (first, waiting):
            with pytest.raises(LogUnavailable):
                await task
        assert reads.begun == [["a"]]

    run(test)
