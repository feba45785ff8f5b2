"""Running a stage by request: what goes in, and waiting for what comes out."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from api.http.errors import FieldError, NotYetReadable, ReadModelUnavailable, Unprocessable
from api.ports import Ports
from api.reads.queries import DocumentRead
from api.reads.versions import IMPORTED
from api.render import state_headers
from api.services import Services
from domain.errors import LogUnavailable, UnknownStage
from domain.file_names import original_path
from domain.json_types import JsonObject
from domain.storage_errors import ImportedContentMissing
from domain.values import FileReference
from eventstore.append_round import Committed
from postgres.backoff import Backoff
from postgres.deadlines import Allowance
from projections.rows import FileRow, StreamRow

ORIGINAL = "original"
_LOOK = Backoff(0.02, 0.5, factor=1.5)
_OVER = ("completed", "failed", "skipped")


class Outcome(NamedTuple):
    """How an execution ended."""

    content: JsonObject
    headers: dict[str, str]


def input_references(
    ports: Ports, committed: Committed, paths: Sequence[str]
) -> tuple[FileReference, ...]:
    """Return the document's files at these paths; blocks.

    Raises Unprocessable for any other path, and for one whose content is not there.
    """
    stream = committed.rows.stream
    rows = {row.file_path: row for row in committed.rows.files.values()}
    known = {
        path: FileReference(
            stage_name=rows[path].stage_name,
            file_type=rows[path].file_type,
            checksum=_checksum(ports, stream, rows[path], f"inputFiles.{n}"),
        )
        for n, path in enumerate(paths)
        if path in rows
    }
    if stream.original_checksum is not None:
        path = original_path(committed.document_id, stream.original_name)
        known[path] = FileReference(file_type=ORIGINAL, checksum=stream.original_checksum)
    unknown = [
        FieldError(f"inputFiles.{n}", "The document has no current file at this path.")
        for n, path in enumerate(paths)
        if path not in known
    ]
    if unknown:
        raise Unprocessable(unknown)
    return tuple(known[path] for path in paths)


def _checksum(ports: Ports, stream: StreamRow, row: FileRow, field: str) -> str:
    """Return the checksum of a file's content; that of an imported one may not be recorded."""
    if stream.file_versions.get((row.stage_name, row.file_type)) != IMPORTED:
        return str(row.checksum)
    try:
        return ports.imported_contents.find(row.file_path, row.checksum).checksum
    except ImportedContentMissing as error:
        raise Unprocessable.of(field, str(error)) from None


def imported_paths(committed: Committed, paths: Sequence[str]) -> list[str]:
    """Return those of the paths at which an import listed a file that is current."""
    versions = committed.rows.stream.file_versions
    imported = {
        row.file_path for key, row in committed.rows.files.items() if versions.get(key) == IMPORTED
    }
    return [path for path in paths if path in imported]


async def outcome(
    services: Services, committed: Committed, stage: str, wait_seconds: float
) -> Outcome | None:
    """Return how the stage ended, None if it has not when the time is up or the server stops."""
    if not wait_seconds:
        return None
    ended = asyncio.ensure_future(_ended(services, committed, stage))
    closing = asyncio.ensure_future(services.closing.wait())
    try:
        await asyncio.wait(
            (ended, closing), timeout=wait_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        return ended.result() if ended.done() else None
    finally:
        ended.cancel()
        closing.cancel()


async def _ended(services: Services, committed: Committed, stage: str) -> Outcome:
    """Look again and again; a database that is away for a while is no answer."""
    looks = 0
    while True:
        looks += 1
        Allowance(services.limits.database_seconds).grant()
        with contextlib.suppress(NotYetReadable, ReadModelUnavailable, LogUnavailable):
            found = await services.reader.read(
                committed.document_id, "execution", committed.position, stage=stage
            )
            if (content := _result(found, stage)) is not None:
                return Outcome(content, state_headers(found))
        await asyncio.sleep(_LOOK.after(looks))


def _result(found: DocumentRead, name: str) -> JsonObject | None:
    parts = json.loads(found.body or "{}")
    stage, workflow = parts.get("stage"), parts.get("workflow")
    if stage is None or workflow is None:
        raise UnknownStage(f"The document has no stage '{name}' any more.")
    cancelled = workflow["status"] == "cancelled" and stage["status"] == "pending"
    if stage["status"] not in _OVER and not cancelled:
        return None
    success = stage["status"] == "completed"
    return {
        "success": success,
        "outputFiles": parts["files"] if success else [],
        "error": "cancelled" if cancelled else stage["errorMessage"],
        "metadata": stage["metadata"],
    }
