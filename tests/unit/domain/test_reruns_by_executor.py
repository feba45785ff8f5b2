"""Re-runs of outputs that a certain executor made, with what is downstream of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from domain.errors import IllegalTransition
from domain.values import StageStatus, WorkflowType
from unit.domain import vocabulary as v
from unit.domain.given import Fact, Given, given
from unit.domain.vocabulary import CHUNKER, CONVERSION, FACTS, INGESTOR, OPTIMIZER

OLD, NEW = "markdown-conversion/1", "markdown-conversion/2"
TEXT, OTHER = v.output("markdown", "one"), v.output("markdown", "two")
ALL = (CONVERSION, OPTIMIZER, CHUNKER, FACTS, INGESTOR)
AFTER = (OPTIMIZER, CHUNKER, FACTS, INGESTOR)


def converted(workflow_type: WorkflowType = v.MANUAL) -> list[Fact]:
    """Return that the old executor converted a document."""
    start = [v.registered(), v.begun(workflow_type), v.started(CONVERSION)]
    return [*start, v.file_registered(CONVERSION, TEXT), v.completed(CONVERSION, executor=OLD)]


def all_done(workflow_type: WorkflowType = v.MANUAL) -> list[Fact]:
    """Return that the document went through all stages."""
    return [*converted(workflow_type), *v.done(*AFTER), v.workflow_completed()]


def asked(history: Sequence[Fact] | None = None) -> Given:
    """Return the document when its conversion was asked for again."""
    command = v.rerun(CONVERSION, executor=OLD)
    return given(list(history or all_done())).when(command).succeeds()


def test_it_resets_its_own_stage_and_keeps_the_output() -> None:
    document = (
        given(all_done())
        .when(v.rerun(CONVERSION, executor=OLD))
        .then([v.was_reset(CONVERSION, 2), v.rerun_requested(CONVERSION, 2)])
    )
    assert document.stage(CONVERSION).files["markdown"].checksum == TEXT.checksum
    assert [stage.name for stage in document.state.runnable_stages()] == [CONVERSION]
    for name in AFTER:
        document.has_stage(name, status=StageStatus.COMPLETED, attempt=1)


@pytest.mark.parametrize("workflow_type", WorkflowType)
def test_another_output_has_all_downstream_run_too(workflow_type: WorkflowType) -> None:
    document = (
        asked(all_done(workflow_type))
        .when(v.complete(CONVERSION, OTHER, executor=NEW))
        .then(
            [
                v.started(CONVERSION, 2),
                v.file_registered(CONVERSION, OTHER, 2, attempt=2),
                v.completed(CONVERSION, 2, executor=NEW),
                *(v.was_reset(name, 2, CONVERSION) for name in AFTER),
                *(v.requested(name, 2) for name in AFTER),
            ]
        )
    )
    for name in AFTER:
        assert [stage.name for stage in document.state.runnable_stages()] == [name]
        document = document.when(v.complete(name)).succeeds()
    assert document.state.all_settled


def test_an_equal_output_ends_it_there() -> None:
    document = (
        asked()
        .when(v.complete(CONVERSION, TEXT, executor=NEW))
        .then(
            [
                v.started(CONVERSION, 2),
                v.file_registered(CONVERSION, TEXT, 2, attempt=2),
                v.completed(CONVERSION, 2, executor=NEW),
                v.workflow_completed(),
            ]
        )
    )
    assert document.stage(CONVERSION).executor == NEW


def test_what_never_ran_downstream_is_left_to_be_told() -> None:
    history = [*converted(), *v.done(OPTIMIZER)]
    document = asked(history).when(v.complete(CONVERSION, OTHER, executor=NEW)).succeeds()
    assert [stage.name for stage in document.state.runnable_stages()] == [OPTIMIZER]
    document = document.when(v.complete(OPTIMIZER)).succeeds()
    assert document.state.runnable_stages() == ()


@pytest.mark.parametrize(
    ("history", "executor"),
    [
        (all_done(), "markdown-conversion/0"),
        ([v.registered(), v.begun(), *v.done(CONVERSION)], None),
        ([v.registered(), v.begun()], OLD),
        ([*all_done(), v.was_reset(CONVERSION, 2), v.started(CONVERSION, 2),
          v.file_registered(CONVERSION, OTHER, 2, attempt=2),
          v.completed(CONVERSION, 2, executor=NEW)], OLD),
    ],
    ids=["another", "no output", "never ran", "made again since"],
)  # fmt: skip
def test_an_output_of_another_executor_is_left_alone(
    history: Sequence[Fact], executor: str | None
) -> None:
    given(history).when(v.rerun(CONVERSION, executor=executor)).refused(
        IllegalTransition, match=r"was made by|no output"
    )


def test_without_an_executor_any_output_is_made_again() -> None:
    given(all_done()).when(v.rerun(CONVERSION)).succeeds().has_stage(CONVERSION, attempt=2)


@pytest.mark.parametrize("further", [[], [v.started(CONVERSION, 2)]], ids=["waits", "runs"])
def test_what_is_under_way_goes_on(further: Sequence[Fact]) -> None:
    history = [*all_done(), v.was_reset(CONVERSION, 2), v.rerun_requested(CONVERSION, 2), *further]
    given(history).when(v.rerun(CONVERSION, executor=OLD)).then([])


def test_one_that_was_only_made_pending_is_asked_for() -> None:
    history = [*all_done(), v.was_reset(CONVERSION, 2)]
    given(history).when(v.rerun(CONVERSION, executor=OLD)).then([v.rerun_requested(CONVERSION, 2)])


def test_one_that_failed_keeps_its_output_and_may_be_tried_again() -> None:
    document = asked().when(v.fail(CONVERSION)).succeeds()
    assert document.stage(CONVERSION).files["markdown"].checksum == TEXT.checksum
    document.has_stage(CHUNKER, status=StageStatus.COMPLETED, attempt=1)
    document = document.when(v.rerun(CONVERSION, executor=OLD)).then(
        [v.retried(CONVERSION, 3, retry_count=1), v.rerun_requested(CONVERSION, 3)]
    )
    document.when(v.complete(CONVERSION, OTHER)).succeeds().has_stage(CHUNKER, requested=True)


def test_a_retry_by_itself_is_still_for_all_downstream() -> None:
    document = asked().when(v.start(CONVERSION)).succeeds()
    document = document.when(v.fail(CONVERSION, retryable=True)).succeeds()
    document = document.when(v.complete(CONVERSION, OTHER)).succeeds()
    document.has_stage(INGESTOR, status=StageStatus.PENDING, requested=True)


@pytest.mark.parametrize("stopped", [v.paused(), v.cancelled()])
def test_a_workflow_that_was_stopped_refuses(stopped: Fact) -> None:
    given([*converted(), stopped]).when(v.rerun(CONVERSION, executor=OLD)).refused(
        IllegalTransition, match=r"paused|cancelled"
    )


def test_an_executor_is_known_over_runs_until_its_output_goes() -> None:
    again = v.begun(run=2, attempts=dict.fromkeys(ALL, 2))
    document = given([*all_done(), again])
    assert document.stage(CONVERSION).executor == OLD
    skipped = given([*converted(), *v.done(OPTIMIZER), v.was_reset(OPTIMIZER, 2)])
    skipped.when(v.skip(OPTIMIZER)).succeeds().has_stage(OPTIMIZER, executor=None)
