"""Projectors for tests, and ways to look at and to disturb them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psycopg

from eventstore.history import History
from postgres.tracking import READ_MODELS, read_position
from projections.live.projector import Pace, Projector

NAME = "projector under test"


def make_projector(
    url: str,
    history: History,
    *,
    batch_events: int = 500,
    poll_seconds: float = 0.5,
    patience_seconds: float = 1.0,
    observe: Callable[[int, float], None] | None = None,
) -> Projector:
    """Return a projector whose connections are named `NAME`."""
    pace = Pace(
        batch_events=batch_events, poll_seconds=poll_seconds, patience_seconds=patience_seconds
    )
    connect = partial(psycopg.connect, url, application_name=NAME)
    return Projector(connect, history, pace=pace, observe=observe)


@contextmanager
def running(*projectors: Projector) -> Iterator[None]:
    """Let projectors run, each in a thread, until the context is left."""
    threads = [threading.Thread(target=projector.run) for projector in projectors]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for projector in projectors:
            projector.stop()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> float:
    """Wait until it holds; return how long that took."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds, "it never came to hold"
        time.sleep(0.01)
    return time.monotonic() - started


def position_of(url: str) -> int:
    """Return the tracking position."""
    with psycopg.connect(url) as connection:
        return read_position(connection, READ_MODELS)


def is_caught_up(url: str, history: History) -> bool:
    """Tell whether the tables are at the end of the log."""
    return position_of(url) == history.last_position()


def end_connections(url: str, name: str = NAME) -> int:
    """Cut the connections of this name to the database; return how many there were."""
    with psycopg.connect(url) as connection:
        cut = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = %s AND datname = current_database()",
            (name,),
        ).fetchall()
    return len(cut)
