"""Which stage comes next, which a worker should run, and what a worker goes on with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from domain.errors import IllegalTransition
from domain.pipeline import StageDependency
from domain.values import StageStatus, WorkflowStatus
from unit.domain import vocabulary as v
from unit.domain.given import BEGINNING, Fact, given
from unit.domain.vocabulary import CHUNKER, CONVERSION, FACTS, INGESTOR, OPTIMIZER

MANUAL = [v.registered(), v.begun(v.MANUAL)]
AUTOMATIC = [v.registered(), v.begun(v.AUTOMATIC)]
BRANCHES = [v.registered(), v.begun(v.AUTOMATIC, pipeline=v.BRANCHED), *v.done("a")]
LATER = BEGINNING + timedelta(seconds=1)
BACKOFF: Sequence[Fact] = [
    v.failed("b", will_retry=True),
    v.retried("b", 2, automatic=True, spends_retry=True, retry_at=LATER),
]

SITUATIONS: Sequence[tuple[str, Sequence[Fact], str | None, tuple[str, ...]]] = [
    ("not registered", [], None, ()),
    ("without a workflow", [v.registered()], None, ()),
    ("new and manual", MANUAL, CONVERSION, ()),
    ("new and automatic", AUTOMATIC, CONVERSION, (CONVERSION,)),
    ("asked for", [*MANUAL, v.requested(CONVERSION)], CONVERSION, (CONVERSION,)),
    ("running", [*AUTOMATIC, v.started(CONVERSION)], None, ()),
    ("one completed, manual", [*MANUAL, *v.done(CONVERSION)], OPTIMIZER, ()),
    ("one completed, automatic", [*AUTOMATIC, *v.done(CONVERSION)], OPTIMIZER, (OPTIMIZER,)),
    ("one skipped", [*AUTOMATIC, v.skipped(OPTIMIZER)], CONVERSION, (CONVERSION,)),
    (
        "the optional one skipped",
        [*AUTOMATIC, *v.done(CONVERSION), v.skipped(OPTIMIZER)],
        CHUNKER,
        (CHUNKER,),
    ),
    ("failed", [*AUTOMATIC, v.started(CONVERSION), v.failed(CONVERSION)], None, ()),
    ("paused", [*AUTOMATIC, v.paused()], None, ()),
    ("resumed", [*AUTOMATIC, v.paused(), v.resumed()], CONVERSION, (CONVERSION,)),
    ("cancelled", [*AUTOMATIC, v.requested(CONVERSION), v.cancelled()], None, ()),
    ("completed", v.all_done(v.AUTOMATIC), None, ()),
    ("deleted", [*AUTOMATIC, v.deleted()], None, ()),
    ("a stage to run again, manual", [*v.all_done(), v.was_reset(CHUNKER, 2)], CHUNKER, ()),
    (
        "a stage made pending and held, automatic",
        [*v.all_done(v.AUTOMATIC), v.was_reset(CHUNKER, 2)],
        CHUNKER,
        (),
    ),
    (
        "a held stage asked for",
        [*v.all_done(v.AUTOMATIC), v.was_reset(CHUNKER, 2), v.requested(CHUNKER, 2)],
        CHUNKER,
        (CHUNKER,),
    ),
    (
        "a failed stage made pending and held, automatic",
        [*AUTOMATIC, v.started(CONVERSION), v.failed(CONVERSION), v.retried(CONVERSION, 2)],
        CONVERSION,
        (),
    ),
    (
        "a stage reset by what is upstream",
        [*v.all_done(v.AUTOMATIC), v.was_reset(CHUNKER, 2, because_of=CONVERSION)],
        CHUNKER,
        (CHUNKER,),
    ),
    ("two branches", BRANCHES, "b", ("b", "c")),
    ("one branch running", [*BRANCHES, v.started("b")], "c", ("c",)),
    ("one branch ahead", [*BRANCHES, *v.done("b")], "c", ("c", "d")),
    ("both branches running", [*BRANCHES, v.started("b"), v.started("c")], None, ()),
    ("one branch failed", [*BRANCHES, v.started("b"), v.failed("b")], "c", ()),
    (
        "one branch failed and the other asked for",
        [*BRANCHES, v.started("b"), v.failed("b"), v.requested("c")],
        "c",
        ("c",),
    ),
    ("one branch in backoff", [*BRANCHES, v.started("b"), *BACKOFF], "b", ("b", "c")),
]


@pytest.mark.parametrize(
    ("history", "following", "runnable"),
    [row[1:] for row in SITUATIONS],
    ids=[row[0] for row in SITUATIONS],
)
def test_what_comes_next_in_each_situation(
    history: Sequence[Fact], following: str | None, runnable: tuple[str, ...]
) -> None:
    given(history).next_is(following).runs(*runnable)


def test_a_stage_in_backoff_says_when_it_ends() -> None:
    (stage, _) = given([*BRANCHES, v.started("b"), *BACKOFF]).state.runnable_stages()
    assert (stage.name, stage.retry_at) == ("b", LATER)


def test_a_stage_that_joins_branches_waits_for_both() -> None:
    history = [v.registered(), v.begun(pipeline=v.BRANCHED_JOINED), *v.done("a", "b")]
    given(history).when(v.start("d")).refused(IllegalTransition, match=r"waits for c \(pending\)")
    given([*history, *v.done("c")]).when(v.start("d")).then([v.started("d")])


def test_branches_run_at_the_same_time() -> None:
    document = given(BRANCHES).when(v.start("b")).succeeds().when(v.start("c")).succeeds()
    document.has_stage("b", status=StageStatus.IN_PROGRESS)
    document.has_stage("c", status=StageStatus.IN_PROGRESS)


class TestGoingOn:
    """A worker takes up the automatic workflow's next stage with the completion of the last."""

    def test_completion_and_next_start_are_one_append(self) -> None:
        history = [*AUTOMATIC, v.started(CONVERSION, lease_id="lease-1")]
        command = v.complete(CONVERSION, lease_id="lease-1", continue_with_lease=True)
        document = (
            given(history)
            .when(command)
            .then([v.completed(CONVERSION), v.started(OPTIMIZER, lease_id="lease-1")])
        )
        document.has_stage(OPTIMIZER, status=StageStatus.IN_PROGRESS, lease_id="lease-1")

    def test_a_skipped_stage_is_passed_over(self) -> None:
        history = [*AUTOMATIC, v.skipped(OPTIMIZER), v.started(CONVERSION, lease_id="lease-1")]
        command = v.complete(CONVERSION, lease_id="lease-1", continue_with_lease=True)
        given(history).when(command).then(
            [v.completed(CONVERSION), v.started(CHUNKER, lease_id="lease-1")]
        )

    def test_the_last_stage_has_none_to_follow(self) -> None:
        before = [*AUTOMATIC, *v.done(CONVERSION, OPTIMIZER, CHUNKER, FACTS)]
        command = v.complete(INGESTOR, lease_id="lease-1", continue_with_lease=True)
        given([*before, v.started(INGESTOR, lease_id="lease-1")]).when(command).then(
            [v.completed(INGESTOR), v.workflow_completed()]
        )

    def test_a_manual_workflow_waits_to_be_told(self) -> None:
        history = [*MANUAL, v.started(CONVERSION, lease_id="lease-1")]
        command = v.complete(CONVERSION, lease_id="lease-1", continue_with_lease=True)
        given(history).when(command).then([v.completed(CONVERSION)])

    def test_it_leaves_what_was_asked_for_to_the_job_that_was_asked_for(self) -> None:
        history = [*MANUAL, *v.done(CONVERSION, OPTIMIZER), v.requested(CHUNKER)]
        running = [v.was_reset(OPTIMIZER, 2), v.started(OPTIMIZER, 2, lease_id="lease-1")]
        command = v.complete(OPTIMIZER, lease_id="lease-1", continue_with_lease=True)
        given([*history, *running]).when(command).then([v.completed(OPTIMIZER, 2)]).runs(CHUNKER)

    def test_a_worker_that_does_not_go_on_leaves_the_next_stage_pending(self) -> None:
        history = [*AUTOMATIC, v.started(CONVERSION, lease_id="lease-1")]
        command = v.complete(CONVERSION, lease_id="lease-1")
        given(history).when(command).then([v.completed(CONVERSION)]).runs(OPTIMIZER)

    def test_a_workflow_with_a_failed_branch_does_not_go_on(self) -> None:
        both = [*BRANCHES, v.started("b"), v.started("c", lease_id="lease-1"), v.failed("b")]
        command = v.complete("c", lease_id="lease-1", continue_with_lease=True)
        document = given(both).when(command).then([v.completed("c")])
        document.has(workflow_status=WorkflowStatus.FAILED)

    def test_a_branch_in_backoff_is_left_for_another(self) -> None:
        rows = (*v.BRANCHED, StageDependency("e", "a", True, 5))
        history = [v.registered(), v.begun(v.AUTOMATIC, pipeline=rows), *v.done("a")]
        running = [v.started("b"), *BACKOFF, v.started("c", lease_id="lease-1")]
        command = v.complete("c", lease_id="lease-1", continue_with_lease=True)
        given([*history, *running]).when(command).then(
            [v.completed("c"), v.started("e", lease_id="lease-1")]
        )

    def test_what_a_rerun_reset_is_gone_on_with(self) -> None:
        history = [*v.all_done(v.AUTOMATIC), v.was_reset(FACTS, 2)]
        command = v.complete(
            FACTS,
            v.output("facts_json", "new"),
            lease_id="lease-1",
            continue_with_lease=True,
        )
        given([*history, v.started(FACTS, 2, lease_id="lease-1")]).when(command).then(
            [
                v.file_registered(FACTS, v.output("facts_json", "new"), attempt=2),
                v.completed(FACTS, 2),
                v.was_reset(INGESTOR, 2, FACTS),
                v.started(INGESTOR, 2, lease_id="lease-1"),
            ]
        )


class TestSixthStage:
    """A sixth stage is one more row."""

    def test_it_is_pending_like_the_others_and_comes_last(self) -> None:
        document = given([]).when(v.register(pipeline=v.SIX)).succeeds()
        assert tuple(document.state.stages) == (*v.STAGES, "translator")
        document.has_stage("translator", status=StageStatus.PENDING)

    def test_the_workflow_ends_with_it(self) -> None:
        history = [v.registered(), v.begun(v.AUTOMATIC, pipeline=v.SIX), *v.done(*v.STAGES)]
        document = given(history).has(workflow_status=WorkflowStatus.RUNNING).runs("translator")
        document.when(v.complete("translator")).then(
            [*v.done("translator"), v.workflow_completed()]
        )

    def test_it_may_be_skipped_if_its_row_says_so(self) -> None:
        everything = v.configuration(skip_stages=("translator",))
        document = given([]).when(v.register(pipeline=v.SIX, configuration=everything)).succeeds()
        document.has_stage("translator", status=StageStatus.SKIPPED)
