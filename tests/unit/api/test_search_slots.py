"""Searches at once are bounded: the rest wait, and not for ever."""

from __future__ import annotations

import asyncio

import pytest

from api.http.problems import problem_of
from api.search_slots import SearchBusy, SearchSlots


async def _held(slots: SearchSlots, running: list[int], most: list[int]) -> None:
    async with slots.taken():
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(0)
        running[0] -= 1


def test_no_more_run_at_once_than_there_are_slots() -> None:
    async def many() -> int:
        slots, running, most = SearchSlots(60, most=2), [0], [0]
        await asyncio.gather(*(_held(slots, running, most) for _ in range(20)))
        return most[0]

    assert asyncio.run(many()) == 2


def test_one_that_waits_too_long_is_busy() -> None:
    async def late() -> None:
        slots = SearchSlots(0.01, most=1)
        async with slots.taken(), slots.taken():
            pytest.fail("there was one slot")

    with pytest.raises(SearchBusy) as busy:
        asyncio.run(late())
    assert problem_of(busy.value).status == 503
