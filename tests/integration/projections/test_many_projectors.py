"""Any number of projectors may run: each event is applied once, and work goes on when one dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from eventstore.history import History
from integration.projections.comparison import assert_tables_are_the_fold
from integration.projections.log_writer import LogWriter
from integration.projections.projecting import (
    eventually,
    is_caught_up,
    make_projector,
    position_of,
    running,
)

_ALONE = Path(__file__).with_name("projector_process.py")


def test_no_event_is_applied_by_two(database: str, history: History, log: LogWriter) -> None:
    applied: list[int] = []
    projectors = [
        make_projector(
            database,
            history,
            batch_events=5,
            poll_seconds=0.01,
            observe=lambda events, _: applied.append(events),
        )
        for _ in range(3)
    ]
    with running(*projectors):
        log.random_histories([f"doc-{n}" for n in range(20)], seed=7, rounds=30)
        eventually(lambda: is_caught_up(database, history))
    assert sum(applied) == len(history.after(0, 1_000_000))
    assert_tables_are_the_fold(database, history)


def test_another_takes_over_when_the_one_at_work_is_killed(
    database: str, history: History, log: LogWriter
) -> None:
    with _process(database) as first:
        log.random_histories([f"doc-{n}" for n in range(10)], seed=8, rounds=10)
        eventually(lambda: is_caught_up(database, history))
        with running(make_projector(database, history)):
            for number in range(3):
                log.register(f"more-{number}")
            first.send_signal(signal.SIGKILL)
            log.random_histories([f"late-{n}" for n in range(10)], seed=9, rounds=10)
            assert eventually(lambda: is_caught_up(database, history)) < 5.0
    assert_tables_are_the_fold(database, history)


def test_nothing_is_lost_or_doubled_by_kills_in_the_middle_of_batches(
    database: str, history: History, log: LogWriter
) -> None:
    log.random_histories([f"doc-{n}" for n in range(30)], seed=10, rounds=40)
    for _ in range(4):
        before = position_of(database)
        with _process(database, batch_events=20) as process:
            eventually(lambda before=before: position_of(database) > before)  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
    assert position_of(database) < history.last_position()
    make_projector(database, history).run_until(history.last_position())
    assert_tables_are_the_fold(database, history)


def test_one_that_hangs_with_the_lock_is_ended_by_the_server(
    database: str, history: History, log: LogWriter
) -> None:
    """What a stopped process or a lost host leaves behind: a transaction that holds the lock."""
    log.register("doc-1")
    make_projector(database, history).run_until(history.last_position())
    with psycopg.connect(database) as hanging:
        hanging.execute("SET idle_in_transaction_session_timeout = '1s'")
        hanging.execute("SELECT * FROM tracking FOR UPDATE")
        log.register("doc-2")
        with running(make_projector(database, history)):
            time.sleep(0.3)
            assert not is_caught_up(database, history)
            assert eventually(lambda: is_caught_up(database, history)) < 6.0
        hanging.close()


@contextmanager
def _process(database: str, batch_events: int = 500) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, _ALONE, database, str(batch_events)], env=environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
