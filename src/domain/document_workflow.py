"""The `DocumentWorkflow` aggregate: its state and how each event changes it.

What a command makes of the state is in `domain.decisions.decide`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from domain import events as e
from domain.errors import UnknownStage
from domain.file_names import output_name
from domain.json_types import JsonMapping
from domain.pipeline import Pipeline
from domain.values import (
    PAGE_STARTS,
    Configuration,
    FileReference,
    SourceDocument,
    StageStatus,
    WorkflowStatus,
    WorkflowType,
)

_NO_FILES: Mapping[Any, Any] = MappingProxyType({})
_NO_PIPELINE = Pipeline(())
_AS_USUAL = Configuration()
_RUNNING = WorkflowStatus.RUNNING
_FAILED = StageStatus.FAILED


class FileState(Struct, frozen=True, gc=False):
    """A file of a stage, as far as decisions need it.

    One that an import listed has version 0, and `listed_path` says where its content is to be; its
    checksum is what was recorded, '' if nothing was. `page_starts` is as its metadata have it.
    """

    file_type: str
    name: str
    checksum: str
    canonical_checksum: str
    version: int
    listed_path: str | None = None
    page_starts: object = None


class StageState(Struct, frozen=True, gc=False):
    """One stage of the current run.

    `started_at` is when the running attempt began, as far as the log knows. `spent_retries` counts
    what the retry policy has used since the stage was last asked for; `retry_count` counts every
    retry of this run. `staged` holds files of the running attempt. `held` is a stage that was made
    pending and has not been asked to be run. `executor` made the current files, None if that is not
    known. `requests_downstream` is that its completion requests the stages that it resets.
    """

    name: str
    status: StageStatus = StageStatus.PENDING
    attempt: int = 1
    retry_count: int = 0
    spent_retries: int = 0
    requested: bool = False
    held: bool = False
    requested_inputs: tuple[FileReference, ...] | None = None
    requests_downstream: bool = False
    retry_at: datetime | None = None
    lease_id: str | None = None
    started_at: datetime | None = None
    staged: Mapping[str, FileState] = field(default_factory=lambda: _NO_FILES)
    files: Mapping[str, FileState] = field(default_factory=lambda: _NO_FILES)
    executor: str | None = None

    def may_run(self, *, goes_on: bool) -> bool:
        """Tell whether a worker should run it; `goes_on` is that its workflow does by itself."""
        return self.requested or (goes_on and not self.held)


class DocumentWorkflow(Struct, frozen=True, gc=False):
    """A document and its current run, as of `version`.

    `life` counts the registrations of its id so far, its own included. `run` is 0 until the first
    workflow of the life starts. `attempts` holds the last attempt of each stage of earlier runs,
    whether or not the pipeline still has the stage and even over a deletion, so that a report of
    an old attempt can never pass for one of a new run. `file_versions` counts what was registered
    since the document was. `source` is the document that it was taken out
    of; it outlives a deletion, so that another attempt on that document does not undo it.
    """

    id: str
    version: int = 0
    at: datetime | None = None
    registered: bool = False
    life: int = 0
    realm_id: str | None = None
    original_name: str | None = None
    original_checksum: str | None = None
    original_size_bytes: int = 0
    original_mime_type: str | None = None
    source: SourceDocument | None = None
    run: int = 0
    workflow_type: WorkflowType = WorkflowType.MANUAL
    workflow_status: WorkflowStatus = WorkflowStatus.COMPLETED
    configuration: Configuration = _AS_USUAL
    pipeline: Pipeline = _NO_PIPELINE
    stages: Mapping[str, StageState] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)
    file_versions: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @staticmethod
    def unborn(document_id: str) -> DocumentWorkflow:
        """Return the state ahead of a stream's first event."""
        return DocumentWorkflow(id=document_id)

    @property
    def statuses(self) -> Mapping[str, StageStatus]:
        """The status of each stage by name."""
        return {name: stage.status for name, stage in self.stages.items()}

    @property
    def all_settled(self) -> bool:
        """True when every stage is completed or skipped."""
        return all(stage.status.settled for stage in self.stages.values())

    @property
    def last_attempts(self) -> Mapping[str, int]:
        """The highest attempt so far of each stage that any run had."""
        return {**self.attempts, **{name: stage.attempt for name, stage in self.stages.items()}}

    def stage(self, name: str) -> StageState:
        """Return the stage of this name, or raise UnknownStage."""
        if not self.run:
            raise UnknownStage(f"Document '{self.id}' has no workflow yet, so no stage '{name}'.")
        return self.stages[self.pipeline.stage(name).name]

    def may_start(self, name: str) -> bool:
        """Tell whether the stage is pending and everything upstream of it is settled."""
        return self.stages[name].status is StageStatus.PENDING and self.pipeline.may_start(
            name, self.statuses
        )

    def next_available_stage(self) -> str | None:
        """Return the first stage that may start now, or None (also while paused or over)."""
        if self.workflow_status not in (WorkflowStatus.RUNNING, WorkflowStatus.FAILED):
            return None
        return next((name for name in self.pipeline.stage_names if self.may_start(name)), None)

    def runnable_stages(self) -> tuple[StageState, ...]:
        """Return the stages that a worker should run: requested ones, or any if automatic.

        One that somebody made pending without asking for it to be run is held until somebody does.

        An automatic workflow that failed runs nothing by itself. `retry_at` of a stage says when
        its backoff ends.
        """
        status = self.workflow_status
        if status not in (WorkflowStatus.RUNNING, WorkflowStatus.FAILED):
            return ()
        goes_on = self.workflow_type is WorkflowType.AUTOMATIC and status is WorkflowStatus.RUNNING
        return tuple(
            self.stages[name]
            for name in self.pipeline.stage_names
            if self.stages[name].may_run(goes_on=goes_on) and self.may_start(name)
        )

    def output_name(self, suffix: str, given: str | None) -> str:
        """Return the name that an output file of this document has."""
        return given or output_name(self.original_name, self.id, suffix)


