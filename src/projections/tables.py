"""The read models' tables: the rows of many documents loaded, and what changed of them written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Set
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace
from psycopg import Connection, Cursor
from psycopg.rows import tuple_row

from domain.json_types import JsonMapping, JsonObject
from projections.rows import (
    FILES_NOT_LOADED,
    DocumentRows,
    FileKey,
    FileRow,
    StagedFile,
    StageRow,
    StreamRow,
    WorkflowRow,
)
from projections.statements import EXISTING_DOCUMENTS, LOCK_DOCUMENTS
from projections.table import AnyTable, Json, Table


def _dump_staged(staged: Mapping[FileKey, StagedFile]) -> list[JsonObject]:
    return [
        {
            **{name: getattr(it.file, name) for name in FILES.columns},
            # as JSON, a rebuild's row must have the very same text
            "created_at": it.file.created_at.isoformat() if it.file.created_at else None,
            "file_version": it.file_version,
        }
        for it in staged.values()
    ]


def _load_staged(stored: list[JsonObject]) -> dict[FileKey, StagedFile]:
    return {(fields["stage_name"], fields["file_type"]): _staged(fields) for fields in stored}


def _staged(stored: JsonMapping) -> StagedFile:
    fields = {**stored, "created_at": datetime.fromisoformat(stored["created_at"])}
    version = fields.pop("file_version")
    return StagedFile(FileRow(**fields), version)


def _dump_versions(versions: Mapping[FileKey, int]) -> dict[str, int]:
    return {f"{stage_name}:{file_type}": n for (stage_name, file_type), n in versions.items()}


def _load_versions(stored: Mapping[str, int]) -> dict[FileKey, int]:
    return {_file_key(key): version for key, version in stored.items()}


def _file_key(key: str) -> FileKey:
    stage_name, _, file_type = key.partition(":")
    return stage_name, file_type


WORKFLOWS = Table(
    "processing_workflows",
    WorkflowRow,
    "id",
    {"configuration": Json()},
    [("status", "current_stage", "completed_stages", "completed_at", "updated_at")],
)
STAGES = Table(
    "documents_processing_stages",
    StageRow,
    "id",
    {"metadata": Json()},
    [
        (
            *("status", "started_at", "completed_at", "error_message"),
            *("retry_count", "updated_at", "attempt", "metadata"),
        )
    ],
)
FILES = Table("stage_output_files", FileRow, "id", {"metadata": Json()})
STREAMS = Table(
    "document_streams",
    StreamRow,
    "document_id",
    {
        "pipeline": Json(list, tuple),
        "staged": Json(_dump_staged, _load_staged),
        "file_versions": Json(_dump_versions, _load_versions),
    },
    [("version", "position"), ("version", "position", "staged", "file_versions")],
    # a retry may park a document and moves no position
    only_null="parked_at",
)
DOCUMENT_TABLES: tuple[AnyTable, ...] = (WORKFLOWS, STAGES, FILES)
"""The tables whose rows refer to `documents`."""


class DocumentLocks(NamedTuple):
    """How documents stand in `documents` once those that are free were locked.

    `row_versions` has the xmin of each locked row by its id, which is another one after the row
    was changed or inserted again. `locked` are documents that another session has locked; those
    that `documents` does not have are in neither.
    """

    row_versions: Mapping[str, str]
    locked: Set[str]


def lock_documents(connection: Connection, document_ids: Collection[str]) -> DocumentLocks:
    """Keep these documents from being deleted until the transaction ends; never wait for any.

    A session that deletes a document holds its row and then wants the rows that refer to it. To
    wait for that row while holding such rows would be a deadlock.
    """
    return read_locks(connection, document_ids, request_locks(connection, document_ids))


def request_locks(connection: Connection, document_ids: Collection[str]) -> Cursor:
    """Send the request of `lock_documents`; in a pipeline, no answer is waited for."""
    cursor = connection.cursor(row_factory=tuple_row)
    return cursor.execute(LOCK_DOCUMENTS, (list(document_ids),), prepare=True)


def read_locks(
    connection: Connection, document_ids: Collection[str], requested: Cursor
) -> DocumentLocks:
    """Return the answer to `request_locks`."""
    row_versions: dict[str, str] = dict(requested.fetchall())
    if len(row_versions) == len(document_ids):
        return DocumentLocks(row_versions, frozenset())
    cursor = connection.cursor(row_factory=tuple_row)
    existing = {row[0] for row in cursor.execute(EXISTING_DOCUMENTS, (list(document_ids),))}
    return DocumentLocks(row_versions, existing - row_versions.keys())


def load_rows(connection: Connection, document_ids: Collection[str]) -> dict[str, DocumentRows]:
    """Return the rows of these documents, those without any as `DocumentRows.none`."""
    loaded = load_without_files(connection, document_ids)
    files = load_files(connection, document_ids)
    return {i: replace(rows, files=files[i]) for i, rows in loaded.items()}


def load_without_files(
    connection: Connection, document_ids: Collection[str]
) -> dict[str, DocumentRows]:
    """Return the rows of these documents with `FILES_NOT_LOADED` in place of their files."""
    if not document_ids:
        return {}  # a pipeline in another one is a round trip, even with nothing in it
    with connection.pipeline():
        requested = request_rows(connection, document_ids)
    return read_rows(document_ids, requested)


RequestedRows = tuple[Cursor, Cursor, Cursor]
"""Cursors over the streams, the workflows and the stages of some documents."""


def request_rows(connection: Connection, document_ids: Collection[str]) -> RequestedRows:
    """Send the requests of `load_without_files`; in a pipeline, no answer is waited for."""
    return (
        STREAMS.request(connection, "document_id", document_ids),
        WORKFLOWS.request(connection, "document_id", document_ids),
        STAGES.request(connection, "document_id", document_ids),
    )


def read_rows(document_ids: Collection[str], requested: RequestedRows) -> dict[str, DocumentRows]:
    """Return the answer to `request_rows`."""
    of_streams, of_workflows, of_stages = requested
    streams = {row.document_id: row for row in STREAMS.read(of_streams)}
    workflows = {row.id: row for row in WORKFLOWS.read(of_workflows)}
    stages: dict[str, dict[str, StageRow]] = defaultdict(dict)
    for stage in STAGES.read(of_stages):
        stages[stage.document_id][stage.stage_name] = stage
    loaded = {}
    for document_id in document_ids:
        stream = streams.get(document_id) or StreamRow(document_id)
        loaded[document_id] = DocumentRows(
            document_id=document_id,
            workflow=workflows.get(stream.workflow_id or ""),
            stages=_in_order(stages[document_id], stream),
            files=FILES_NOT_LOADED,
            stream=stream,
        )
    return loaded


def load_files(
    connection: Connection, document_ids: Collection[str]
) -> dict[str, dict[FileKey, FileRow]]:
    """Return the files of each of these documents."""
    files: dict[str, dict[FileKey, FileRow]] = {i: {} for i in document_ids}
    if files:
        for file in FILES.select(connection, "document_id", document_ids):
            files[file.document_id][file.stage_name, file.file_type] = file
    return files


def _in_order(stages: Mapping[str, StageRow], stream: StreamRow) -> dict[str, StageRow]:
    order = {name: index for index, name in enumerate(stream.pipeline)}
    return dict(sorted(stages.items(), key=lambda item: order.get(item[0], len(order))))
