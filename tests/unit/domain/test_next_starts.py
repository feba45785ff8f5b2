"""A worker starts whatever may run next, without having looked at the document before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain import commands as c
from domain.errors import DocumentNotFound
from domain.values import WorkflowType
from unit.domain import vocabulary as v
from unit.domain.given import BEGINNING, Fact, given, order
from unit.domain.vocabulary import CONVERSION, OPTIMIZER

AUTOMATIC = [v.registered(), v.begun(workflow_type=WorkflowType.AUTOMATIC)]
MANUAL = [v.registered(), v.begun()]


def start_next(*among: str) -> c.Command:
    return order(c.StartNextStage, lease_id="lease-1", among=frozenset(among) if among else None)


def test_an_automatic_workflow_goes_on() -> None:
    begun = given(AUTOMATIC).when(start_next()).then([v.started(CONVERSION, lease_id="lease-1")])
    begun.when(start_next()).then_nothing()
    given([*AUTOMATIC, *v.done(CONVERSION)]).when(start_next()).then(
        [v.started(OPTIMIZER, lease_id="lease-1")]
    )


def test_a_manual_one_waits_to_be_told() -> None:
    given(MANUAL).when(start_next()).then_nothing()
    given([*MANUAL, v.requested(CONVERSION)]).when(start_next()).then(
        [v.started(CONVERSION, lease_id="lease-1")]
    )


@pytest.mark.parametrize("ended", [v.paused(), v.cancelled()])
def test_nothing_starts_while_paused_or_over(ended: Fact) -> None:
    given([*AUTOMATIC, ended]).when(start_next()).then_nothing()


def test_a_backoff_is_waited_for() -> None:
    failed = [*AUTOMATIC, v.started(CONVERSION), v.failed(CONVERSION, will_retry=True)]
    soon = v.retried(CONVERSION, 2, automatic=True, retry_at=BEGINNING + timedelta(seconds=1))
    late = v.retried(CONVERSION, 2, automatic=True, retry_at=BEGINNING + timedelta(days=1))
    given([*failed, late]).when(start_next()).then_nothing()
    given([*failed, soon]).when(start_next()).then([v.started(CONVERSION, 2, lease_id="lease-1")])


def test_only_what_the_worker_can_run_now_is_started() -> None:
    given(AUTOMATIC).when(start_next(OPTIMIZER)).then_nothing()
    given(AUTOMATIC).when(start_next(OPTIMIZER, CONVERSION)).then(
        [v.started(CONVERSION, lease_id="lease-1")]
    )


def test_there_has_to_be_a_document() -> None:
    given([]).when(start_next()).refused(DocumentNotFound, match="no document")
