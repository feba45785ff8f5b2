"""What no command would have led to is objected to; what commands lead to never is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import events as e
from domain.document_workflow import DocumentWorkflow, evolve
from domain.legality import objection
from domain.values import FailureReason, WorkflowType
from unit.projections.journeys import FIVE, KINDS, START, Step, journey, steps

FIRST = "markdown-conversion"
STEPS = st.lists(
    st.builds(
        Step,
        kind=st.integers(0, len(KINDS) - 1),
        stage=st.integers(0, 4),
        choice=st.integers(0, 11),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_what_commands_lead_to_is_allowed(tried: list[Step]) -> None:
    assert_all_allowed(tried)


def test_long_journeys_are_allowed() -> None:
    for seed in range(40):
        assert_all_allowed(list(steps(seed, 150)))


def assert_all_allowed(tried: list[Step]) -> None:
    before = DocumentWorkflow.unborn("doc-1")
    for state, event in journey("doc-1", tried):
        assert objection(before, event) is None, type(event).__name__
        before = state


def event(event_type: type[e.Event], version: int, **fields: Any) -> e.Event:
    return event_type(
        document_id="doc-1", version=version, at=START, actor="a", command_id="c", **fields
    )


def stage(event_type: type[e.Event], version: int, attempt: int = 1, **fields: Any) -> e.Event:
    return event(event_type, version, stage_name=FIRST, attempt=attempt, **fields)


def file(version: int, file_version: int = 1, **fields: Any) -> e.Event:
    return stage(
        e.OutputFileRegistered,
        version,
        file_type="markdown",
        suffix=".md",
        checksum="a" * 64,
        size_bytes=1,
        mime_type="text/markdown",
        file_version=file_version,
        **fields,
    )


def started(version: int, run: int = 1) -> e.Event:
    return event(
        e.WorkflowStarted,
        version,
        run=run,
        workflow_type=WorkflowType.MANUAL,
        pipeline=tuple(tuple(row) for row in FIVE),
    )


REGISTERED = event(e.DocumentRegistered, 1, mime_type="text/plain")
BEGUN = (REGISTERED, started(2))
RUNNING = (*BEGUN, stage(e.StageStarted, 3))
FAILED = (*RUNNING, stage(e.StageFailed, 4, reason=FailureReason.ERROR))
COMPLETED = (*RUNNING, stage(e.StageCompleted, 4))


@pytest.mark.parametrize(
    ("ahead", "next_event", "why"),
    [
        ((), event(e.DocumentDeleted, 1), "not registered"),
        ((), event(e.DocumentRegistered, 2, mime_type="x"), "version 1 is due"),
        ((REGISTERED,), event(e.DocumentRegistered, 2, mime_type="x"), "registered already"),
        ((REGISTERED,), event(e.WorkflowPaused, 2), "no workflow"),
        ((REGISTERED,), started(2, run=2), "run 1 is due"),
        (BEGUN, started(3, run=2), "the workflow is running"),
        (BEGUN, event(e.WorkflowResumed, 3), "the workflow is running"),
        (BEGUN, event(e.WorkflowCompleted, 3), "neither completed nor skipped"),
        (BEGUN, stage(e.StageCompleted, 3), "the stage is pending"),
        (BEGUN, stage(e.StageFailed, 3, reason=FailureReason.ERROR), "the stage is pending"),
        (BEGUN, stage(e.StageStarted, 3, attempt=2), "attempt 1 is the current one"),
        (BEGUN, stage(e.StageRetried, 3, attempt=2, retry_count=1, automatic=True), "is pending"),
        (BEGUN, stage(e.StageReset, 3, attempt=2), "is pending"),
        (BEGUN, file(3, current=True), "is pending"),
        (RUNNING, stage(e.StageStarted, 4), "is in_progress"),
        (RUNNING, stage(e.StageSkipped, 4), "is in_progress"),
        (RUNNING, stage(e.StageRequested, 4), "is in_progress"),
        (RUNNING, stage(e.StageRerunRequested, 4), "is in_progress"),
        (RUNNING, stage(e.StageCompleted, 4, attempt=2), "attempt 1 is the current one"),
        (RUNNING, file(4, file_version=0), "file version 0 was before it"),
        (FAILED, stage(e.StageCompleted, 5), "is failed"),
        (FAILED, stage(e.StageRetried, 5, retry_count=1, automatic=True), "attempt 1 was before"),
        (COMPLETED, file(5), "is completed"),
        (COMPLETED, stage(e.StageFailed, 5, reason=FailureReason.ERROR), "is completed"),
    ],
)
def test_what_no_command_leads_to_is_objected_to(
    ahead: tuple[e.Event, ...], next_event: e.Event, why: str
) -> None:
    state = DocumentWorkflow.unborn("doc-1")
    for one in ahead:
        assert objection(state, one) is None
        state = evolve(state, one)
    assert why in str(objection(state, next_event))


def test_stages_that_the_run_does_not_have_are_objected_to() -> None:
    state = DocumentWorkflow.unborn("doc-1")
    for one in BEGUN:
        state = evolve(state, one)
    unknown = event(e.StageStarted, 3, stage_name="translation", attempt=1)
    assert objection(state, unknown) == "the workflow has no such stage"
    removed = event(e.OutputFileRemoved, 3, stage_name="translation", file_type="x")
    assert objection(state, removed) == "the workflow has no such stage"


def test_times_never_go_back() -> None:
    state = replace(DocumentWorkflow.unborn("doc-1"), at=START + timedelta(microseconds=1))
    assert "its time is before" in str(objection(state, REGISTERED))
