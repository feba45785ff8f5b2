"""Runs begin, pause, go on, end, and begin again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from domain.commands import Command
from domain.errors import IllegalTransition, InvalidValue, UnknownStage
from domain.values import StageStatus, WorkflowStatus, WorkflowType
from unit.domain import vocabulary as v
from unit.domain.given import Fact, given
from unit.domain.vocabulary import CHUNKER, CONVERSION, FACTS, INGESTOR, OPTIMIZER

NEW = [v.registered(), v.begun()]
RUNS = [*NEW, v.started(CONVERSION, lease_id="lease-1")]
FAILED = [*NEW, v.started(CONVERSION), v.failed(CONVERSION)]
# What each status may come from, and which orders it takes; every other is refused.
STATUSES = {
    WorkflowStatus.RUNNING: NEW,
    WorkflowStatus.PAUSED: [*NEW, v.paused()],
    WorkflowStatus.CANCELLED: [*NEW, v.cancelled()],
    WorkflowStatus.FAILED: FAILED,
    WorkflowStatus.COMPLETED: v.all_done(),
}
TAKES = {
    WorkflowStatus.RUNNING: {"pause", "cancel"},
    WorkflowStatus.PAUSED: {"resume", "cancel"},
    WorkflowStatus.CANCELLED: {"start"},
    WorkflowStatus.FAILED: {"cancel", "start"},
    WorkflowStatus.COMPLETED: {"start"},
}
ORDERS = {
    "pause": (v.pause(), [v.paused()], WorkflowStatus.PAUSED),
    "resume": (v.resume(), [v.resumed()], WorkflowStatus.RUNNING),
    "cancel": (v.cancel(), [v.cancelled()], WorkflowStatus.CANCELLED),
    "start": (
        v.start_workflow(),
        [v.begun(run=2, attempts=dict.fromkeys(v.STAGES, 2))],
        WorkflowStatus.RUNNING,
    ),
}


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("status", STATUSES, ids=str)
def test_each_order_is_taken_in_the_statuses_that_allow_it(
    status: WorkflowStatus, name: str
) -> None:
    command, facts, after = ORDERS[name]
    when = given(STATUSES[status]).has(workflow_status=status).when(command)
    if name in TAKES[status]:
        when.then(facts).has(workflow_status=after)
    else:
        when.refused(IllegalTransition, match=f"The workflow is {status}; ")


@pytest.mark.parametrize("command", [v.pause(), v.resume(), v.cancel()])
def test_a_document_without_a_workflow_says_so(command: Command) -> None:
    given([v.registered()]).when(command).refused(
        IllegalTransition, match="has no workflow yet; start one first"
    )


def test_a_document_without_a_workflow_can_be_given_its_first() -> None:
    given([v.registered()]).when(v.start_workflow()).then([v.begun(run=1)])


class TestPause:
    """A pause lets the running stage finish and starts no other."""

    PAUSED: Sequence[Fact] = [*RUNS, v.paused()]

    @pytest.mark.parametrize("status", ["completed", "failed"])
    def test_the_running_stage_finishes(self, status: str) -> None:
        command = {"completed": v.complete(CONVERSION), "failed": v.fail(CONVERSION)}[status]
        document = given(self.PAUSED).when(command).succeeds()
        document.has(workflow_status=WorkflowStatus.PAUSED)
        document.has_stage(CONVERSION, status=StageStatus(status))

    @pytest.mark.parametrize(
        "command",
        [v.start(OPTIMIZER), v.complete(OPTIMIZER), v.fail(OPTIMIZER), v.request(OPTIMIZER)],
    )
    def test_no_other_stage_starts(self, command: Command) -> None:
        document = given([*self.PAUSED, v.completed(CONVERSION)]).next_is(None).runs()
        document.when(command).refused(IllegalTransition, match="paused; resume it first")

    def test_a_worker_takes_up_no_other_stage(self) -> None:
        history = [v.registered(), v.begun(v.AUTOMATIC), v.started(CONVERSION, lease_id="lease-1")]
        command = v.complete(CONVERSION, lease_id="lease-1", continue_with_lease=True)
        given([*history, v.paused()]).when(command).then([v.completed(CONVERSION)]).runs()

    def test_an_attempt_that_fails_meanwhile_waits_for_its_retry_until_then(self) -> None:
        command = v.fail(CONVERSION, lease_id="lease-1", retryable=True)
        document = given(self.PAUSED).when(command).succeeds().runs()
        document.has_stage(CONVERSION, status=StageStatus.PENDING, attempt=2)

    def test_stages_may_be_skipped_and_made_pending_and_given_files_meanwhile(self) -> None:
        file = v.output("notes")
        document = given([*NEW, *v.done(CONVERSION), v.paused()])
        document = document.when(v.skip(OPTIMIZER)).then([v.skipped(OPTIMIZER)])
        document = document.when(v.register_file(CHUNKER, file)).then(
            [v.file_registered(CHUNKER, file)]
        )
        document.when(v.reset(CONVERSION)).then([v.was_reset(CONVERSION, 2)])

    def test_resuming_finds_what_failed_meanwhile(self) -> None:
        document = given([*self.PAUSED, v.failed(CONVERSION)]).when(v.resume()).then([v.resumed()])
        document.has(workflow_status=WorkflowStatus.FAILED)

    def test_resuming_ends_a_workflow_whose_last_stage_ended_meanwhile(self) -> None:
        last = [*NEW, *v.done(CONVERSION, OPTIMIZER, CHUNKER, FACTS), v.started(INGESTOR)]
        document = (
            given([*last, v.paused()]).when(v.complete(INGESTOR)).then([v.completed(INGESTOR)])
        )
        document.when(v.resume()).then([v.resumed(), v.workflow_completed()])


class TestCancel:
    """A cancel fails what runs, and nothing starts until the workflow is started again."""

    def test_the_running_stage_fails(self) -> None:
        document = (
            given(RUNS).when(v.cancel()).then([v.cancelled_attempt(CONVERSION), v.cancelled()])
        )
        document.has_stage(CONVERSION, status=StageStatus.FAILED, attempt=1, lease_id=None)
        document.has(workflow_status=WorkflowStatus.CANCELLED).next_is(None).runs()

    def test_every_running_stage_fails(self) -> None:
        branched = [v.registered(), v.begun(pipeline=v.BRANCHED), *v.done("a")]
        both = [*branched, v.started("b"), v.started("c")]
        given(both).when(v.cancel()).then(
            [v.cancelled_attempt("b"), v.cancelled_attempt("c"), v.cancelled()]
        )

    def test_a_paused_stage_that_still_runs_fails_too(self) -> None:
        given([*RUNS, v.paused()]).when(v.cancel()).then(
            [v.cancelled_attempt(CONVERSION), v.cancelled()]
        )

    @pytest.mark.parametrize(
        "command",
        [
            v.start(CONVERSION),
            v.complete(CONVERSION),
            v.fail(CONVERSION),
            v.request(CONVERSION),
            v.skip(OPTIMIZER),
            v.register_file(CONVERSION, v.output("notes")),
        ],
        ids=lambda command: type(command).__name__,
    )
    def test_nothing_is_taken_afterwards(self, command: Command) -> None:
        given([*NEW, v.cancelled()]).when(command).refused(
            IllegalTransition, match="cancelled; start it again first"
        )

    def test_the_failed_stage_is_not_tried_again_afterwards(self) -> None:
        history = [*RUNS, v.cancelled_attempt(CONVERSION), v.cancelled()]
        given(history).when(v.reset(CONVERSION)).refused(
            IllegalTransition, match="cancelled; start it again first"
        )

    def test_a_late_report_of_the_worker_is_refused(self) -> None:
        history = [*RUNS, v.cancelled_attempt(CONVERSION), v.cancelled()]
        given(history).when(v.complete(CONVERSION, attempt=1, lease_id="lease-1")).refused(
            IllegalTransition, match="is failed; only one that is pending or in_progress"
        )


class TestCompletion:
    """A workflow is completed once, with the last stage, in the same append."""

    def test_the_last_completion_ends_the_workflow(self) -> None:
        history = [*NEW, *v.done(CONVERSION, OPTIMIZER, CHUNKER, FACTS), v.started(INGESTOR)]
        document = (
            given(history)
            .when(v.complete(INGESTOR))
            .then([v.completed(INGESTOR), v.workflow_completed()])
        )
        document.has(workflow_status=WorkflowStatus.COMPLETED).next_is(None).runs()

    def test_so_does_the_last_skip(self) -> None:
        history = [v.registered(), v.begun(pipeline=v.OPTIONAL_ONLY), *v.done("x")]
        given(history).when(v.skip("y")).then([v.skipped("y"), v.workflow_completed()])

    def test_a_run_that_skips_every_stage_is_complete_at_once(self) -> None:
        everything = v.configuration(skip_stages=("x", "y"))
        command = v.register(pipeline=v.OPTIONAL_ONLY, configuration=everything)
        document = (
            given([])
            .when(command)
            .then(
                [
                    v.registered(),
                    v.begun(pipeline=v.OPTIONAL_ONLY, configuration={"skipStages": ["x", "y"]}),
                    v.skipped("x"),
                    v.skipped("y"),
                    v.workflow_completed(),
                ]
            )
        )
        document.has(workflow_status=WorkflowStatus.COMPLETED)

    def test_with_two_branches_the_later_one_ends_it(self) -> None:
        history = [v.registered(), v.begun(pipeline=v.BRANCHED), *v.done("a", "b", "d")]
        given([*history, v.started("c")]).when(v.complete("c")).then(
            [v.completed("c"), v.workflow_completed()]
        )

    def test_a_rerun_opens_it_and_ends_it_again(self) -> None:
        document = given(v.all_done()).when(v.reset(INGESTOR)).then([v.was_reset(INGESTOR, 2)])
        document.has(workflow_status=WorkflowStatus.RUNNING).next_is(INGESTOR)
        document = document.when(v.complete(INGESTOR)).then(
            [v.started(INGESTOR, 2), v.completed(INGESTOR, 2), v.workflow_completed()]
        )
        document.has(workflow_status=WorkflowStatus.COMPLETED)

    def test_a_file_added_afterwards_does_not_end_it_again(self) -> None:
        file = v.output("notes")
        document = (
            given(v.all_done())
            .when(v.register_file(INGESTOR, file))
            .then([v.file_registered(INGESTOR, file, current=True)])
        )
        document.has(workflow_status=WorkflowStatus.COMPLETED)

    def test_a_failed_rerun_leaves_it_failed(self) -> None:
        history = [*v.all_done(), v.was_reset(CHUNKER, 2), v.started(CHUNKER, 2)]
        document = given(history).when(v.fail(CHUNKER)).then([v.failed(CHUNKER, 2)])
        document.has(workflow_status=WorkflowStatus.FAILED)
        assert document.stage(FACTS).status is StageStatus.COMPLETED


class TestStartAgain:
    """A new run begins anew: its stages are pending, its attempts go on counting."""

    def test_it_takes_its_own_type_configuration_and_pipeline(self) -> None:
        command = v.start_workflow(
            workflow_type=WorkflowType.AUTOMATIC,
            configuration=v.configuration(retries=1),
            pipeline=v.BRANCHED,
        )
        document = (
            given(v.all_done())
            .when(command)
            .then([v.begun(v.AUTOMATIC, run=2, configuration={"retries": 1}, pipeline=v.BRANCHED)])
        )
        document.has(run=2, workflow_type=WorkflowType.AUTOMATIC)
        assert tuple(document.state.stages) == ("a", "b", "c", "d")

    def test_the_pipeline_of_a_run_stays_as_it_was_at_its_start(self) -> None:
        document = given([v.registered(), v.begun(pipeline=v.BRANCHED)])
        document.when(v.skip(OPTIMIZER)).refused(UnknownStage, match="there are a, b, c, d")

    def test_all_stages_are_pending_and_none_was_retried(self) -> None:
        retried = [*FAILED, v.retried(CONVERSION, 2), v.started(CONVERSION, 2)]
        history = [*retried, v.failed(CONVERSION, 2), v.cancelled()]
        attempts = {**dict.fromkeys(v.STAGES, 2), CONVERSION: 3}
        document = given(history).when(v.start_workflow()).then([v.begun(run=2, attempts=attempts)])
        document.has_stage(
            CONVERSION, status=StageStatus.PENDING, attempt=3, retry_count=0, spent_retries=0
        )
        assert set(document.state.statuses.values()) == {StageStatus.PENDING}

    def test_it_is_refused_while_a_stage_runs_although_another_failed(self) -> None:
        history = [v.registered(), v.begun(pipeline=v.BRANCHED), *v.done("a")]
        both = [*history, v.started("b"), v.started("c"), v.failed("b")]
        given(both).when(v.start_workflow()).refused(
            IllegalTransition, match="is failed; cancel it before starting it again"
        )

    def test_it_skips_what_it_is_told_to_and_drops_the_files_of_that(self) -> None:
        file = v.output("optimized_markdown")
        made = [v.started(OPTIMIZER), v.file_registered(OPTIMIZER, file), v.completed(OPTIMIZER)]
        history = [*NEW, *v.done(CONVERSION), *made, v.cancelled()]
        command = v.start_workflow(configuration=v.configuration(skip_stages=(OPTIMIZER,)))
        document = (
            given(history)
            .when(command)
            .then(
                [
                    v.begun(
                        run=2,
                        configuration={"skipStages": [OPTIMIZER]},
                        attempts=dict.fromkeys(v.STAGES, 2),
                    ),
                    v.file_removed(OPTIMIZER, "optimized_markdown"),
                    v.skipped(OPTIMIZER, 2),
                ]
            )
        )
        document.has_stage(OPTIMIZER, status=StageStatus.SKIPPED, files={})

    def test_files_of_the_last_run_stay_current_until_new_ones_are_there(self) -> None:
        file = v.output("markdown", "a")
        made = [v.started(CONVERSION), v.file_registered(CONVERSION, file), v.completed(CONVERSION)]
        document = given([*NEW, *made, v.cancelled()]).when(v.start_workflow()).succeeds()
        assert document.stage(CONVERSION).files["markdown"].checksum == file.checksum

    def test_files_of_a_stage_that_the_pipeline_lost_go_with_it(self) -> None:
        notes = v.output("notes")
        made = [v.started("translator"), v.file_registered("translator", notes)]
        history = [v.registered(), v.begun(pipeline=v.SIX), *v.done(CONVERSION, OPTIMIZER, CHUNKER)]
        ended = [*history, *made, v.completed("translator"), v.cancelled()]
        given(ended).when(v.start_workflow()).then(
            [
                v.file_removed("translator", "notes"),
                v.begun(run=2, attempts=dict.fromkeys(v.STAGES, 2)),
            ]
        )

    def test_it_is_refused_with_a_pipeline_that_cannot_be(self) -> None:
        given(v.all_done()).when(v.start_workflow(pipeline=())).refused(
            InvalidValue, match="at least one stage"
        )