def evolve(state: DocumentWorkflow, event: e.Event) -> DocumentWorkflow:
    """Return the state after `event`."""
    changed = _EVOLVERS[type(event)](state, event)
    return replace(changed, version=event.version, at=event.at)


def _registered(state: DocumentWorkflow, event: e.DocumentRegistered) -> DocumentWorkflow:
    return DocumentWorkflow(
        id=state.id,
        registered=True,
        life=state.life + 1,
        realm_id=event.realm_id,
        original_name=event.personal.file_name if event.personal else None,
        original_checksum=event.checksum,
        original_size_bytes=event.size_bytes,
        original_mime_type=event.mime_type,
        attempts=state.attempts,
    )


def _deleted(state: DocumentWorkflow, _: e.DocumentDeleted | e.ImportUndone) -> DocumentWorkflow:
    return DocumentWorkflow(
        id=state.id, life=state.life, attempts=state.last_attempts, source=state.source
    )


def _changed(state: DocumentWorkflow, event: e.DocumentChanged) -> DocumentWorkflow:
    return replace(state, realm_id=event.realm_id)


def _original_stored(state: DocumentWorkflow, event: e.OriginalStored) -> DocumentWorkflow:
    return replace(
        state,
        original_checksum=event.checksum,
        original_size_bytes=event.size_bytes,
        original_mime_type=event.mime_type,
    )


def _extracted(state: DocumentWorkflow, event: e.DocumentExtracted) -> DocumentWorkflow:
    source = SourceDocument(document_id=event.source_document_id, depth=event.depth)
    return replace(state, source=source)


def _workflow_started(state: DocumentWorkflow, event: e.WorkflowStarted) -> DocumentWorkflow:
    pipeline = Pipeline.of(event.pipeline)
    return replace(
        state,
        run=event.run,
        workflow_type=event.workflow_type,
        workflow_status=WorkflowStatus.RUNNING,
        configuration=(
            Configuration.parse(event.configuration) if event.configuration else _AS_USUAL
        ),
        pipeline=pipeline,
        stages={
            name: _begun(state.stages.get(name), name, event.attempts.get(name, 1))
            for name in pipeline.stage_names
        },
        attempts=state.last_attempts,
    )


