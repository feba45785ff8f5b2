"""Whether an event may follow the ones before it, whoever wrote it into the log.

`evolve` takes what it is given; what `decide` would have refused is told here. Only what a stream
shows by itself is looked at: not leases, not names, not the rules of a policy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from domain import events as e
from domain.document_workflow import DocumentWorkflow
from domain.values import StageStatus, WorkflowStatus

_S, _W = StageStatus, WorkflowStatus


def objection(state: DocumentWorkflow, event: e.Event) -> str | None:
    """Return why `event` may not come next, None if it may."""
    if event.version != state.version + 1:
        return f"version {state.version + 1} is due"
    if state.at is not None and event.at < state.at:
        return "its time is before that of the event ahead of it"
    if isinstance(event, e.DocumentRegistered):
        return "the document is registered already" if state.registered else None
    if not state.registered:
        return "the document is not registered"
    check = _CHECKS.get(type(event))
    return check(state, event) if check else None


def _workflow(*allowed: WorkflowStatus) -> Callable[[DocumentWorkflow, e.Event], str | None]:
    def check(state: DocumentWorkflow, _: e.Event) -> str | None:
        if not state.run:
            return "the document has no workflow"
        if state.workflow_status not in allowed:
            return f"the workflow is {state.workflow_status}"
        return None

    return check


def _workflow_started(state: DocumentWorkflow, event: e.WorkflowStarted) -> str | None:
    if event.run != state.run + 1:
        return f"run {state.run + 1} is due"
    if state.run and state.workflow_status in (_W.RUNNING, _W.PAUSED):
        return f"the workflow is {state.workflow_status}"
    return None


def _workflow_completed(state: DocumentWorkflow, event: e.Event) -> str | None:
    if not state.all_settled:
        return "a stage is neither completed nor skipped"
    return _workflow(_W.RUNNING)(state, event)


def _stage(
    *allowed: StageStatus, anew: bool = False
) -> Callable[[DocumentWorkflow, e.StageEvent], str | None]:
    """Return a check of the stage's status and attempt; with `anew` a later attempt begins."""

    def check(state: DocumentWorkflow, event: e.StageEvent) -> str | None:
        if (refusal := _status(state, event.stage_name, allowed)) is not None:
            return refusal
        attempt = state.stages[event.stage_name].attempt
        if anew:
            return None if event.attempt > attempt else f"attempt {attempt} was before it"
        return None if event.attempt == attempt else f"attempt {attempt} is the current one"

    return check


def _status(state: DocumentWorkflow, name: str, allowed: Collection[StageStatus]) -> str | None:
    stage = state.stages.get(name)
    if stage is None:
        return "the workflow has no such stage"
    return None if stage.status in allowed else f"the stage is {stage.status}"


def _file_registered(state: DocumentWorkflow, event: e.OutputFileRegistered) -> str | None:
    allowed = (_S.COMPLETED,) if event.current else (_S.PENDING, _S.IN_PROGRESS)
    if (refusal := _stage(*allowed)(state, event)) is not None:
        return refusal
    before = state.file_versions.get((event.stage_name, event.file_type), 0)
    return None if event.file_version > before else f"file version {before} was before it"


def _file_removed(state: DocumentWorkflow, event: e.OutputFileRemoved) -> str | None:
    return _status(state, event.stage_name, tuple(_S))


_CHECKS: Mapping[type[e.Event], Callable[[DocumentWorkflow, Any], str | None]] = {
    e.WorkflowStarted: _workflow_started,
    e.WorkflowPaused: _workflow(_W.RUNNING),
    e.WorkflowResumed: _workflow(_W.PAUSED),
    e.WorkflowCancelled: _workflow(_W.RUNNING, _W.PAUSED, _W.FAILED),
    e.WorkflowCompleted: _workflow_completed,
    e.StageRequested: _stage(_S.PENDING),
    e.StageRerunRequested: _stage(_S.PENDING),
    e.StageStarted: _stage(_S.PENDING),
    e.StageCompleted: _stage(_S.IN_PROGRESS),
    e.StageFailed: _stage(_S.IN_PROGRESS),
    e.StageSkipped: _stage(_S.PENDING),
    e.StageRetried: _stage(_S.FAILED, anew=True),
    e.StageReset: _stage(_S.COMPLETED, _S.SKIPPED, _S.FAILED, anew=True),
    e.OutputFileRegistered: _file_registered,
    e.OutputFileRemoved: _file_removed,
}
