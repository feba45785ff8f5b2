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
from projections.errors import CannotApply
from projections.rows import (
    DocumentRows,
    FileKey,
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

ALL_SETTLED = "completed"
"""What `current_stage` says when no stage is left to do."""

_PENDING = StageStatus.PENDING.value
_FAILED = StageStatus.FAILED.value
_SETTLED = frozenset(status.value for status in StageStatus if status.settled)
_STOPPED = frozenset((WorkflowStatus.PAUSED.value, WorkflowStatus.CANCELLED.value))
_RUNNING = WorkflowStatus.RUNNING.value
_COMPLETED = WorkflowStatus.COMPLETED.value


def fold(rows: DocumentRows, position: int, event: e.Event) -> DocumentRows:
    """Return the rows after `event`, which stands at `position` of the log.

    Raises CannotApply for an event that does not fit the rows.
    """
    change = _CHANGES.get(type(event))
    if change is None:
        raise CannotApply(f"Nothing is known of {type(event).__name__}.")
    _check_order(rows.stream, event)
    try:
        changed = change(rows, event)
    except KeyError as error:
        raise CannotApply("The event is about a stage that the document does not have.") from error
    stream = replaced(changed.stream, version=event.version, position=position)
    return replaced(changed, stream=stream)


def _check_order(stream: StreamRow, event: e.Event) -> None:
    if event.version != stream.version + 1:
        raise CannotApply(f"Version {stream.version + 1} was due, {event.version} came.")
    if stream.registered == isinstance(event, e.DocumentRegistered):
        raise CannotApply(
            "The document is registered already."
            if stream.registered
            else "The document is not registered."
        )


def none(document_id: str) -> DocumentRows:
    """Return the rows ahead of a document's first event."""
    return DocumentRows.none(document_id)


def _registered(rows: DocumentRows, event: e.DocumentRegistered) -> DocumentRows:
    stream = replaced(
        rows.stream,
        original_name=event.personal.file_name if event.personal else None,
        original_checksum=event.checksum,
        original_size_bytes=event.size_bytes,
        original_mime_type=event.mime_type,
    )
    return replaced(rows, stream=stream)


def _deleted(rows: DocumentRows, _: e.DocumentDeleted | e.ImportUndone) -> DocumentRows:
    """Leave the stream's row alone: how far it is, and whether it is parked."""
    stream = StreamRow(
        rows.document_id,
        parked_at=rows.stream.parked_at,
        parked_position=rows.stream.parked_position,
        parked_error=rows.stream.parked_error,
    )
    return replaced(DocumentRows.none(rows.document_id), stream=stream)


def _changed(rows: DocumentRows, _: e.DocumentChanged) -> DocumentRows:
    """Leave the rows alone: title and realm are columns of `documents` itself."""
    return rows


def _original_stored(rows: DocumentRows, event: e.OriginalStored) -> DocumentRows:
    stream = replaced(
        rows.stream,
        original_checksum=event.checksum,
        original_size_bytes=event.size_bytes,
        original_mime_type=event.mime_type,
    )
    return replaced(rows, stream=stream)


def _workflow_started(rows: DocumentRows, event: e.WorkflowStarted) -> DocumentRows:
    names = Pipeline.of(event.pipeline).stage_names
    stream = replaced(rows.stream, run=event.run, pipeline=names, staged={})
    return DocumentRows(
        document_id=rows.document_id,
        workflow=_first_workflow_row(event, names),
        stages={n: _anew(rows, n, event.at, event.attempts.get(n, 1)) for n in names},
        files={key: file for key, file in rows.files.items() if key[0] in names},
        stream=stream,
    )


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


def _anew(rows: DocumentRows, name: str, at: datetime, attempt: int) -> StageRow:
    """Return the stage's row for a new run, which begins with this attempt."""
    before = rows.stages.get(name)
    if before is not None:
        return _pending(before, at, attempt=attempt, retry_count=0)
    return StageRow(
        id=stage_id(rows.document_id, name),
        document_id=rows.document_id,
        stage_name=name,
        status=_PENDING,
        started_at=None,
        completed_at=None,
        error_message=None,
        retry_count=0,
        created_at=at,
        updated_at=at,
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


def _workflow_stopped(status: WorkflowStatus) -> Callable[[DocumentRows, e.Event], DocumentRows]:
    def change(rows: DocumentRows, event: e.Event) -> DocumentRows:
        return _with_workflow(rows, event.at, status=status.value)

    return change


def _workflow_resumed(rows: DocumentRows, event: e.WorkflowResumed) -> DocumentRows:
    return _followed(_with_workflow(rows, event.at, status=_RUNNING), event.at)


def _workflow_completed(rows: DocumentRows, event: e.WorkflowCompleted) -> DocumentRows:
    return _with_workflow(rows, event.at, status=_COMPLETED, completed_at=event.at)


def _stage_requested(rows: DocumentRows, event: e.StageRequested) -> DocumentRows:
    return _followed(rows, event.at)


def _stage_started(rows: DocumentRows, event: e.StageStarted) -> DocumentRows:
    stage = replaced(
        rows.stages[event.stage_name],
        status=StageStatus.IN_PROGRESS.value,
        started_at=event.started_at or event.at,
        metadata=_merged(_outside(event.personal)),
        updated_at=event.at,
    )
    return _with_stage(rows, stage, event.at)


def _stage_completed(rows: DocumentRows, event: e.StageCompleted) -> DocumentRows:
    before = rows.stages[event.stage_name]
    stage = replaced(
        before,
        status=StageStatus.COMPLETED.value,
        completed_at=event.completed_at or event.at,
        metadata=_merged(before.metadata, event.metadata, _outside(event.personal)),
        updated_at=event.at,
    )
    return _with_stage(_staged_made_current(rows, event.stage_name), stage, event.at)


def _staged_made_current(rows: DocumentRows, stage_name: str) -> DocumentRows:
    ours = {key: staged for key, staged in rows.stream.staged.items() if key[0] == stage_name}
    if not ours:
        return rows
    versions = {key: staged.file_version for key, staged in ours.items()}
    return replaced(
        rows,
        files={**rows.files, **{key: staged.file for key, staged in ours.items()}},
        stream=replaced(
            rows.stream,
            staged=_without(rows.stream.staged, stage_name),
            file_versions={**rows.stream.file_versions, **versions},
        ),
    )


def _stage_failed(rows: DocumentRows, event: e.StageFailed) -> DocumentRows:
    before = rows.stages[event.stage_name]
    stage = replaced(
        before,
        status=_FAILED,
        completed_at=event.completed_at or event.at,
        error_message=event.personal.error_message if event.personal else None,
        metadata=_merged(before.metadata, _outside(event.personal)),
        updated_at=event.at,
    )
    return _with_stage(_staged_dropped(rows, event.stage_name), stage, event.at)


def _stage_skipped(rows: DocumentRows, event: e.StageSkipped) -> DocumentRows:
    stage = replaced(
        rows.stages[event.stage_name],
        status=StageStatus.SKIPPED.value,
        metadata=_merged(_outside(event.personal)),
        updated_at=event.at,
    )
    return _with_stage(_staged_dropped(rows, event.stage_name), stage, event.at)


def _stage_retried(rows: DocumentRows, event: e.StageRetried) -> DocumentRows:
    stage = _pending(
        rows.stages[event.stage_name],
        event.at,
        attempt=event.attempt,
        retry_count=event.retry_count,
    )
    return _with_stage(rows, stage, event.at)


def _stage_reset(rows: DocumentRows, event: e.StageReset) -> DocumentRows:
    stage = _pending(rows.stages[event.stage_name], event.at, attempt=event.attempt, retry_count=0)
    return _with_stage(_staged_dropped(rows, event.stage_name), stage, event.at)


def _file_registered(rows: DocumentRows, event: e.OutputFileRegistered) -> DocumentRows:
    key = (rows.stages[event.stage_name].stage_name, event.file_type)
    file = _file_row(rows.stream, event)
    stream = rows.stream
    if not event.current:
        staged = {**stream.staged, key: StagedFile(file, event.file_version)}
        return _followed(replaced(rows, stream=replaced(stream, staged=staged)), event.at)
    versions = {**stream.file_versions, key: event.file_version}
    changed = replaced(
        rows, files={**rows.files, key: file}, stream=replaced(stream, file_versions=versions)
    )
    return _followed(changed, event.at)


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


def _file_removed(rows: DocumentRows, event: e.OutputFileRemoved) -> DocumentRows:
    key = (rows.stages[event.stage_name].stage_name, event.file_type)
    files = {other: file for other, file in rows.files.items() if other != key}
    return _followed(replaced(rows, files=files), event.at)


def _workflow_imported(rows: DocumentRows, event: e.WorkflowStateImported) -> DocumentRows:
    """Show the run as it was shown elsewhere; it follows its stages again once one moves."""
    workflow = rows.workflow
    if workflow is None:
        raise CannotApply("The event is about a workflow, and the document has none.")
    configuration = event.personal.configuration if event.personal else None
    imported = replaced(
        workflow,
        status=event.status.value,
        total_stages=event.total_stages,
        completed_stages=event.completed_stages,
        current_stage=event.current_stage or workflow.current_stage,
        started_at=event.started_at,
        completed_at=event.completed_at,
        created_at=event.created_at,
        updated_at=event.updated_at,
        configuration=workflow.configuration if configuration is None else configuration,
    )
    return replaced(rows, workflow=imported)


def _stage_imported(rows: DocumentRows, event: e.StageStateImported) -> DocumentRows:
    stage = replaced(
        rows.stages[event.stage_name],
        status=event.status.value,
        attempt=event.attempt,
        retry_count=event.retry_count,
        started_at=event.started_at,
        completed_at=event.completed_at,
        error_message=event.personal.error_message if event.personal else None,
        metadata=_outside(event.personal),
        created_at=event.created_at,
        updated_at=event.updated_at,
    )
    return _with_stage(rows, stage, event.at)


def _file_imported(rows: DocumentRows, event: e.OutputFileImported) -> DocumentRows:
    key = (rows.stages[event.stage_name].stage_name, event.file_type)
    erased = output_path(event.document_id, event.stage_name, event.file_type)
    file = FileRow(
        id=file_id(event.document_id, event.stage_name, event.file_type),
        document_id=event.document_id,
        stage_name=event.stage_name,
        file_type=event.file_type,
        file_path=event.personal.file_path if event.personal else erased,
        file_size=event.size_bytes,
        mime_type=event.mime_type,
        checksum=event.checksum,
        metadata=event.personal.metadata if event.personal else None,
        created_at=event.created_at,
    )
    versions = {**rows.stream.file_versions, key: 0}
    stream = replaced(rows.stream, file_versions=versions)
    return replaced(rows, files={**rows.files, key: file}, stream=stream)


def _with_stage(rows: DocumentRows, stage: StageRow, at: datetime) -> DocumentRows:
    return _followed(replaced(rows, stages={**rows.stages, stage.stage_name: stage}), at)


def _followed(rows: DocumentRows, at: datetime) -> DocumentRows:
    """Let the workflow's row follow its stages; it is touched only if that changes it."""
    workflow = rows.workflow
    if workflow is None:
        return rows
    left = [n for n in rows.stream.pipeline if rows.stages[n].status not in _SETTLED]
    status = _status(workflow.status, rows.stages, all_settled=not left)
    completed_stages = len(rows.stream.pipeline) - len(left)
    current_stage = left[0] if left else ALL_SETTLED
    if (status, completed_stages, current_stage) == (
        workflow.status,
        workflow.completed_stages,
        workflow.current_stage,
    ):
        return rows
    return _with_workflow(
        rows, at, status=status, completed_stages=completed_stages, current_stage=current_stage
    )


def _status(before: str, stages: Mapping[str, StageRow], *, all_settled: bool) -> str:
    if before in _STOPPED or (before == _COMPLETED and all_settled):
        return before
    failed = any(stage.status == _FAILED for stage in stages.values())
    return WorkflowStatus.FAILED.value if failed else _RUNNING


def _with_workflow(rows: DocumentRows, at: datetime, **changes: Any) -> DocumentRows:
    if rows.workflow is None:
        raise CannotApply("The event is about a workflow, and the document has none.")
    if changes.get("status") != _COMPLETED:
        changes["completed_at"] = None
    return replaced(rows, workflow=replaced(rows.workflow, updated_at=at, **changes))


def _staged_dropped(rows: DocumentRows, stage_name: str) -> DocumentRows:
    staged = _without(rows.stream.staged, stage_name)
    if len(staged) == len(rows.stream.staged):
        return rows
    return replaced(rows, stream=replaced(rows.stream, staged=staged))


def _without(staged: Mapping[FileKey, StagedFile], stage_name: str) -> dict[FileKey, StagedFile]:
    return {key: file for key, file in staged.items() if key[0] != stage_name}


def _outside(personal: e.ReportedPersonal | e.FilePersonal | None) -> Mapping[str, Any] | None:
    return personal.metadata if personal else None


def _merged(*parts: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Join what was said of one attempt or file, the later word standing; None if nothing was."""
    merged: dict[str, Any] = {}
    for part in parts:
        merged.update(part or {})
    return merged or None


_CHANGES: Mapping[type[e.Event], Callable[[DocumentRows, Any], DocumentRows]] = {
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
    e.WorkflowStateImported: _workflow_imported,
    e.StageStateImported: _stage_imported,
    e.OutputFileImported: _file_imported,
}