def _begun(before: StageState | None, name: str, attempt: int) -> StageState:
    """Return the stage at the start of a run; its files stay current until a completion."""
    if before is None or not before.files:
        return _anew(name, attempt)
    return StageState(name, attempt=attempt, files=before.files, executor=before.executor)


@lru_cache(maxsize=1024)
def _anew(name: str, attempt: int) -> StageState:
    """Return the one pending stage without files that all documents have at their start."""
    return StageState(name, attempt=attempt)


def _workflow(status: WorkflowStatus) -> Callable[[DocumentWorkflow, e.Event], DocumentWorkflow]:
    def change(state: DocumentWorkflow, _: e.Event) -> DocumentWorkflow:
        return replace(state, workflow_status=status)

    return change


def _workflow_resumed(state: DocumentWorkflow, _: e.WorkflowResumed) -> DocumentWorkflow:
    return _with_status(replace(state, workflow_status=WorkflowStatus.RUNNING))


def _with_status(state: DocumentWorkflow) -> DocumentWorkflow:
    """Let the workflow's status follow its stages, unless somebody stopped it."""
    if state.workflow_status in (WorkflowStatus.PAUSED, WorkflowStatus.CANCELLED):
        return state
    if state.workflow_status is WorkflowStatus.COMPLETED and state.all_settled:
        return state
    status = _RUNNING
    for stage in state.stages.values():
        if stage.status is _FAILED:
            status = WorkflowStatus.FAILED
    return state if state.workflow_status is status else replace(state, workflow_status=status)


def _with_stage(state: DocumentWorkflow, name: str, **changes: object) -> DocumentWorkflow:
    stages = {**state.stages, name: replace(state.stages[name], **changes)}
    return _with_status(replace(state, stages=stages))


def _stage_requested(state: DocumentWorkflow, event: e.StageRequested) -> DocumentWorkflow:
    return _with_stage(
        state,
        event.stage_name,
        requested=True,
        held=False,
        requested_inputs=event.inputs,
        retry_at=None,
        spent_retries=0,
    )


def _rerun_requested(state: DocumentWorkflow, event: e.StageRerunRequested) -> DocumentWorkflow:
    return _with_stage(
        state,
        event.stage_name,
        requested=True,
        held=False,
        requests_downstream=True,
        retry_at=None,
        spent_retries=0,
    )


def _stage_started(state: DocumentWorkflow, event: e.StageStarted) -> DocumentWorkflow:
    return _with_stage(
        state,
        event.stage_name,
        status=StageStatus.IN_PROGRESS,
        held=False,
        lease_id=event.lease_id,
        started_at=event.started_at or event.at,
        retry_at=None,
    )


def _stage_completed(state: DocumentWorkflow, event: e.StageCompleted) -> DocumentWorkflow:
    stage = state.stages[event.stage_name]
    return _with_stage(
        state,
        event.stage_name,
        status=StageStatus.COMPLETED,
        files={**stage.files, **stage.staged} if stage.staged else stage.files,
        executor=event.executor,
        **_AT_REST,
    )


_AT_REST: JsonMapping = MappingProxyType(
    {
        "staged": _NO_FILES,
        "lease_id": None,
        "started_at": None,
        "requested": False,
        "held": False,
        "requested_inputs": None,
        "requests_downstream": False,
        "retry_at": None,
        "spent_retries": 0,
    }
)


def _stage_failed(state: DocumentWorkflow, event: e.StageFailed) -> DocumentWorkflow:
    kept = _AT_REST
    if event.will_retry:
        kept = {"lease_id": None, "started_at": None, "staged": _NO_FILES}
    return _with_stage(state, event.stage_name, status=StageStatus.FAILED, **kept)


def _stage_skipped(state: DocumentWorkflow, event: e.StageSkipped) -> DocumentWorkflow:
    return _with_stage(
        state, event.stage_name, status=StageStatus.SKIPPED, executor=None, **_AT_REST
    )


