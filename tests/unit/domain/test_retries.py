"""Failed attempts are tried again while the budget lasts; lost leases count as failures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from domain.decisions.retry_policy import LONGEST_BACKOFF_SECONDS, backoff
from domain.errors import StaleAttempt
from domain.events import ReportedPersonal
from domain.values import FailureReason, StageStatus, WorkflowStatus
from unit.domain import vocabulary as v
from unit.domain.given import BEGINNING, Fact, Given, given
from unit.domain.vocabulary import CONVERSION, OPTIMIZER

A_MINUTE_LATER = BEGINNING + timedelta(minutes=1)  # when the first command of a test comes


def running(lease_id: str | None = "lease-1", **configuration: Any) -> list[Fact]:
    """Return what happened to a document whose conversion runs."""
    begun = v.begun(v.AUTOMATIC, configuration=configuration)
    return [v.registered(), begun, v.started(CONVERSION, lease_id=lease_id)]


def tried_again(attempt: int, *, backoff_seconds: float, begin: Any = A_MINUTE_LATER) -> Fact:
    """Return that the policy let the conversion be tried again."""
    return v.retried(
        CONVERSION,
        attempt,
        automatic=True,
        spends_retry=True,
        retry_at=begin + timedelta(seconds=backoff_seconds),
    )


def failing(document: Given, **fields: Any) -> Given:
    """Let a worker begin the conversion if need be, and fail in a way that may be tried again."""
    if document.stage(CONVERSION).status is StageStatus.PENDING:
        document = document.when(v.start(CONVERSION, lease_id="lease-1")).succeeds()
    fields = {"reason": FailureReason.ERROR, "lease_id": "lease-1", "retryable": True, **fields}
    return document.when(v.fail(CONVERSION, **fields)).succeeds()


class TestBudget:
    """The configured retries, each after a longer wait."""

    def test_a_failure_and_its_retry_are_one_append(self) -> None:
        command = v.fail(
            CONVERSION,
            lease_id="lease-1",
            reason=FailureReason.TIMED_OUT,
            error_message="took too long",
            retryable=True,
        )
        document = (
            given(running())
            .when(command)
            .then(
                [
                    v.failed(
                        CONVERSION,
                        reason=FailureReason.TIMED_OUT,
                        will_retry=True,
                        personal=ReportedPersonal(error_message="took too long"),
                    ),
                    tried_again(2, backoff_seconds=1),
                ]
            )
        )
        document.has_stage(
            CONVERSION,
            status=StageStatus.PENDING,
            attempt=2,
            retry_count=1,
            spent_retries=1,
            lease_id=None,
        )
        document.has(workflow_status=WorkflowStatus.RUNNING).runs(CONVERSION)

    @pytest.mark.parametrize("retries", [0, 1, 3])
    def test_it_is_as_large_as_configured_and_then_the_stage_has_failed(self, retries: int) -> None:
        document = given(running(retries=retries))
        for _ in range(retries):
            document = failing(document)
            document.has_stage(CONVERSION, status=StageStatus.PENDING)
        document = failing(document)
        document.has_stage(
            CONVERSION, status=StageStatus.FAILED, attempt=retries + 1, retry_count=retries
        )
        document.has(workflow_status=WorkflowStatus.FAILED).runs()

    def test_three_is_the_default(self) -> None:
        document = given(running())
        for _ in range(4):
            document = failing(document)
        document.has_stage(CONVERSION, status=StageStatus.FAILED, attempt=4, retry_count=3)

    def test_a_stages_own_number_goes_ahead_of_the_workflows(self) -> None:
        configuration: dict[str, Any] = {"retries": 3, "stages": {CONVERSION: {"retries": 0}}}
        document = failing(given(running(**configuration)))
        document.has_stage(CONVERSION, status=StageStatus.FAILED)

    def test_what_cannot_succeed_is_not_tried_again(self) -> None:
        command = v.fail(CONVERSION, reason=FailureReason.UNCONVERTIBLE, lease_id="lease-1")
        given(running()).when(command).then(
            [v.failed(CONVERSION, reason=FailureReason.UNCONVERTIBLE)]
        )

    def test_what_was_not_the_stages_fault_spends_nothing_and_waits_for_nothing(self) -> None:
        command = v.fail(
            CONVERSION,
            lease_id="lease-1",
            reason=FailureReason.WORKER_STOPPED,
            retryable=True,
            spends_retry=False,
        )
        document = (
            given(running(retries=0))
            .when(command)
            .then(
                [
                    v.failed(CONVERSION, reason=FailureReason.WORKER_STOPPED, will_retry=True),
                    v.retried(CONVERSION, 2, automatic=True, spends_retry=False),
                ]
            )
        )
        document.has_stage(CONVERSION, spent_retries=0, retry_count=1, retry_at=None)

    def test_a_stage_that_was_asked_for_is_tried_again_in_a_manual_workflow_too(self) -> None:
        asked = [v.registered(), v.begun(), v.requested(CONVERSION)]
        document = failing(given(asked)).runs(CONVERSION)
        document.has_stage(CONVERSION, requested=True)

    def test_a_retry_by_hand_gives_a_budget_anew(self) -> None:
        document = failing(given(running(retries=0)))
        document = document.when(v.reset(CONVERSION)).then([v.retried(CONVERSION, 2)])
        document.has_stage(CONVERSION, retry_count=1, spent_retries=0, retry_at=None)
        document.has(workflow_status=WorkflowStatus.RUNNING).runs()

    def test_a_success_forgets_what_was_spent(self) -> None:
        document = failing(given(running(retries=1)))
        document = document.when(v.complete(CONVERSION)).succeeds()
        document = document.when(v.reset(CONVERSION)).succeeds()
        failing(document).has_stage(CONVERSION, status=StageStatus.PENDING)

    def test_a_rerun_counts_retries_from_the_start(self) -> None:
        document = failing(given(running())).when(v.complete(CONVERSION)).succeeds()
        document.when(v.reset(CONVERSION)).succeeds().has_stage(
            CONVERSION, attempt=3, retry_count=0
        )


class TestBackoff:
    """1, 2, 4 … seconds, a minute at most."""

    def test_it_doubles_up_to_a_minute(self) -> None:
        seconds = [backoff(spent).total_seconds() for spent in range(9)]
        assert seconds == [1, 2, 4, 8, 16, 32, 60, 60, 60]

    def test_it_is_bounded_whatever_was_spent(self) -> None:
        assert backoff(10_000).total_seconds() == LONGEST_BACKOFF_SECONDS

    def test_each_failure_waits_longer_than_the_last(self) -> None:
        document = failing(given(running()))
        for spent in range(1, 3):
            document = failing(document)
            retry_at = document.stage(CONVERSION).retry_at
            assert retry_at == document.now + backoff(spent)

    def test_it_ends_when_the_stage_starts(self) -> None:
        document = failing(given(running())).when(v.start(CONVERSION)).succeeds()
        document.has_stage(CONVERSION, retry_at=None)

    @pytest.mark.parametrize("asked", [[], [v.requested(CONVERSION)]], ids=["not yet", "before"])
    def test_it_ends_when_somebody_asks_for_the_stage(self, asked: Sequence[Fact]) -> None:
        history = [v.registered(), v.begun(), *asked]
        document = (
            failing(given(history)).when(v.request(CONVERSION)).then([v.requested(CONVERSION, 2)])
        )
        document.has_stage(CONVERSION, retry_at=None, spent_retries=0, retry_count=1)

    def test_to_ask_twice_is_to_ask_once(self) -> None:
        given([v.registered(), v.begun(), v.requested(CONVERSION)]).when(
            v.request(CONVERSION)
        ).then_nothing()


class TestLeases:
    """A worker that stops renewing its lease loses the attempts that ran under it."""

    LOST = ReportedPersonal(error_message="the worker stopped answering during attempt 1")

    def test_a_lost_lease_is_a_failure_that_is_tried_again(self) -> None:
        document = (
            given(running())
            .when(v.expire("lease-1"))
            .then(
                [
                    v.failed(
                        CONVERSION,
                        reason=FailureReason.LEASE_LOST,
                        will_retry=True,
                        personal=self.LOST,
                    ),
                    tried_again(2, backoff_seconds=1),
                ]
            )
        )
        document.has_stage(CONVERSION, status=StageStatus.PENDING, lease_id=None)

    def test_it_spends_a_retry_so_that_no_document_kills_workers_for_ever(self) -> None:
        given(running(retries=0)).when(v.expire("lease-1")).then(
            [v.failed(CONVERSION, reason=FailureReason.LEASE_LOST, personal=self.LOST)]
        ).has(workflow_status=WorkflowStatus.FAILED)

    def test_a_worker_that_says_goodbye_spends_none(self) -> None:
        command = v.expire("lease-1", reason=FailureReason.WORKER_STOPPED)
        document = given(running(retries=0)).when(command).succeeds()
        document.has_stage(
            CONVERSION, status=StageStatus.PENDING, attempt=2, spent_retries=0, retry_at=None
        )

    def test_every_stage_under_the_lease_fails_and_no_other(self) -> None:
        history = [v.registered(), v.begun(pipeline=v.BRANCHED), *v.done("a", "b")]
        at_work = [v.started("c", lease_id="lease-1"), v.started("d", lease_id="lease-2")]
        document = given([*history, *at_work]).when(v.expire("lease-1")).succeeds()
        document.has_stage("c", status=StageStatus.PENDING, attempt=2)
        document.has_stage("d", status=StageStatus.IN_PROGRESS, attempt=1)

    @pytest.mark.parametrize(
        "history",
        [
            running(lease_id=None),
            running(lease_id="lease-2"),
            [*running(), v.completed(CONVERSION)],
            [*running(), v.cancelled_attempt(CONVERSION), v.cancelled()],
            [*running(), v.failed(CONVERSION, will_retry=True), tried_again(2, backoff_seconds=1)],
        ],
        ids=["none", "another's", "completed", "cancelled", "expired before"],
    )
    def test_a_lease_under_which_nothing_runs_expires_quietly(
        self, history: Sequence[Fact]
    ) -> None:
        given(history).when(v.expire("lease-1")).then_nothing()

    def test_a_stage_started_from_outside_has_no_lease(self) -> None:
        document = given([v.registered(), v.begun()]).when(v.start(CONVERSION)).succeeds()
        document.has_stage(CONVERSION, lease_id=None)

    @pytest.mark.parametrize(
        "command",
        [
            v.complete(CONVERSION, lease_id="lease-2"),
            v.fail(CONVERSION, lease_id="lease-2", retryable=True),
        ],
    )
    @pytest.mark.parametrize("lease_id", ["lease-1", None])
    def test_another_worker_cannot_end_the_attempt(
        self, lease_id: str | None, command: Any
    ) -> None:
        given(running(lease_id=lease_id)).when(command).refused(
            StaleAttempt, match="'markdown-conversion' is being run by another worker"
        )

    def test_somebody_outside_can_end_it(self) -> None:
        given(running()).when(v.complete(CONVERSION)).then([v.completed(CONVERSION)])

    def test_a_worker_that_comes_back_late_is_refused(self) -> None:
        document = given(running()).when(v.expire("lease-1")).succeeds()
        late = v.complete(CONVERSION, v.output("markdown"), attempt=1, lease_id="lease-1")
        document.when(late).refused(StaleAttempt, match="Attempt 1 .* is not the current one")
        taken_up = document.when(v.start(CONVERSION, attempt=2, lease_id="lease-2")).succeeds()
        taken_up.when(late).refused(StaleAttempt, match="which is 2")

    def test_a_lease_goes_over_to_the_next_stage(self) -> None:
        command = v.complete(CONVERSION, lease_id="lease-1", continue_with_lease=True)
        document = given(running()).when(command).succeeds().when(v.expire("lease-1")).succeeds()
        document.has_stage(OPTIMIZER, attempt=2, status=StageStatus.PENDING)
        document.has_stage(CONVERSION, attempt=1, status=StageStatus.COMPLETED)
