"""The stage state machine: which report is accepted when, and what it entails.

pending -> in_progress -> completed | failed
pending -> skipped                      if optional
failed -> pending                       a retry
completed | skipped -> pending          a re-run
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain import commands as c
from domain import events as e
from domain.decisions.decision import Decision
from domain.decisions.files import (
    contents,
    refuse_types_given_twice,
    remove_files,
    reset_downstream,
    stage_files,
)
from domain.decisions.requirements import (
    current_stage,
    refuse_while_downstream_runs,
    require_open_workflow,
    require_startable,
    require_status,
)
from domain.decisions.retry_policy import backoff
from domain.document_workflow import StageState
from domain.errors import IllegalTransition, StaleAttempt
from domain.json_types import JsonMapping
from domain.reported_times import clamped, noted
from domain.values import (
    FailureReason,
    StageStatus,
    WorkflowStatus,
    WorkflowType,
)

_PENDING, _RUNS = StageStatus.PENDING, StageStatus.IN_PROGRESS


def request(decision: Decision, command: c.RequestStage) -> None:
    """Have a worker run the stage: retry a failed one, re-run a settled one."""
    stage = current_stage(decision, command)
    require_open_workflow(decision)
    if stage.status is _RUNS:
        raise IllegalTransition(f"Stage '{stage.name}' is in progress already.")
    waits_only_for_a_worker = stage.requested and stage.retry_at is None
    if waits_only_for_a_worker and command.inputs in (None, stage.requested_inputs):
        return
    if stage.status is not _PENDING:
        _make_pending(decision, stage)
    require_startable(decision, stage.name)
    decision.record_stage(e.StageRequested, stage.name, inputs=command.inputs)


def rerun(decision: Decision, command: c.RerunStage) -> None:
    """Have a worker make the stage's output again; nothing if that is under way."""
    stage = current_stage(decision, command)
    require_open_workflow(decision)
    if not stage.files:
        raise IllegalTransition(f"Stage '{stage.name}' has no output that could be made again.")
    if command.executor not in (None, stage.executor):
        raise IllegalTransition(
            f"The output of stage '{stage.name}' was made by {stage.executor or 'no executor'}, "
            f"not by {command.executor}."
        )
    if stage.status is _RUNS or (stage.requested and stage.status is _PENDING):
        return
    if stage.status is not _PENDING:
        _make_pending(decision, stage)
    require_startable(decision, stage.name)
    decision.record_stage(e.StageRerunRequested, stage.name)


def start(decision: Decision, command: c.StartStage) -> None:
    """Begin the current attempt."""
    stage = current_stage(decision, command)
    require_status(stage, "started", _PENDING)
    _start(decision, stage.name, command)


def start_next(decision: Decision, command: c.StartNextStage) -> None:
    """Begin the first stage that a worker should run now; nothing if there is none."""
    for stage in decision.state.runnable_stages():
        is_due = stage.retry_at is None or stage.retry_at <= command.context.at
        if is_due and (command.among is None or stage.name in command.among):
            decision.record_stage(e.StageStarted, stage.name, lease_id=command.lease_id)
            return


def _start(
    decision: Decision, name: str, command: c.StartStage | c.CompleteStage | c.FailStage
) -> None:
    require_open_workflow(decision)
    require_startable(decision, name)
    started_at = clamped(_began_at(command), command.context.at)
    said = command.outside_metadata if isinstance(command, c.StartStage) else None
    said = noted(said, startedAt=(command.started_at, started_at))
    decision.record_stage(
        e.StageStarted,
        name,
        started_at=started_at,
        lease_id=command.lease_id,
        personal=_reported(None, said),
    )


def _ended_at(
    stage: StageState, command: c.CompleteStage | c.FailStage
) -> tuple[datetime | None, JsonMapping | None]:
    """Return when the attempt ended, if that was reported, and what was said with the report.

    What was said of the start stands in the metadata as well where that was just recorded: an
    attempt has one note.
    """
    at = command.context.at
    completed_at = clamped(command.completed_at, at, not_before=stage.started_at)
    said = noted(
        command.outside_metadata,
        startedAt=(command.started_at, clamped(command.started_at, at)),
        completedAt=(command.completed_at, completed_at),
    )
    return completed_at, said


def _began_at(command: c.StartStage | c.CompleteStage | c.FailStage) -> datetime | None:
    """Return the reported start; an end reported without one began no later than it ended."""
    if command.started_at is None and not isinstance(command, c.StartStage):
        return command.completed_at
    return command.started_at


def complete(decision: Decision, command: c.CompleteStage) -> None:
    """End the attempt well: files, completion, resets downstream, the workflow's end, or more."""
    refuse_types_given_twice(command.files)
    stage = _running(decision, command, "completed")
    before = contents(stage.files)
    _store_original(decision, command)
    stage_files(decision, stage.name, command.files)
    completed_at, said = _ended_at(stage, command)
    decision.record_stage(
        e.StageCompleted,
        stage.name,
        completed_at=completed_at,
        executor=command.executor,
        inputs=command.inputs,
        metadata=command.metadata,
        personal=_reported(command.error_message, said),
    )
    if contents(decision.state.stages[stage.name].files) != before:
        for name in reset_downstream(decision, stage.name):
            if stage.requests_downstream:
                decision.record_stage(e.StageRequested, name)
    complete_workflow_if_settled(decision)
    if command.continue_with_lease:
        _start_next(decision, command)


