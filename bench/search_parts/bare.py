"""One hand-written full text query behind a bare FastAPI route: bare.py DSN PORT."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import uvicorn
from fastapi import FastAPI
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

SCHEMA = """
    CREATE TABLE chunks (document_id text, chunk_index int, heading text, body text,
        tsv tsvector GENERATED ALWAYS AS (to_tsvector('english', heading || ' ' || body)) STORED,
        PRIMARY KEY (document_id, chunk_index));
"""
INDEX = "CREATE INDEX ON chunks USING gin (tsv)"
QUERY = """
    WITH found AS (
        SELECT document_id, chunk_index, heading, body, ts_rank_cd(tsv, query) AS score, query
        FROM chunks, websearch_to_tsquery('english', %(q)s) AS query
        WHERE tsv @@ query ORDER BY score DESC, document_id, chunk_index LIMIT %(limit)s
    )
    SELECT document_id, chunk_index, heading, score, ts_headline('english', body, query) AS snippet
    FROM found ORDER BY score DESC, document_id, chunk_index
"""


def app(dsn: str) -> FastAPI:
    """Return the service."""
    pool: AsyncConnectionPool[psycopg.AsyncConnection[DictRow]] = AsyncConnectionPool(
        dsn, min_size=4, max_size=4, open=False, kwargs={"row_factory": dict_row}
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with pool:
            yield

    made = FastAPI(lifespan=lifespan)

    @made.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"ok": True}

    @made.get("/v1/search")
    async def search(q: str, limit: int = 50) -> dict[str, Any]:
        async with pool.connection() as connection:
            found = await connection.execute(QUERY.encode(), {"q": q, "limit": limit})
            return {"items": await found.fetchall()}

    return made


if __name__ == "__main__":
    uvicorn.run(
        app(sys.argv[1]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        access_log=False,
        log_level="warning",
    )
