"""A reader that goes on from the last position it saw skips nothing, whoever writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from conftest import SERVERS
from eventstore.history import History
from eventstore.recorded import RecordedEvent
from integration.eventstore.writers import in_processes, write
from integration.eventstore.writing import Log

EVENTS_OF_A_WRITER = 300
_LEAST_INSERTED = 15
STATE = b'{"at":"2001-01-01T00:00:00.000000Z","actor":"a","command_id":"c"}'


@pytest.mark.parametrize("database", SERVERS, indirect=True)
def test_nothing_is_skipped_and_times_never_go_back(log: Log, database: str) -> None:
    over, all_written = threading.Event(), threading.Event()
    with ThreadPoolExecutor(3) as threads, _ended(over, all_written):
        reading = threads.submit(tail, log.history, all_written)
        plain = threads.submit(insert_plainly, database, over)
        threads.submit(vacuum, database, over)
        written = in_processes(
            write, [(database, name, 3, EVENTS_OF_A_WRITER) for name in ("one", "two")]
        )
        over.set()
        inserted = plain.result(60)
        all_written.set()
        seen = reading.result(60)

    every = log.query("SELECT notification_id FROM docledger_events ORDER BY 1")
    assert [recorded.position for recorded in seen] == [position for (position,) in every]
    assert len(seen) == sum(written) + inserted
    times = log.query("""
        SELECT substring(state FROM 8 FOR 27) FROM docledger_events ORDER BY notification_id""")
    assert times == sorted(times)


def tail(history: History, over: threading.Event) -> list[RecordedEvent]:
    """Read the log after the last position seen, over and over."""
    seen: list[RecordedEvent] = []
    while True:
        is_over = over.is_set()
        batch = history.after(seen[-1].position if seen else 0, 500)
        seen += batch
        if is_over and not batch:
            return seen


def insert_plainly(dsn: str, over: threading.Event) -> int:
    """Insert events as with psql, some of them in slow transactions, five times at the least."""
    number = 0
    with psycopg.connect(dsn, autocommit=True) as connection:
        while not over.is_set() or number < _LEAST_INSERTED:
            with connection.transaction():
                for _ in range(3):
                    number += 1
                    connection.execute(
                        "INSERT INTO docledger_events (originator_id, originator_version, topic,"
                        " state) VALUES ('plain', %s, 'WorkflowPaused', %s)",
                        (number, STATE),
                    )
                time.sleep(0.01)
            time.sleep(0.05)
    return number


def vacuum(dsn: str, over: threading.Event) -> None:
    """Vacuum and analyse the log without a pause."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        while not over.is_set():
            connection.execute("VACUUM (ANALYZE) docledger_events")
            time.sleep(0.02)


@contextmanager
def _ended(*events: threading.Event) -> Iterator[None]:
    try:
        yield
    finally:
        for event in events:
            event.set()
