"""The one fold: rows of a document and an event in, rows out.

The live projector, rebuilds, time travel and the answers of writes all call it. It knows no clock
and no database: every value in a row comes from events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from domain import events as e
from domain.file_names import output_name, output_path
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
    replaced,
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
    return draft.rows()


def none(document_id: str) -> DocumentRows:
    """Return the rows ahead of a document's first event."""
    return DocumentRows.none(document_id)


def apply(draft: Draft, position: int, event: e.Event) -> None:
    """Change the draft as the event says, for who folds many; if that fails, not at all.

    Raises CannotApply for an event that does not fit.
    """
    change = _CHANGES.get(type(event))
    if change is None:
        raise CannotApply(f"Nothing is known of {type(event).__name__}.")
    _check_order(draft, event)
    before = draft.workflow, draft.stages, draft.files, draft.stream
    try:
        change(draft, event)
    except Exception as error:
        draft.workflow, draft.stages, draft.files, draft.stream = before
        if isinstance(error, KeyError):
            said = "The event is about a stage that the document does not have."
            raise CannotApply(said) from error
        raise
    draft.version = event.version
    draft.position = position


def _check_order(draft: Draft, event: e.Event) -> None:
    if event.version != draft.version + 1:
        raise CannotApply(f"Version {draft.version + 1} was due, {event.version} came.")
    is_registered = draft.stream.registered
    if is_registered == isinstance(event, e.DocumentRegistered):
        raise CannotApply(
            "The document is registered already."
            if is_registered
            else "The document is not registered."
        )


def _registered(draft: Draft, event: e.DocumentRegistered) -> None:
    draft.stream = replaced(
        draft.stream,
        original_name=event.personal.file_name if event.personal else None,
        original_checksum=event.checksum,
        original_size_bytes=event.size_bytes,
        original_mime_type=event.mime_type,
    )


def _deleted(draft: Draft, _: e.DocumentDeleted | e.ImportUndone) -> None:
    """Leave the stream's row alone: how far it is, and whether it is parked."""
    before = draft.stream
    draft.workflow, draft.stages, draft.files = None, {}, {}
    draft.stream = StreamRow(
        draft.document_id,
        parked_at=before.parked_at,
        parked_position=before.parked_position,
        parked_error=before.parked_error,
    )


def _changed(_draft: Draft, _: e.DocumentChanged) -> None:
    """Leave the rows alone: title and realm are columns of `documents` itself."""


def _original_stored(draft: Draft, event: e.OriginalStored) -> None:
    draft.stream = replaced(
        draft.stream,
        original_checksum=event.checksum,
        original_size_bytes=event.size_bytes,
        original_mime_type=event.mime_type,
    )


def _workflow_started(draft: Draft, event: e.WorkflowStarted) -> None:
    names = Pipeline.of(event.pipeline).stage_names
    stages = draft.stages
    draft.workflow = _first_workflow_row(event, names)
    draft.stages = {
        name: _anew(stages.get(name), event, name, event.attempts.get(name, 1)) for name in names
    }
    draft.files = {key: file for key, file in draft.files.items() if key[0] in names}
    draft.stream = replaced(draft.stream, run=event.run, pipeline=names, staged={})


def _first_workflow_row(event: e.WorkflowStarted, names: tuple[str, ...]) -> WorkflowRow:
    return WorkflowRow(
        id=workflow_id(event.document_id, event.run),
        document_id=event.document_id,
        workflow_type=event.workflow_type.value,
        total_stages=len(names),
        completed_stages=0,
        current_stage=names[0],
        started_at=event.at,
        completed_at=None,
        configuration=event.configuration,
        created_at=event.at,
        updated_at=event.at,
        status=_RUNNING,
    )


def _anew(before: StageRow | None, event: e.WorkflowStarted, name: str, attempt: int) -> StageRow:
    """Return the stage's row for a new run, which begins with this attempt."""
    if before is not None:
        return _pending(before, event.at, attempt=attempt, retry_count=0)
    return StageRow(
        id=stage_id(event.document_id, name),
        document_id=event.document_id,
        stage_name=name,
        status=_PENDING,
        started_at=None,
        completed_at=None,
        error_message=None,
        retry_count=0,
        created_at=event.at,
        updated_at=event.at,
        attempt=attempt,
        metadata=None,
    )


def _pending(stage: StageRow, at: datetime, *, attempt: int, retry_count: int) -> StageRow:
    return replaced(
        stage,
        status=_PENDING,
        started_at=None,
        completed_at=None,
        error_message=None,
        metadata=None,
        attempt=attempt,
        retry_count=retry_count,
        updated_at=at,
    )


def _workflow_stopped(status: WorkflowStatus) -> Callable[[Draft, e.Event], None]:
    def change(draft: Draft, event: e.Event) -> None:
        draft.change_workflow(event.at, status=status.value)

    return change


