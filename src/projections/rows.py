"""The rows of one document in the read models; fields are named like the tables' columns.

A row that was handed out never changes. It is not frozen, since a draft changes the rows that only
it has. Structs are made and copied in half the time of data classes, and cannot form cycles, so the
garbage collector need not track them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct, field

from domain.json_types import JsonMapping

FileKey = tuple[str, str]
"""Stage name and file type: what one current file of a document is known by."""


class WorkflowRow(Struct, gc=False):
    """A row of `processing_workflows`: one run of a document."""

    id: str
    document_id: str
    workflow_type: str
    total_stages: int
    completed_stages: int
    current_stage: str
    started_at: datetime | None
    completed_at: datetime | None
    configuration: JsonMapping
    created_at: datetime | None
    updated_at: datetime | None
    status: str


class StageRow(Struct, gc=False):
    """A row of `documents_processing_stages`: one stage in the document's current run."""

    id: str
    document_id: str
    stage_name: str
    status: str
    started_at: datetime | None
    completed_at: datetime | None
    error_message: str | None
    retry_count: int
    created_at: datetime | None
    updated_at: datetime | None
    attempt: int
    metadata: JsonMapping | None


class FileRow(Struct, gc=False):
    """A row of `stage_output_files`: the current file of one stage and type."""

    id: str
    document_id: str
    stage_name: str
    file_type: str
    file_path: str
    file_size: int | None
    mime_type: str | None
    checksum: str | None
    metadata: JsonMapping | None
    created_at: datetime | None


class StagedFile(Struct, gc=False):
    """A file of an attempt that is not over: `file` becomes a row when the stage completes."""

    file: FileRow
    file_version: int


class StreamRow(Struct, gc=False):
    """A row of `document_streams`: how far a document is, and what folding on needs to know.

    `version` and `position` are those of the last event folded; `run` is 0 without a workflow.
    `pipeline` holds the stages' names in order. The row outlives the document, so that a read can
    tell a deleted document from one that never existed.
    """

    document_id: str
    version: int = 0
    position: int = 0
    run: int = 0
    original_name: str | None = None
    original_checksum: str | None = None
    original_size_bytes: int = 0
    original_mime_type: str | None = None
    pipeline: tuple[str, ...] = ()
    staged: Mapping[FileKey, StagedFile] = field(default_factory=dict)
    file_versions: Mapping[FileKey, int] = field(default_factory=dict)
    parked_at: datetime | None = None
    parked_position: int | None = None
    parked_error: str | None = None

    @property
    def workflow_id(self) -> str | None:
        """The id of the current run's row, None without a run."""
        return workflow_id(self.document_id, self.run) if self.run else None


_NOT_LOADED = "The rows of files have not been loaded."


class _FilesNotLoaded(Mapping[FileKey, FileRow]):
    """Fails at every use: files are loaded before an event that is about one is folded."""

    def __getitem__(self, key: FileKey) -> FileRow:
        raise LookupError(_NOT_LOADED)

    def __iter__(self) -> Iterator[FileKey]:
        raise LookupError(_NOT_LOADED)

    def __len__(self) -> int:
        raise LookupError(_NOT_LOADED)


FILES_NOT_LOADED = _FilesNotLoaded()
"""Stands for a document's files until an event is about them."""


class DocumentRows(Struct, gc=False):
    """Every row of one document that may still change.

    `workflow` is the current run; the rows of earlier runs never change again.
    """

    document_id: str
    workflow: WorkflowRow | None
    stages: Mapping[str, StageRow]
    files: Mapping[FileKey, FileRow]
    stream: StreamRow

    @staticmethod
    def none(document_id: str) -> DocumentRows:
        """Return what there is ahead of a document's first event."""
        return DocumentRows(document_id, None, {}, {}, StreamRow(document_id))

    @property
    def complete(self) -> bool:
        """False when rows that the fold needs are missing, deleted by another application."""
        if not self.stream.run:
            return True
        return self.workflow is not None and all(
            name in self.stages for name in self.stream.pipeline
        )


def workflow_id(document_id: str, run: int) -> str:
    """Return the id of a document's `run`-th workflow, counted from 1."""
    return f"workflow_{document_id}" if run == 1 else f"workflow-{run}_{document_id}"


def stage_id(document_id: str, stage_name: str) -> str:
    """Return the id of a stage's row."""
    return f"{document_id}_{stage_name}"


def file_id(document_id: str, stage_name: str, file_type: str) -> str:
    """Return the id of a file's row."""
    return f"{document_id}_{stage_name}:{file_type}"
