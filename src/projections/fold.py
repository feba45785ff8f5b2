"""The one fold: rows of a document and an event in, rows out.

The live projector, rebuilds, time travel and the answers of writes all call it. It knows no clock
and no database: every value in a row comes from events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from domain import events as e
from domain.file_names import output_name, output_path
from domain.json_types import JsonMapping
from domain.pipeline import Pipeline
from domain.values import StageStatus, WorkflowStatus
from projections.draft import Draft
from projections.errors import CannotApply
from projections.imported_rows import file_imported, stage_imported, workflow_imported
from projections.rows import (
    DocumentRows,
    FileRow,
    StagedFile,
    StageRow,
    StreamRow,
    WorkflowRow,
    file_id,
    stage_id,
    workflow_id,
)

_PENDING = StageStatus.PENDING.value
_IN_PROGRESS = StageStatus.IN_PROGRESS.value
_STAGE_COMPLETED = StageStatus.COMPLETED.value
_FAILED = StageStatus.FAILED.value
_SKIPPED = StageStatus.SKIPPED.value
_RUNNING = WorkflowStatus.RUNNING.value
_COMPLETED = WorkflowStatus.COMPLETED.value


def fold(rows: DocumentRows, position: int, event: e.Event) -> DocumentRows:
    """Return the rows after `event`, which stands at `position` of the log.

    Raises CannotApply for an event that does not fit the rows.
    """
    draft = Draft(rows)
    apply(draft, position, event)
    return draft.rows


def none(document_id: str) -> DocumentRows:
    """Return the rows ahead of a document's first event."""
    return DocumentRows.none(document_id)


def apply(draft: Draft, position: int, event: e.Event) -> None:
    """Change the draft as the event says, or if it does not fit, not at all.

    Raises CannotApply for an event that does not fit.
    """
    event_type = type(event)
    change = _CHANGES.get(event_type)
    if change is None:
        raise CannotApply(f"Unknown event: {event_type.__name__}.")
    if event.version != draft.version + 1:
        raise CannotApply(f"Version {draft.version + 1} was due, {event.version} came.")
    if draft.is_registered == (event_type is e.DocumentRegistered):
        raise CannotApply(
            "The document is registered already."
            if draft.is_registered
            else "The document is not registered."
        )
    try:
        change(draft, event)
    except KeyError as error:
        said = "The event is about a stage that the document does not have."
        raise CannotApply(said) from error
    draft.version = event.version
    draft.position = position


# A change first asks for what it needs and may find missing, and only then changes anything.


def _registered(draft: Draft, event: e.DocumentRegistered) -> None:
    stream = draft.own_stream()
    stream.original_name = event.personal.file_name if event.personal else None
    _set_original(stream, event)
    draft.is_registered = True


def _original_stored(draft: Draft, event: e.OriginalStored) -> None:
    _set_original(draft.own_stream(), event)


def _extracted(_draft: Draft, _: e.DocumentExtracted) -> None:
    """Leave the rows alone: where a document comes from stands in its history."""


def _set_original(stream: StreamRow, event: e.DocumentRegistered | e.OriginalStored) -> None:
    stream.original_checksum = event.checksum
    stream.original_size_bytes = event.size_bytes
    stream.original_mime_type = event.mime_type


def _deleted(draft: Draft, _: e.DocumentDeleted | e.ImportUndone) -> None:
    """Leave the stream's row alone: how far it is, and whether it is parked."""
    draft.forget()


def _changed(_draft: Draft, _: e.DocumentChanged) -> None:
    """Leave the rows alone: title and realm are columns of `documents` itself."""


def _workflow_started(draft: Draft, event: e.WorkflowStarted) -> None:
    names = _stage_names(event.pipeline)
    before = draft.stages
    document_id, at, attempts = event.document_id, event.at, event.attempts
    stages = {
        name: _new_stage(before.get(name), document_id, name, at, attempts.get(name, 1))
        for name in names
    }
    draft.begin_run(_first_workflow_row(event, names))
    draft.put_stages(stages)
    draft.keep_files_of(names)
    stream = draft.own_stream()
    stream.run, stream.pipeline, stream.staged = event.run, names, {}


@lru_cache(maxsize=256)
def _stage_names(pipeline: tuple[e.PipelineRow, ...]) -> tuple[str, ...]:
    return Pipeline.of(pipeline).stage_names


def _first_workflow_row(event: e.WorkflowStarted, names: tuple[str, ...]) -> WorkflowRow:
    at = event.at
    return WorkflowRow(
        id=workflow_id(event.document_id, event.run),
        document_id=event.document_id,
        workflow_type=event.workflow_type.value,
        total_stages=len(names),
        completed_stages=0,
        current_stage=names[0],
        started_at=at,
        completed_at=None,
        configuration=event.configuration,
        created_at=at,
        updated_at=at,
        status=_RUNNING,
    )


def _new_stage(
    before: StageRow | None, document_id: str, name: str, at: datetime, attempt: int
) -> StageRow:
    """Return the stage's row for a new run, which begins with this attempt."""
    if before is not None:
        stage = replace(before)
        _make_pending(stage, attempt, 0)
        stage.status, stage.updated_at = _PENDING, at
        return stage
    # by position, which is faster, and a run begins with many
    return StageRow(
        stage_id(document_id, name), document_id, name, _PENDING, None, None, None, 0,
        at, at, attempt, None,
    )  # fmt: skip


def _set_pending(draft: Draft, stage_name: str, attempt: int, retries: int, at: datetime) -> None:
    stage = draft.own_stage(stage_name)
    _make_pending(stage, attempt, retries)
    draft.set_status(stage, _PENDING, at)


