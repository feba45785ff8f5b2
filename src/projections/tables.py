"""The read models' tables: the rows of many documents loaded, and what changed of them written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from projections.rows import (
    DocumentRows,
    FileKey,
    FileRow,
    StagedFile,
    StageRow,
    StreamRow,
    WorkflowRow,
)
from projections.table import Json, Table


def _dump_staged(staged: Mapping[FileKey, StagedFile]) -> list[dict[str, Any]]:
    return [
        {
            **{name: getattr(it.file, name) for name in FILES.columns},
            "file_version": it.file_version,
        }
        for it in staged.values()
    ]


def _load_staged(stored: list[dict[str, Any]]) -> dict[FileKey, StagedFile]:
    return {(fields["stage_name"], fields["file_type"]): _staged(fields) for fields in stored}


def _staged(stored: Mapping[str, Any]) -> StagedFile:
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


WORKFLOWS = Table("processing_workflows", WorkflowRow, "id", {"configuration": Json()})
STAGES = Table("documents_processing_stages", StageRow, "id", {"metadata": Json()})
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
)
READ_MODELS: tuple[Table[Any], ...] = (WORKFLOWS, STAGES, FILES)
"""The tables whose rows refer to `documents`."""


class Standing(NamedTuple):
    """How documents stand in `documents`: those in neither set are gone, or never were there."""

    present: frozenset[str]
    locked: frozenset[str]


@dataclass
class Changes:
    """Rows to be written and to be deleted.

    Of the documents in `anew` everything is deleted before their rows are written.
    """

    anew: list[str] = field(default_factory=list)
    workflows: list[WorkflowRow] = field(default_factory=list)
    stages: list[StageRow] = field(default_factory=list)
    files: list[FileRow] = field(default_factory=list)
    streams: list[StreamRow] = field(default_factory=list)
    gone_stages: list[str] = field(default_factory=list)
    gone_files: list[str] = field(default_factory=list)

    def add_rows(
        self, before: DocumentRows, after: DocumentRows, workflows: Iterable[WorkflowRow]
    ) -> None:
        """Add what turns the tables' rows from `before` to `after`.

        `workflows` are the rows of runs that changed, the current one among them.
        """
        self.workflows += workflows
        self.stages += _changed(before.stages, after.stages)
        self.files += _changed(before.files, after.files)
        self.gone_stages += _gone(before.stages, after.stages)
        self.gone_files += _gone(before.files, after.files)


def _changed(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> list[Any]:
    """Return the rows that are not the very same: the fold keeps the objects it does not touch."""
    return [row for key, row in after.items() if before.get(key) is not row]


def _gone(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> list[str]:
    return [row.id for key, row in before.items() if key not in after]


def lock_documents(connection: Connection[Any], document_ids: Collection[str]) -> Standing:
    """Keep these documents from being deleted until the transaction ends; never wait for any.

    Whoever deletes a document holds its row and then wants the rows that refer to it. Waiting for
    that row with such rows in hand would be a deadlock, and the other application its victim.
    """
    ids = list(document_ids)
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(
            "SELECT id FROM documents WHERE id = ANY(%s::text[]) "
            "ORDER BY id FOR KEY SHARE SKIP LOCKED",
            (ids,),
        )
        present = frozenset(row[0] for row in cursor)
        if len(present) == len(ids):
            return Standing(present, frozenset())
        cursor.execute("SELECT id FROM documents WHERE id = ANY(%s::text[])", (ids,))
        return Standing(present, frozenset(row[0] for row in cursor) - present)


def load_rows(
    connection: Connection[Any], document_ids: Collection[str]
) -> dict[str, DocumentRows]:
    """Return the rows of these documents, those without any as `DocumentRows.none`."""
    streams = {
        row.document_id: row for row in STREAMS.select(connection, "document_id", document_ids)
    }
    current = [stream.workflow_id for stream in streams.values() if stream.workflow_id]
    workflows = {row.document_id: row for row in WORKFLOWS.select(connection, "id", current)}
    stages: dict[str, dict[str, StageRow]] = defaultdict(dict)
    for stage in STAGES.select(connection, "document_id", document_ids):
        stages[stage.document_id][stage.stage_name] = stage
    files: dict[str, dict[FileKey, FileRow]] = defaultdict(dict)
    for file in FILES.select(connection, "document_id", document_ids):
        files[file.document_id][file.stage_name, file.file_type] = file
    return {
        document_id: DocumentRows(
            document_id=document_id,
            workflow=workflows.get(document_id),
            stages=_in_order(stages[document_id], streams.get(document_id)),
            files=files[document_id],
            stream=streams.get(document_id) or StreamRow(document_id),
        )
        for document_id in document_ids
    }


def _in_order(stages: Mapping[str, StageRow], stream: StreamRow | None) -> dict[str, StageRow]:
    order = {name: index for index, name in enumerate(stream.pipeline)} if stream else {}
    return dict(sorted(stages.items(), key=lambda item: order.get(item[0], len(order))))


def write_changes(connection: Connection[Any], changes: Changes) -> None:
    """Write the changes with a few statements, in the caller's transaction."""
    for table in READ_MODELS:
        table.delete(connection, "document_id", changes.anew)
    STAGES.delete(connection, "id", changes.gone_stages)
    FILES.delete(connection, "id", changes.gone_files)
    WORKFLOWS.upsert(connection, changes.workflows)
    STAGES.upsert(connection, changes.stages)
    FILES.upsert(connection, changes.files)
    STREAMS.upsert(connection, changes.streams)
