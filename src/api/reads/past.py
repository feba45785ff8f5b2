"""Documents as they were: the same JSON as live reads give, made of a document's history."""

from __future__ import annotations

import json
from typing import Annotated, NamedTuple

from fastapi import Query
from starlette.concurrency import run_in_threadpool

from api.database_threads import DatabaseThreads
from api.http.contents import Content, ListedFile
from api.http.errors import FileNotFound
from api.ports import BlobStore, Past
from api.reads.queries import Queries
from api.reads.shapes import FILE, STAGE, WORKFLOW, time_text
from api.reads.versions import IMPORTED
from domain.file_names import original_path, output_path
from domain.json_types import JsonObject
from domain.moments import parse_moment
from domain.storage_errors import BlobNotFound
from projections.time_travel import DocumentAsOf

AsOf = Annotated[
    str | None,
    Query(
        alias="asOf",
        max_length=64,
        description="As of a position of the log, or of an RFC 3339 time",
        examples=["42", "2026-11-24T01:54:33Z"],
        json_schema_extra={"pattern": r"^([0-9]{1,18}|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+)$"},
    ),
]


class PastRead(NamedTuple):
    """A document as it was; `position` is that of its last event then."""

    content: JsonObject
    version: int
    position: int


class PastReader:
    """Reads documents and files as of a moment, which is text as callers write it."""

    def __init__(
        self, past: Past, queries: Queries, blobs: BlobStore, threads: DatabaseThreads
    ) -> None:
        self._past = past
        self._threads = threads
        self._queries = queries
        self._blobs = blobs

    async def document(self, document_id: str, as_of: str) -> PastRead:
        """Return the whole document as of then; raises DocumentNotFound if it was not there."""
        moment = parse_moment(as_of, "asOf")
        # Read ahead of the history, which then tells whether the row is still that of then.
        row = await self._queries.read(document_id, "row")
        found = await self._threads.run(self._past.document, document_id, moment)
        if found.row_is_of_then and row is not None and row.body is not None:
            own = json.loads(row.body)
        else:
            own = await run_in_threadpool(self._remembered, document_id, found)
        stream = found.rows.stream
        content = {**own, **_parts(found), "version": stream.version, "position": stream.position}
        return PastRead(content, stream.version, stream.position)

    async def file(
        self, document_id: str, stage: str, name: str, as_of: str
    ) -> Content | ListedFile:
        """Return what the stage's file called `name` was then."""
        found = await self._find(document_id, as_of)
        path = output_path(document_id, stage, name)
        versions = found.rows.stream.file_versions
        for key, row in found.rows.files.items():
            if row.stage_name != stage:
                continue
            listed = ListedFile(row.file_path, row.checksum, row.mime_type)
            if versions.get(key) == IMPORTED and listed.name == name:
                return listed
            checksum, size_bytes, mime_type = row.checksum, row.file_size, row.mime_type
            if row.file_path == path and checksum and size_bytes is not None and mime_type:
                return Content(checksum, size_bytes, mime_type, name)
        raise FileNotFound("The stage had no such file then.")

    async def original(self, document_id: str, as_of: str) -> Content:
        """Return the original as it was then."""
        stream = (await self._find(document_id, as_of)).rows.stream
        if not stream.original_checksum or not stream.original_mime_type:
            raise FileNotFound("The document had no original here then.")
        name = original_path(document_id, stream.original_name).rpartition("/")[2]
        size, mime_type = stream.original_size_bytes, stream.original_mime_type
        return Content(stream.original_checksum, size, mime_type, name)

    async def _find(self, document_id: str, as_of: str) -> DocumentAsOf:
        moment = parse_moment(as_of, "asOf")
        return await self._threads.run(self._past.document, document_id, moment)

    def _remembered(self, document_id: str, found: DocumentAsOf) -> JsonObject:
        return {
            "id": document_id,
            "title": found.title,
            "realmId": found.realm_id,
            "content": self._text(found.text_checksum),
            "createdAt": time_text(found.created_at),
            "updatedAt": time_text(found.updated_at),
        }

    def _text(self, checksum: str | None) -> str | None:
        if checksum is None:
            return None
        try:
            return b"".join(self._blobs.open(checksum)).decode()
        except (BlobNotFound, UnicodeDecodeError):
            return None


def _parts(found: DocumentAsOf) -> JsonObject:
    rows = found.rows
    order = {name: n for n, name in enumerate(rows.stream.pipeline)}
    last = len(order)
    stages = sorted(rows.stages.items(), key=lambda i: (order.get(i[0], last), i[0]))
    files = sorted(rows.files.items(), key=lambda i: (order.get(i[0][0], last), i[0]))
    return {
        "processingWorkflow": None if rows.workflow is None else WORKFLOW.of(rows.workflow),
        "stages": [STAGE.of(row) for _, row in stages],
        "outputFiles": [FILE.of(row) for _, row in files],
    }
