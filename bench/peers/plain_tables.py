"""Plain tables: a status report is an UPDATE, a document is a join; no events, no history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from fastapi import FastAPI, HTTPException
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from peers.serving import Document, StatusReport, main

SCHEMA = """
    CREATE TABLE documents (id text PRIMARY KEY, filename text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE workflows (document_id text PRIMARY KEY REFERENCES documents,
        status text NOT NULL, current_stage text NOT NULL, version int NOT NULL DEFAULT 1,
        updated_at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE stages (document_id text NOT NULL REFERENCES documents, stage text NOT NULL,
        position int NOT NULL, status text NOT NULL, attempts int NOT NULL DEFAULT 0,
        updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (document_id, stage));
    CREATE TABLE files (id bigserial PRIMARY KEY, document_id text NOT NULL REFERENCES documents,
        stage text NOT NULL, kind text NOT NULL, path text NOT NULL, size bigint NOT NULL,
        sha256 text NOT NULL);
"""
DOCUMENTS = """
    INSERT INTO documents (id, filename)
    SELECT 'doc-' || lpad(i::text, 8, '0'), 'report-' || i || '.pdf' FROM generate_series(1, %s) i
"""
ROWS = """
    INSERT INTO workflows SELECT id, 'running', 'ingest' FROM documents;
    INSERT INTO stages SELECT d.id, s.name, s.ord, 'pending' FROM documents d,
        unnest(ARRAY['ingest', 'ocr', 'classify', 'extract', 'publish'])
        WITH ORDINALITY s (name, ord);
    CREATE INDEX ON files (document_id);
"""
READ = """
    SELECT d.id, d.filename, d.created_at, to_jsonb(w) - 'document_id' AS workflow,
        (SELECT jsonb_agg(to_jsonb(s) ORDER BY s.position) FROM stages s
            WHERE s.document_id = d.id) AS stages,
        (SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY f.id), '[]') FROM files f
            WHERE f.document_id = d.id) AS files
    FROM documents d JOIN workflows w ON w.document_id = d.id WHERE d.id = %s
"""
REPORT = """
    UPDATE stages SET status = %s, attempts = attempts + 1, updated_at = now()
    WHERE document_id = %s AND stage = %s
"""
MOVE = """
    UPDATE workflows SET current_stage = %s, version = version + 1, updated_at = now()
    WHERE document_id = %s RETURNING version
"""


def load(dsn: str, documents: int) -> None:
    """Fill the tables of a new database."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
        connection.execute(DOCUMENTS.encode(), (documents,))
        connection.execute(ROWS.encode())


def make_app(dsn: str) -> FastAPI:
    """Return the service."""
    pool: AsyncConnectionPool[psycopg.AsyncConnection[DictRow]] = AsyncConnectionPool(
        dsn, min_size=16, max_size=16, open=False, kwargs={"row_factory": dict_row}
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"ok": True}

    @app.post("/documents/{id}/stages/{stage}/status")
    async def report(id: str, stage: str, body: StatusReport) -> dict[str, Any]:  # noqa: A002
        async with pool.connection() as connection:
            done = await connection.execute(REPORT.encode(), (body.status, id, stage))
            if done.rowcount == 0:
                raise HTTPException(404)
            moved = await connection.execute(MOVE.encode(), (stage, id))
            return await moved.fetchone() or {}

    @app.get("/documents/{id}")
    async def document(id: str) -> Document:  # noqa: A002
        async with pool.connection() as connection:
            row = await (await connection.execute(READ.encode(), (id,))).fetchone()
        if row is None:
            raise HTTPException(404)
        return Document.model_validate(row)

    return app


if __name__ == "__main__":
    main(load, make_app)
