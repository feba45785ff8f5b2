"""A document's rows while events change them: the fold's own scratch, which nobody else sees."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.values import StageStatus, WorkflowStatus
from projections.errors import CannotApply
from projections.rows import (
    DocumentRows,
    FileKey,
    FileRow,
    StagedFile,
    StageRow,
    WorkflowRow,
    replaced,
)

ALL_SETTLED = "completed"
"""What `current_stage` says when no stage is left to do."""

_SETTLED = frozenset(status.value for status in StageStatus if status.settled)
_STOPPED = frozenset((WorkflowStatus.PAUSED.value, WorkflowStatus.CANCELLED.value))
_COMPLETED = WorkflowStatus.COMPLETED.value
_RUNNING = WorkflowStatus.RUNNING.value
_WORKFLOW_FAILED = WorkflowStatus.FAILED.value
_STAGE_FAILED = StageStatus.FAILED.value


class Draft:
    """Rows and mappings in it are never changed, only replaced: what was taken out stays as it was.

    `version` and `position` are kept apart from the stream's row, which they would have made anew
    with every event.
    """

    __slots__ = ("document_id", "files", "position", "stages", "stream", "version", "workflow")

    def __init__(self, rows: DocumentRows) -> None:
        self.document_id = rows.document_id
        self.workflow: WorkflowRow | None = rows.workflow
        self.stages: Mapping[str, StageRow] = rows.stages
        self.files: Mapping[FileKey, FileRow] = rows.files
        self.stream = rows.stream
        self.version = rows.stream.version
        self.position = rows.stream.position

    def rows(self) -> DocumentRows:
        """Return the rows as they are now."""
        stream = replaced(self.stream, version=self.version, position=self.position)
        return DocumentRows(self.document_id, self.workflow, self.stages, self.files, stream)

    def put(self, stage: StageRow, at: datetime) -> None:
        """Put the stage's row in place of the one before; the workflow's follows."""
        self.stages = {**self.stages, stage.stage_name: stage}
        self.follow(at)

    def follow(self, at: datetime) -> None:
        """Let the workflow's row follow its stages; it is touched only if that changes it."""
        workflow = self.workflow
        if workflow is None:
            return
        pipeline = self.stream.pipeline
        left = [name for name in pipeline if self.stages[name].status not in _SETTLED]
        status = self._status(workflow.status, all_settled=not left)
        completed_stages = len(pipeline) - len(left)
        current_stage = left[0] if left else ALL_SETTLED
        if (
            status != workflow.status
            or completed_stages != workflow.completed_stages
            or current_stage != workflow.current_stage
        ):
            self.change_workflow(
                at, status=status, completed_stages=completed_stages, current_stage=current_stage
            )

    def _status(self, before: str, *, all_settled: bool) -> str:
        if before in _STOPPED or (before == _COMPLETED and all_settled):
            return before
        for stage in self.stages.values():
            if stage.status == _STAGE_FAILED:
                return _WORKFLOW_FAILED
        return _RUNNING

    def change_workflow(self, at: datetime, **changes: Any) -> None:
        """Change columns of the workflow's row; raises CannotApply if there is none."""
        if self.workflow is None:
            raise CannotApply("The event is about a workflow, and the document has none.")
        if changes.get("status") != _COMPLETED:
            changes["completed_at"] = None
        self.workflow = replaced(self.workflow, updated_at=at, **changes)

    def stage_file(self, key: FileKey, file: StagedFile) -> None:
        """Keep a file of an attempt that is not over."""
        self.stream = replaced(self.stream, staged={**self.stream.staged, key: file})

    def drop_staged(self, stage_name: str) -> None:
        """Forget the files of the stage's attempt."""
        staged = self.stream.staged
        left = {key: file for key, file in staged.items() if key[0] != stage_name}
        if len(left) != len(staged):
            self.stream = replaced(self.stream, staged=left)

    def make_staged_current(self, stage_name: str) -> None:
        """Make rows of the files of the stage's attempt."""
        staged = self.stream.staged
        ours = {key: file for key, file in staged.items() if key[0] == stage_name}
        if not ours:
            return
        self.files = {**self.files, **{key: it.file for key, it in ours.items()}}
        versions = {key: it.file_version for key, it in ours.items()}
        self.stream = replaced(
            self.stream,
            staged={key: file for key, file in staged.items() if key[0] != stage_name},
            file_versions={**self.stream.file_versions, **versions},
        )
