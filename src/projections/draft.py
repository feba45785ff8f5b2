"""A document's rows while events change them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from msgspec.structs import replace

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
)

ALL_SETTLED = "completed"
"""What `current_stage` says when no stage is left to do."""

_STOPPED = frozenset((WorkflowStatus.PAUSED.value, WorkflowStatus.CANCELLED.value))
_COMPLETED = WorkflowStatus.COMPLETED.value
_RUNNING = WorkflowStatus.RUNNING.value
_WORKFLOW_FAILED = WorkflowStatus.FAILED.value
_STAGE_FAILED = StageStatus.FAILED.value
_SETTLED = frozenset(status.value for status in StageStatus if status.settled)
_MEANING = {
    status.value: "settled" if status.settled else "failed" if status == _STAGE_FAILED else "open"
    for status in StageStatus
}
"""What a stage's status means for its workflow."""


class Draft:
    """The rows of one document from `before` on, copied before they are changed.

    `before` are the rows that the tables hold, without those that are to be deleted: with
    `replaces`, all of the document's. A deletion of the document leads to that. `version` and
    `position` are kept apart from the stream's row until the rows are taken.
    """

    __slots__ = (
        "_follows", "_has_files", "_has_stages", "_has_stream", "_has_workflow", "_own_stages",
        "_rows", "_runs", "before", "document_id", "files", "is_registered", "position",
        "replaces", "stages", "stream", "version", "workflow",
    )  # fmt: skip

    def __init__(self, before: DocumentRows, *, replaces: bool = False) -> None:
        self.before = before
        self.replaces = replaces
        self.document_id = before.document_id
        self.workflow = before.workflow
        self.stages: Mapping[str, StageRow] = before.stages
        self.files: Mapping[FileKey, FileRow] = before.files
        self.stream = before.stream
        self.version = before.stream.version
        self.position = before.stream.position
        self.is_registered = before.stream.original_mime_type is not None
        self._runs: dict[str, WorkflowRow] = {}
        self._rows = before
        self._follows = False
        self._share()

    @property
    def rows(self) -> DocumentRows:
        """The rows after the last event."""
        if self._rows.stream.version != self.version:
            own = self.stream if self._has_stream else replace(self.stream)
            own.version, own.position = self.version, self.position
            self._share()
            self.stream = own
            self._rows = DocumentRows(self.document_id, self.workflow, self.stages, self.files, own)
        return self._rows

    @property
    def workflows(self) -> tuple[WorkflowRow, ...]:
        """The rows of the runs that changed, the current one among them."""
        self._has_workflow = False
        return tuple(self._runs.values())

    def _share(self) -> None:
        """Own no row any more: each may be held by others, and is copied before its next change."""
        self._has_workflow = self._has_stages = self._has_files = self._has_stream = False
        self._own_stages: dict[str, StageRow] = {}

    def own_stream(self) -> StreamRow:
        """Return the stream's row, to be changed."""
        if not self._has_stream:
            self.stream = replace(self.stream)
            self._has_stream = True
        return self.stream

    def own_stage(self, name: str) -> StageRow:
        """Return the stage's row, to be changed."""
        own = self._own_stages.get(name)
        if own is None:
            own = replace(self.stages[name])
            if not self._has_stages:
                self.stages = dict(self.stages)
                self._has_stages = True
            self.stages[name] = self._own_stages[name] = own  # type: ignore[index]
        return own

    def own_workflow(self) -> WorkflowRow:
        """Return the current run's row, to be changed; raises CannotApply if there is none."""
        workflow = self.workflow
        if workflow is None:
            raise CannotApply("The event is about a workflow, and the document has none.")
        if not self._has_workflow:
            self.begin_run(replace(workflow))
        self._follows = False
        return self.workflow  # type: ignore[return-value]

    def begin_run(self, workflow: WorkflowRow) -> None:
        """Put a new row in place of the current run's."""
        self.workflow = self._runs[workflow.id] = workflow
        self._has_workflow = True
        self._follows = False

    def put_stages(self, stages: dict[str, StageRow]) -> None:
        """Put new rows in place of all stages'."""
        self.stages, self._own_stages = stages, dict(stages)
        self._has_stages = True
        self._follows = False

    def put_file(self, key: FileKey, file: FileRow, file_version: int) -> None:
        """Make the file current."""
        if not self._has_files:
            self.files = dict(self.files)
            self._has_files = True
        self.files[key] = file  # type: ignore[index]
        stream = self.own_stream()
        stream.file_versions = {**stream.file_versions, key: file_version}

    def remove_file(self, key: FileKey) -> None:
        """Remove the current file of this stage and type."""
        self.files = {other: file for other, file in self.files.items() if other != key}
        self._has_files = True

    def keep_files_of(self, stage_names: Collection[str]) -> None:
        """Remove the current files of other stages."""
        if self.files:
            self.files = {k: file for k, file in self.files.items() if k[0] in stage_names}
            self._has_files = True

    def forget(self) -> None:
        """Drop all rows; what the stream's row says of being parked stays."""
        before = self.stream
        self.workflow, self.stages, self.files = None, {}, {}
        self.stream = StreamRow(
            self.document_id,
            parked_at=before.parked_at,
            parked_position=before.parked_position,
            parked_error=before.parked_error,
        )
        self._share()
        self._runs = {}
        self.before, self.replaces = DocumentRows.none(self.document_id), True
        self.is_registered = False

    def set_status(self, stage: StageRow, status: str, at: datetime) -> None:
        """Change the stage's status at this time; the workflow's row follows."""
        if _MEANING[stage.status] != _MEANING[status]:
            self._follows = False
        stage.status = status
        stage.updated_at = at
        self.follow(at)

    def follow(self, at: datetime) -> None:
        """Let the workflow's row follow its stages; it is touched only if that changes it."""
        if self._follows:
            return
        workflow = self.workflow
        if workflow is None:
            return
        pipeline, stages = self.stream.pipeline, self.stages
        current_stage = ALL_SETTLED
        completed_stages = 0
        status = _RUNNING
        for name in reversed(pipeline):
            of_stage = stages[name].status
            if of_stage in _SETTLED:
                completed_stages += 1
            else:
                current_stage = name
                if of_stage == _STAGE_FAILED:
                    status = _WORKFLOW_FAILED
        before = workflow.status
        if before in _STOPPED or (before == _COMPLETED and completed_stages == len(pipeline)):
            status = before
        if (
            status != before
            or completed_stages != workflow.completed_stages
            or current_stage != workflow.current_stage
        ):
            self.set_workflow_status(status, at)
            workflow = self.own_workflow()
            workflow.completed_stages = completed_stages
            workflow.current_stage = current_stage
        self._follows = True

    def set_workflow_status(self, status: str, at: datetime) -> None:
        """Change the workflow's status; raises CannotApply if there is none."""
        workflow = self.own_workflow()
        workflow.status = status
        workflow.updated_at = at
        if status != _COMPLETED:
            workflow.completed_at = None

    def stage_file(self, key: FileKey, file: StagedFile) -> None:
        """Keep a file of an attempt that is not over."""
        stream = self.own_stream()
        stream.staged = {**stream.staged, key: file}

    def drop_staged(self, stage_name: str) -> None:
        """Forget the files of the stage's attempt."""
        staged = self.stream.staged
        if staged:
            left = {key: file for key, file in staged.items() if key[0] != stage_name}
            self.own_stream().staged = left

    def make_staged_current(self, stage_name: str) -> None:
        """Make rows of the files of the stage's attempt."""
        staged = self.stream.staged
        if not staged:
            return
        left = {}
        for key, it in staged.items():
            if key[0] == stage_name:
                self.put_file(key, it.file, it.file_version)
            else:
                left[key] = it
        self.own_stream().staged = left