def _make_pending(stage: StageRow, attempt: int, retries: int) -> None:
    stage.started_at = stage.completed_at = None
    stage.error_message = None
    stage.metadata = None
    stage.attempt = attempt
    stage.retry_count = retries


def _workflow_stopped(status: WorkflowStatus) -> Callable[[Draft, e.Event], None]:
    def change(draft: Draft, event: e.Event) -> None:
        draft.set_workflow_status(status.value, event.at)

    return change


def _workflow_resumed(draft: Draft, event: e.WorkflowResumed) -> None:
    draft.set_workflow_status(_RUNNING, event.at)
    draft.follow(event.at)


def _workflow_completed(draft: Draft, event: e.WorkflowCompleted) -> None:
    draft.set_workflow_status(_COMPLETED, event.at)
    draft.own_workflow().completed_at = event.at


def _stage_requested(draft: Draft, event: e.StageRequested | e.StageRerunRequested) -> None:
    draft.follow(event.at)


def _stage_started(draft: Draft, event: e.StageStarted) -> None:
    stage, at = draft.own_stage(event.stage_name), event.at
    stage.started_at = event.started_at or at
    stage.metadata = _outside(event.personal)
    draft.set_status(stage, _IN_PROGRESS, at)


def _stage_completed(draft: Draft, event: e.StageCompleted) -> None:
    stage_name, at = event.stage_name, event.at
    stage = draft.own_stage(stage_name)
    stage.metadata = _merged(stage.metadata, event.metadata, _outside(event.personal))
    stage.completed_at = event.completed_at or at
    stage.error_message = _error(event.personal)
    draft.make_staged_current(stage_name)
    draft.set_status(stage, _STAGE_COMPLETED, at)


def _stage_failed(draft: Draft, event: e.StageFailed) -> None:
    stage = draft.own_stage(event.stage_name)
    stage.metadata = _merged(stage.metadata, _outside(event.personal))
    stage.completed_at = event.completed_at or event.at
    stage.error_message = _error(event.personal)
    draft.drop_staged(event.stage_name)
    draft.set_status(stage, _FAILED, event.at)


def _stage_skipped(draft: Draft, event: e.StageSkipped) -> None:
    stage = draft.own_stage(event.stage_name)
    stage.metadata = _outside(event.personal)
    stage.error_message = _error(event.personal)
    draft.drop_staged(event.stage_name)
    draft.set_status(stage, _SKIPPED, event.at)


def _stage_retried(draft: Draft, event: e.StageRetried) -> None:
    _set_pending(draft, event.stage_name, event.attempt, event.retry_count, event.at)


def _stage_reset(draft: Draft, event: e.StageReset) -> None:
    _set_pending(draft, event.stage_name, event.attempt, 0, event.at)
    draft.drop_staged(event.stage_name)


def _file_registered(draft: Draft, event: e.OutputFileRegistered) -> None:
    file = _file_row(draft, event)
    key = (file.stage_name, file.file_type)
    if event.current:
        draft.put_file(key, file, event.file_version)
    else:
        draft.stage_file(key, StagedFile(file, event.file_version))
    draft.follow(event.at)


def _file_row(draft: Draft, event: e.OutputFileRegistered) -> FileRow:
    document_id, personal, file_type = event.document_id, event.personal, event.file_type
    stage_name = draft.stages[event.stage_name].stage_name
    given = personal.file_name if personal else None
    name = given or output_name(draft.stream.original_name, document_id, event.suffix)
    # by position, as a stage's row
    return FileRow(
        file_id(document_id, stage_name, file_type), document_id, stage_name, file_type,
        output_path(document_id, stage_name, name), event.size_bytes, event.mime_type,
        event.checksum, _merged(event.metadata, _outside(personal)), event.at,
    )  # fmt: skip


def _file_removed(draft: Draft, event: e.OutputFileRemoved) -> None:
    draft.remove_file((draft.stages[event.stage_name].stage_name, event.file_type))
    draft.follow(event.at)


def _error(personal: e.ReportedPersonal | None) -> str | None:
    return personal.error_message if personal else None


def _outside(personal: e.ReportedPersonal | e.FilePersonal | None) -> JsonMapping | None:
    return (personal.metadata or None) if personal else None


def _merged(*parts: JsonMapping | None) -> JsonMapping | None:
    """Join what was said of one attempt or file, the later word standing; None if nothing was."""
    merged: JsonMapping | None = None
    for part in parts:
        if part:
            merged = {**merged, **part} if merged else part
    return merged


_CHANGES: Mapping[type[e.Event], Callable[[Draft, Any], None]] = {
    e.DocumentRegistered: _registered,
    e.DocumentDeleted: _deleted,
    e.DocumentChanged: _changed,
    e.OriginalStored: _original_stored,
    e.DocumentExtracted: _extracted,
    e.ImportUndone: _deleted,
    e.WorkflowStarted: _workflow_started,
    e.WorkflowPaused: _workflow_stopped(WorkflowStatus.PAUSED),
    e.WorkflowResumed: _workflow_resumed,
    e.WorkflowCancelled: _workflow_stopped(WorkflowStatus.CANCELLED),
    e.WorkflowCompleted: _workflow_completed,
    e.StageRequested: _stage_requested,
    e.StageRerunRequested: _stage_requested,
    e.StageStarted: _stage_started,
    e.StageCompleted: _stage_completed,
    e.StageFailed: _stage_failed,
    e.StageSkipped: _stage_skipped,
    e.StageRetried: _stage_retried,
    e.StageReset: _stage_reset,
    e.OutputFileRegistered: _file_registered,
    e.OutputFileRemoved: _file_removed,
    e.WorkflowStateImported: workflow_imported,
    e.StageStateImported: stage_imported,
    e.OutputFileImported: file_imported,
}