def _stage_retried(state: DocumentWorkflow, event: e.StageRetried) -> DocumentWorkflow:
    return _with_stage(
        state,
        event.stage_name,
        status=StageStatus.PENDING,
        attempt=event.attempt,
        retry_count=event.retry_count,
        held=not event.automatic,
        spent_retries=state.stages[event.stage_name].spent_retries + event.spends_retry,
        retry_at=event.retry_at,
    )


def _stage_reset(state: DocumentWorkflow, event: e.StageReset) -> DocumentWorkflow:
    return _with_stage(
        state,
        event.stage_name,
        status=StageStatus.PENDING,
        attempt=event.attempt,
        retry_count=0,
        **{**_AT_REST, "held": event.because_of is None},
    )


def _file_registered(state: DocumentWorkflow, event: e.OutputFileRegistered) -> DocumentWorkflow:
    stage = state.stages[event.stage_name]
    given = event.personal.file_name if event.personal else None
    file = FileState(
        file_type=event.file_type,
        name=state.output_name(event.suffix, given),
        checksum=event.checksum,
        canonical_checksum=event.canonical_checksum or event.checksum,
        version=event.file_version,
        page_starts=_page_starts(event),
    )
    versions = {**state.file_versions, (stage.name, file.file_type): file.version}
    counted = replace(state, file_versions=versions)
    if event.current:
        return _with_stage(counted, stage.name, files={**stage.files, file.file_type: file})
    return _with_stage(counted, stage.name, staged={**stage.staged, file.file_type: file})


def _page_starts(event: e.OutputFileRegistered) -> object:
    outside = event.personal.metadata if event.personal else None
    if outside and PAGE_STARTS in outside:
        return outside[PAGE_STARTS]
    return event.metadata.get(PAGE_STARTS) if event.metadata else None


def _file_removed(state: DocumentWorkflow, event: e.OutputFileRemoved) -> DocumentWorkflow:
    files = dict(state.stages[event.stage_name].files)
    files.pop(event.file_type, None)
    return _with_stage(state, event.stage_name, files=files)


def _workflow_imported(state: DocumentWorkflow, event: e.WorkflowStateImported) -> DocumentWorkflow:
    return replace(state, workflow_status=event.status)


def _stage_imported(state: DocumentWorkflow, event: e.StageStateImported) -> DocumentWorkflow:
    return _with_stage(
        state,
        event.stage_name,
        status=event.status,
        attempt=event.attempt,
        retry_count=event.retry_count,
        started_at=event.started_at if event.status is StageStatus.IN_PROGRESS else None,
    )


def _file_imported(state: DocumentWorkflow, event: e.OutputFileImported) -> DocumentWorkflow:
    checksum = event.checksum or ""
    path = event.personal.file_path if event.personal else event.file_type
    file = FileState(event.file_type, path.rpartition("/")[2], checksum, checksum, 0, path)
    files = {**state.stages[event.stage_name].files, event.file_type: file}
    versions = {**state.file_versions, (event.stage_name, event.file_type): 0}
    return _with_stage(replace(state, file_versions=versions), event.stage_name, files=files)


_EVOLVERS: Mapping[type[e.Event], Callable[[DocumentWorkflow, Any], DocumentWorkflow]] = {
    e.DocumentRegistered: _registered,
    e.DocumentDeleted: _deleted,
    e.DocumentChanged: _changed,
    e.OriginalStored: _original_stored,
    e.DocumentExtracted: _extracted,
    e.ImportUndone: _deleted,
    e.WorkflowStarted: _workflow_started,
    e.WorkflowPaused: _workflow(WorkflowStatus.PAUSED),
    e.WorkflowResumed: _workflow_resumed,
    e.WorkflowCancelled: _workflow(WorkflowStatus.CANCELLED),
    e.WorkflowCompleted: _workflow(WorkflowStatus.COMPLETED),
    e.StageRequested: _stage_requested,
    e.StageRerunRequested: _rerun_requested,
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
