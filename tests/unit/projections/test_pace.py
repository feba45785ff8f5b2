"""A projector rests for longer while much comes in."""

from __future__ import annotations

import math

import pytest

from projections.live.projector import Pace


@pytest.mark.parametrize(
    ("events", "seconds", "is_busy"),
    [(0, 0.0, False), (3, 0.005, False), (10, 0.005, False), (11, 0.005, True), (60, 0.015, True)],
)
def test_the_rest_follows_the_rate_of_events(events: int, seconds: float, *, is_busy: bool) -> None:
    pace = Pace()
    expected = pace.busy_rest_seconds if is_busy else pace.rest_seconds
    assert pace.rest_after(events, seconds) == expected


def test_the_first_batch_tells_nothing_of_the_rate() -> None:
    assert Pace().rest_after(2_000, math.inf) == Pace().rest_seconds
