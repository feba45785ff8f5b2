"""What is common is read with one kept plan, what is rare is planned for its values."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from api.reads.estimates import Estimates
from api.reads.listing import DocumentFilter, Estimate
from api.reads.listing_sql import MANY
from api.reads.queries import Queries

COMMON, RARE = Estimate(stages=MANY), Estimate(stages=3)
WANTED = DocumentFilter(stage="chunker")


def test_each_page_is_planned_in_its_way(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(_asked_in_turn(database, monkeypatch))


async def _asked_in_turn(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        database, min_size=1, max_size=1, open=False, kwargs={"autocommit": True}
    )

    async def mode() -> str:
        async with pool.connection() as connection:
            (found,) = await (await connection.execute("SHOW plan_cache_mode")).fetchone()
        return str(found)

    async def page(estimate: Estimate) -> str:
        async def of(_: Estimates, _wanted: DocumentFilter) -> Estimate:
            return estimate

        with monkeypatch.context() as patched:
            patched.setattr(Estimates, "of", of)
            assert await queries.documents(WANTED, 50, None) == ("", None)
        return await mode()

    async with pool:
        queries = Queries(pool)
        assert await page(RARE) == "auto"
        assert await page(COMMON) == "force_generic_plan"
        # found by its key, whatever the mode: no round trip to change it
        assert await queries.read("unknown", "document") is None
        assert await mode() == "force_generic_plan"
        # how many there are is counted, which depends on the value
        assert await queries.documents(WANTED, 50, None) == ("", None)
        assert await mode() == "auto"