def _workflow_resumed(draft: Draft, event: e.WorkflowResumed) -> None:
    draft.change_workflow(event.at, status=_RUNNING)
    draft.follow(event.at)


def _workflow_completed(draft: Draft, event: e.WorkflowCompleted) -> None:
    draft.change_workflow(event.at, status=_COMPLETED, completed_at=event.at)


def _stage_requested(draft: Draft, event: e.StageRequested) -> None:
    draft.follow(event.at)


def _stage_started(draft: Draft, event: e.StageStarted) -> None:
    stage = replaced(
        draft.stages[event.stage_name],
        status=_IN_PROGRESS,
        started_at=event.started_at or event.at,
        metadata=_merged(_outside(event.personal)),
        updated_at=event.at,
    )
    draft.put(stage, event.at)


def _stage_completed(draft: Draft, event: e.StageCompleted) -> None:
    before = draft.stages[event.stage_name]
    stage = replaced(
        before,
        status=_STAGE_COMPLETED,
        completed_at=event.completed_at or event.at,
        metadata=_merged(before.metadata, event.metadata, _outside(event.personal)),
        updated_at=event.at,
    )
    draft.make_staged_current(event.stage_name)
    draft.put(stage, event.at)


def _stage_failed(draft: Draft, event: e.StageFailed) -> None:
    before = draft.stages[event.stage_name]
    stage = replaced(
        before,
        status=_FAILED,
        completed_at=event.completed_at or event.at,
        error_message=event.personal.error_message if event.personal else None,
        metadata=_merged(before.metadata, _outside(event.personal)),
        updated_at=event.at,
    )
    draft.drop_staged(event.stage_name)
    draft.put(stage, event.at)


def _stage_skipped(draft: Draft, event: e.StageSkipped) -> None:
    stage = replaced(
        draft.stages[event.stage_name],
        status=_SKIPPED,
        metadata=_merged(_outside(event.personal)),
        updated_at=event.at,
    )
    draft.drop_staged(event.stage_name)
    draft.put(stage, event.at)


def _stage_retried(draft: Draft, event: e.StageRetried) -> None:
    stage = _pending(
        draft.stages[event.stage_name],
        event.at,
        attempt=event.attempt,
        retry_count=event.retry_count,
    )
    draft.put(stage, event.at)


def _stage_reset(draft: Draft, event: e.StageReset) -> None:
    stage = _pending(draft.stages[event.stage_name], event.at, attempt=event.attempt, retry_count=0)
    draft.drop_staged(event.stage_name)
    draft.put(stage, event.at)


def _file_registered(draft: Draft, event: e.OutputFileRegistered) -> None:
    key = (draft.stages[event.stage_name].stage_name, event.file_type)
    file = _file_row(draft.stream, event)
    if event.current:
        draft.files = {**draft.files, key: file}
        versions = {**draft.stream.file_versions, key: event.file_version}
        draft.stream = replaced(draft.stream, file_versions=versions)
    else:
        draft.stage_file(key, StagedFile(file, event.file_version))
    draft.follow(event.at)


def _file_row(stream: StreamRow, event: e.OutputFileRegistered) -> FileRow:
    given = event.personal.file_name if event.personal else None
    name = given or output_name(stream.original_name, event.document_id, event.suffix)
    return FileRow(
        id=file_id(event.document_id, event.stage_name, event.file_type),
        document_id=event.document_id,
        stage_name=event.stage_name,
        file_type=event.file_type,
        file_path=output_path(event.document_id, event.stage_name, name),
        file_size=event.size_bytes,
        mime_type=event.mime_type,
        checksum=event.checksum,
        metadata=_merged(event.metadata, _outside(event.personal)),
        created_at=event.at,
    )


def _file_removed(draft: Draft, event: e.OutputFileRemoved) -> None:
    key = (draft.stages[event.stage_name].stage_name, event.file_type)
    draft.files = {other: file for other, file in draft.files.items() if other != key}
    draft.follow(event.at)


def _outside(personal: e.ReportedPersonal | e.FilePersonal | None) -> Mapping[str, Any] | None:
    return personal.metadata if personal else None


def _merged(*parts: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Join what was said of one attempt or file, the later word standing; None if nothing was."""
    merged: dict[str, Any] = {}
    for part in parts:
        if part:
            merged.update(part)
    return merged or None


_CHANGES: Mapping[type[e.Event], Callable[[Draft, Any], None]] = {
    e.DocumentRegistered: _registered,
    e.DocumentDeleted: _deleted,
    e.DocumentChanged: _changed,
    e.OriginalStored: _original_stored,
    e.ImportUndone: _deleted,
    e.WorkflowStarted: _workflow_started,
    e.WorkflowPaused: _workflow_stopped(WorkflowStatus.PAUSED),
    e.WorkflowResumed: _workflow_resumed,
    e.WorkflowCancelled: _workflow_stopped(WorkflowStatus.CANCELLED),
    e.WorkflowCompleted: _workflow_completed,
    e.StageRequested: _stage_requested,
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