def _store_original(decision: Decision, command: c.CompleteStage) -> None:
    original = command.original
    if original is None or original.checksum is None or decision.state.original_checksum:
        return
    decision.record(
        e.OriginalStored,
        checksum=original.checksum,
        size_bytes=original.size_bytes,
        mime_type=original.mime_type,
    )


def _start_next(decision: Decision, command: c.CompleteStage) -> None:
    automatic = decision.state.workflow_type is WorkflowType.AUTOMATIC
    if not automatic or decision.state.workflow_status is not WorkflowStatus.RUNNING:
        return
    among = command.continue_among
    ready = (
        stage
        for stage in decision.state.runnable_stages()
        if stage.retry_at is None and (among is None or stage.name in among)
    )
    if (stage := next(ready, None)) is not None:
        decision.record_stage(e.StageStarted, stage.name, lease_id=command.lease_id)


def fail(decision: Decision, command: c.FailStage) -> None:
    """End the attempt badly; try again while the policy allows it."""
    stage = _running(decision, command, "failed")
    _fail(decision, stage, command)


def _fail(decision: Decision, stage: StageState, command: c.FailStage) -> None:
    will_retry = command.retryable and (
        not command.spends_retry
        or stage.spent_retries < decision.state.configuration.retries_of(stage.name)
    )
    completed_at, said = _ended_at(stage, command)
    decision.record_stage(
        e.StageFailed,
        stage.name,
        completed_at=completed_at,
        reason=command.reason,
        will_retry=will_retry,
        executor=command.executor,
        personal=_reported(command.error_message, said),
    )
    if will_retry:
        wait = backoff(stage.spent_retries) if command.spends_retry else None
        decision.record_stage(
            e.StageRetried,
            stage.name,
            attempt=stage.attempt + 1,
            retry_count=stage.retry_count + 1,
            automatic=True,
            spends_retry=command.spends_retry,
            retry_at=command.context.at + wait if wait else None,
        )


def expire_lease(decision: Decision, command: c.ExpireLease) -> None:
    """Fail, and retry, what still runs under the lease; nothing if nothing does."""
    stopped = command.reason is FailureReason.WORKER_STOPPED
    words = "the worker stopped" if stopped else "the worker stopped answering"
    for stage in tuple(decision.state.stages.values()):
        if stage.status is _RUNS and stage.lease_id == command.lease_id:
            failing = c.FailStage(
                document_id=command.document_id,
                context=command.context,
                stage_name=stage.name,
                reason=command.reason,
                error_message=f"{words} during attempt {stage.attempt}",
                retryable=True,
                spends_retry=not stopped,
            )
            _fail(decision, stage, failing)


def skip(decision: Decision, command: c.SkipStage) -> None:
    """Leave the stage out; what was made of its earlier output is stale then."""
    stage = current_stage(decision, command)
    require_status(stage, "skipped", _PENDING)
    require_open_workflow(decision, even_paused=True)
    if not decision.state.pipeline.may_skip(stage.name):
        raise IllegalTransition(f"Stage '{stage.name}' is not optional, so it cannot be skipped.")
    leave_out(decision, stage, _reported(command.error_message, command.outside_metadata))
    if stage.files:
        reset_downstream(decision, stage.name)
    complete_workflow_if_settled(decision)


def leave_out(
    decision: Decision, stage: StageState, personal: e.ReportedPersonal | None = None
) -> None:
    """Record that the stage is skipped; files of an earlier completion go with it."""
    remove_files(decision, stage)
    decision.record_stage(e.StageSkipped, stage.name, personal=personal)


def reset(decision: Decision, command: c.ResetStage) -> None:
    """Make the stage pending again, without running it."""
    stage = current_stage(decision, command)
    require_status(
        stage, "made pending", StageStatus.FAILED, StageStatus.COMPLETED, StageStatus.SKIPPED
    )
    require_open_workflow(decision, even_paused=True)
    _make_pending(decision, stage)


def complete_workflow_if_settled(decision: Decision) -> None:
    """Record the workflow's end once every stage is completed or skipped."""
    if decision.state.all_settled and decision.state.workflow_status is WorkflowStatus.RUNNING:
        decision.record(e.WorkflowCompleted)


def _running(decision: Decision, command: c.CompleteStage | c.FailStage, done: str) -> StageState:
    """Return the stage in progress; a pending one that may start is recorded as started."""
    stage = current_stage(decision, command)
    require_status(stage, done, _PENDING, _RUNS)
    if stage.status is _PENDING:
        _start(decision, stage.name, command)
    elif command.lease_id is not None and command.lease_id != stage.lease_id:
        raise StaleAttempt(f"Stage '{stage.name}' is being run by another worker.")
    return decision.state.stages[stage.name]


def _make_pending(decision: Decision, stage: StageState) -> None:
    if stage.status is StageStatus.FAILED:
        decision.record_stage(
            e.StageRetried,
            stage.name,
            attempt=stage.attempt + 1,
            retry_count=stage.retry_count + 1,
            automatic=False,
        )
        return
    refuse_while_downstream_runs(decision, stage.name)
    decision.record_stage(e.StageReset, stage.name, attempt=stage.attempt + 1)


def _reported(error_message: str | None, metadata: JsonMapping | None) -> Any:
    if error_message is None and metadata is None:
        return None
    return e.ReportedPersonal(error_message=error_message, metadata=metadata)
