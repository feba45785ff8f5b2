"""What the API answers, for commands that show the same.

The API's packages are imported when they are needed: most commands start without them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from docledger.bootstrap import Docledger
from domain.json_types import JsonObject
from projections.time_travel import TimeTravel


def documents(docledger: Docledger, document_ids: Sequence[str]) -> list[JsonObject]:
    """Return these documents as `GET /v1/documents/{id}` shows them, unknown ones left out."""
    return asyncio.run(_documents(docledger, document_ids))


async def _documents(docledger: Docledger, document_ids: Sequence[str]) -> list[JsonObject]:
    from api.reads.queries import Queries

    async with docledger.read_pool(1) as pool:
        queries = Queries(pool, docledger.settings.database_seconds)
        reads = [await queries.read(document_id, "document") for document_id in document_ids]
    return [json.loads(read.body) for read in reads if read is not None and read.body]


def projections(docledger: Docledger) -> list[JsonObject]:
    """Return every consumer of the log as `GET /v1/projections` shows it."""
    return asyncio.run(_projections(docledger))


async def _projections(docledger: Docledger) -> list[JsonObject]:
    from api.reads.projections import all_projections
    from api.reads.queries import Queries

    async with docledger.read_pool(1) as pool:
        return await all_projections(Queries(pool))


def document_as_of(docledger: Docledger, document_id: str, moment: str) -> JsonObject:
    """Return the document as `GET /v1/documents/{id}?asOf=` shows it."""
    return asyncio.run(_document_as_of(docledger, document_id, moment))


async def _document_as_of(docledger: Docledger, document_id: str, moment: str) -> JsonObject:
    from api.database_threads import DatabaseThreads
    from api.reads.past import PastReader
    from api.reads.queries import Queries

    past, blobs = TimeTravel(docledger.history), docledger.storage.blobs
    threads = DatabaseThreads(docledger.settings.database_seconds)
    async with docledger.read_pool(1) as pool:
        queries = Queries(pool, docledger.settings.database_seconds)
        reader = PastReader(past, queries, blobs, threads)
        return (await reader.document(document_id, moment)).content
