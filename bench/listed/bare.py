"""A bare FastAPI route over the queries by hand: bare.py DSN PORT."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Query, Response
from psycopg_pool import AsyncConnectionPool

from listed.cases import CASES

FIRST = {case.name: case.sql(after=False) for case in CASES}
FOLLOWING = {case.name: case.sql(after=True) for case in CASES}


def app(dsn: str) -> FastAPI:
    """Return the app; its one route answers with what PostgreSQL made, as it is."""
    pool = AsyncConnectionPool(dsn, min_size=2, max_size=8, open=False, kwargs={"autocommit": True})

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await pool.open(wait=True)
        yield
        await pool.close()

    made = FastAPI(lifespan=lifespan)

    @made.get("/documents")
    async def documents(
        case: str,
        realm_id: Annotated[str | None, Query(alias="realmId")] = None,
        stage: str | None = None,
        status: str | None = None,
        q: str | None = None,
        after_at: str | None = None,
        after_id: str | None = None,
    ) -> Response:
        query = (FIRST if after_id is None else FOLLOWING)[case]
        values = {"realmId": realm_id, "stage": stage, "status": status, "q": q}
        async with pool.connection() as connection:
            cursor = await connection.execute(
                query.encode(), {**values, "after_at": after_at, "after_id": after_id}
            )
            row = await cursor.fetchone()
        assert row is not None
        return Response(b'{"items":' + row[0].encode() + b"}", media_type="application/json")

    return made


if __name__ == "__main__":
    uvicorn.run(
        app(sys.argv[1]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
