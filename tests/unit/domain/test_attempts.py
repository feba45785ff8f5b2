"""A report is for one attempt: of any but the current one it is refused, over runs as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from domain.commands import Command
from domain.errors import StaleAttempt
from domain.values import StageStatus
from unit.domain import vocabulary as v
from unit.domain.given import Fact, given
from unit.domain.vocabulary import CONVERSION, OPTIMIZER

NEW = [v.registered(), v.begun()]
SECOND = [*NEW, v.started(CONVERSION), v.failed(CONVERSION), v.retried(CONVERSION, 2)]
KINDS: Sequence[tuple[Callable[..., Command], Sequence[Fact]]] = [
    (v.start, SECOND),
    (v.complete, SECOND),
    (v.fail, SECOND),
    (v.request, SECOND),
    (v.reset, [*SECOND, v.started(CONVERSION, 2), v.completed(CONVERSION, 2)]),
]


@pytest.mark.parametrize(("report", "history"), KINDS)
def test_the_current_attempt_is_taken(
    report: Callable[..., Command], history: Sequence[Fact]
) -> None:
    given(history).when(report(CONVERSION, attempt=2)).succeeds()


@pytest.mark.parametrize("attempt", [0, 1, 3])
@pytest.mark.parametrize(("report", "history"), KINDS)
def test_any_other_is_refused(
    report: Callable[..., Command], history: Sequence[Fact], attempt: int
) -> None:
    given(history).when(report(CONVERSION, attempt=attempt)).refused(
        StaleAttempt, match=f"Attempt {attempt} .* is not the current one, which is 2"
    )


def test_a_file_is_for_an_attempt_too() -> None:
    given(SECOND).when(v.register_file(CONVERSION, v.output("notes"), attempt=1)).refused(
        StaleAttempt, match="Attempt 1"
    )


def test_a_skip_is_for_an_attempt_too() -> None:
    history = [*NEW, v.skipped(OPTIMIZER), v.was_reset(OPTIMIZER, 2)]
    given(history).when(v.skip(OPTIMIZER, attempt=1)).refused(StaleAttempt, match="Attempt 1")


def test_without_an_attempt_the_current_one_is_meant() -> None:
    given(SECOND).when(v.complete(CONVERSION)).then(
        [v.started(CONVERSION, 2), v.completed(CONVERSION, 2)]
    )


@pytest.mark.parametrize(
    "before",
    [
        [],
        [v.started(CONVERSION), v.cancelled_attempt(CONVERSION)],
        [v.started(CONVERSION), v.completed(CONVERSION)],
        [v.requested(CONVERSION)],
    ],
    ids=["pending", "cancelled", "completed", "asked for"],
)
def test_a_report_of_an_earlier_run_is_refused_in_the_next(before: Sequence[Fact]) -> None:
    document = given([*NEW, *before, v.cancelled()]).when(v.start_workflow()).succeeds()
    document.has_stage(CONVERSION, attempt=2, status=StageStatus.PENDING)
    document.when(v.complete(CONVERSION, attempt=1)).refused(StaleAttempt, match="which is 2")


def test_a_report_of_a_deleted_document_is_refused_by_its_successor() -> None:
    document = given([*SECOND, v.deleted()]).when(v.register()).succeeds()
    document.has_stage(CONVERSION, attempt=3).has_stage(OPTIMIZER, attempt=2)
    document.when(v.start(CONVERSION, attempt=2)).refused(StaleAttempt, match="which is 3")


def test_a_stage_that_a_run_did_not_have_goes_on_counting_in_the_one_after() -> None:
    history = [v.registered(), v.begun(pipeline=v.SIX), v.cancelled()]
    document = given(history).when(v.start_workflow(pipeline=v.FIVE)).succeeds()
    document = document.when(v.cancel()).succeeds()
    document = document.when(v.start_workflow(pipeline=v.SIX)).succeeds()
    document.has_stage("translator", attempt=2).has_stage(CONVERSION, attempt=3)


def test_so_does_one_that_was_away_when_the_document_was_deleted() -> None:
    history = [v.registered(), v.begun(pipeline=v.SIX), v.cancelled()]
    document = given(history).when(v.start_workflow(pipeline=v.FIVE)).succeeds()
    document = document.when(v.delete()).succeeds().when(v.register(pipeline=v.SIX)).succeeds()
    document.has_stage("translator", attempt=2).has_stage(CONVERSION, attempt=3)
