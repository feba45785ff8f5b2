"""Times of reports: refused where no clock can have given them, else made to fit the log's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain import events as e
from domain.errors import InvalidValue
from domain.reported_times import NOTE, require_plausible
from domain.values import FailureReason
from unit.domain.given import BEGINNING, given
from unit.domain.vocabulary import (
    CONVERSION,
    begun,
    complete,
    completed,
    fail,
    failed,
    registered,
    start,
    started,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NEW = (registered(), begun())
AT = BEGINNING + timedelta(minutes=1)
"""When the command comes."""


@pytest.mark.parametrize("ahead_seconds", [-1e9, 0, 300])
def test_a_time_within_the_tolerance_passes(ahead_seconds: float) -> None:
    at = NOW + timedelta(seconds=ahead_seconds)
    require_plausible(at, None, NOW, 300)
    require_plausible(None, at, NOW, 300)
    require_plausible(at, at, NOW, 300)


@pytest.mark.parametrize("at", [NOW + 301 * SECOND, datetime(9999, 1, 1, tzinfo=UTC)])
def test_a_time_ahead_of_the_clock_is_refused_with_its_field(at: datetime) -> None:
    with pytest.raises(InvalidValue, match="more than 300 s ahead") as start_refused:
        require_plausible(at, None, NOW, 300)
    with pytest.raises(InvalidValue) as end_refused:
        require_plausible(None, at, NOW, 300)
    assert (start_refused.value.field, end_refused.value.field) == ("startedAt", "completedAt")


def test_an_end_before_its_start_is_refused() -> None:
    with pytest.raises(InvalidValue, match="before startedAt") as refused:
        require_plausible(NOW, NOW - SECOND, NOW, 300)
    assert refused.value.field == "completedAt"


def moved(**times: str) -> e.ReportedPersonal:
    return e.ReportedPersonal(metadata={NOTE: times})


def test_a_start_that_is_not_over_yet_is_recorded_as_of_the_report() -> None:
    command = start(CONVERSION, started_at=AT + 9 * SECOND)
    note = moved(startedAt="2026-03-01T12:01:09Z")
    given(NEW).when(command).then([started(CONVERSION, started_at=AT, personal=note)])


def test_a_start_long_ago_stands_as_reported() -> None:
    ago = BEGINNING - timedelta(days=9)
    given(NEW).when(start(CONVERSION, started_at=ago)).then([started(CONVERSION, started_at=ago)])


def test_an_end_before_the_recorded_start_is_moved_up_to_it() -> None:
    running = given([*NEW, started(CONVERSION, started_at=BEGINNING)])
    command = complete(CONVERSION, completed_at=BEGINNING - SECOND)
    note = moved(completedAt="2026-03-01T11:59:59Z")
    running.when(command).then([completed(CONVERSION, completed_at=BEGINNING, personal=note)])


def test_a_failure_is_held_to_the_same() -> None:
    running = given([*NEW, started(CONVERSION)])
    command = fail(CONVERSION, completed_at=BEGINNING - SECOND, outside_metadata={"by": "Ada"})
    note = {"by": "Ada", NOTE: {"completedAt": "2026-03-01T11:59:59Z"}}
    running.when(command).then(
        [
            failed(
                CONVERSION,
                completed_at=BEGINNING,
                reason=FailureReason.REPORTED,
                personal=e.ReportedPersonal(metadata=note),
            )
        ]
    )


def test_one_report_of_both_times_is_moved_as_one() -> None:
    command = complete(
        CONVERSION, started_at=AT + SECOND, completed_at=AT + 2 * SECOND, outside_metadata={"n": 1}
    )
    both = {"startedAt": "2026-03-01T12:01:01Z", "completedAt": "2026-03-01T12:01:02Z"}
    note = e.ReportedPersonal(metadata={"n": 1, NOTE: both})
    given(NEW).when(command).then(
        [
            started(CONVERSION, started_at=AT, personal=moved(startedAt=both["startedAt"])),
            completed(CONVERSION, completed_at=AT, personal=note),
        ]
    )


def test_an_end_alone_says_no_later_start_than_itself() -> None:
    command = complete(CONVERSION, completed_at=AT + SECOND)
    note = moved(completedAt="2026-03-01T12:01:01Z")
    given(NEW).when(command).then(
        [
            started(CONVERSION, started_at=AT),
            completed(CONVERSION, completed_at=AT, personal=note),
        ]
    )
