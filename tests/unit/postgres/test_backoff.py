"""Pauses grow to their limit and no further, and what steps goes on after errors."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest

from domain.errors import DocumentNotFound
from postgres.backoff import RECONNECT, Backoff, keep_stepping

AT_ONCE = Backoff(0.0, 0.0)


def test_a_pause_doubles_up_to_the_longest() -> None:
    assert [RECONNECT.after(n) for n in range(9)] == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


@pytest.mark.parametrize("factor", [1.0, 1.5, 2.0, 10.0])
def test_any_number_of_failures_has_a_pause(factor: float) -> None:
    assert Backoff(0.5, 15.0, factor).after(10_000_000) == (0.5 if factor == 1.0 else 15.0)


def stepped(outcomes: list[Callable[[], bool]]) -> tuple[int, int]:
    """Take the steps, then stop; return how many were taken and how often it was closed."""
    stop = threading.Event()
    taken = closed = 0

    def step() -> bool:
        nonlocal taken
        taken += 1
        if taken == len(outcomes):
            stop.set()
        return outcomes[taken - 1]()

    def close() -> None:
        nonlocal closed
        closed += 1

    keep_stepping("it", step, stop, poll_seconds=0.0, close=close, backoff=AT_ONCE)
    return taken, closed


def lost() -> bool:
    raise psycopg.OperationalError("lost")


def refused() -> bool:
    raise DocumentNotFound("none")


def test_a_step_that_fails_lets_go_of_the_connection_and_is_taken_again() -> None:
    assert stepped([lost, refused, lambda: True, lambda: False]) == (4, 3)


def test_a_defect_ends_it() -> None:
    with pytest.raises(ZeroDivisionError):
        stepped([lambda: bool(1 // 0), lambda: True])
