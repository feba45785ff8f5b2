"""A thread may keep its connection; one that is cut is replaced, and errors are the library's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from eventsourcing.persistence import OperationalError, PersistenceError, ProgrammingError

from eventstore.datastore import DsnDatastore

_PID = "SELECT pg_backend_pid() AS pid"


@pytest.fixture
def datastore(database: str) -> Iterator[DsnDatastore]:
    with closing(DsnDatastore(database, pool_size=3)) as datastore:
        yield datastore


def pid(datastore: DsnDatastore) -> int:
    with datastore.get_connection() as connection:
        row = connection.execute(_PID).fetchone()
    assert row is not None
    return int(row["pid"])


def in_use(datastore: DsnDatastore) -> int:
    stats = datastore.pool.get_stats()
    return stats["pool_size"] - stats["pool_available"]


def cut_at_work(database: str, datastore: DsnDatastore) -> None:
    with datastore.get_connection() as connection:
        cut(database, connection.info.backend_pid)
        connection.execute(_PID)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def cut(database: str, backend_pid: int) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (backend_pid,))


def test_it_is_the_same_for_one_thread_and_no_other(datastore: DsnDatastore) -> None:
    with datastore.keep_connection(), ThreadPoolExecutor(1) as others:
        kept = {pid(datastore) for _ in range(5)}
        assert len(kept) == 1
        assert others.submit(pid, datastore).result() not in kept
        assert pid(datastore) in kept
        with datastore.get_connection() as outer, datastore.get_connection() as inner:
            assert outer is inner


def test_it_goes_back_to_the_pool(datastore: DsnDatastore) -> None:
    with datastore.keep_connection():
        assert pid(datastore)
        assert in_use(datastore) >= 1
    # The pool may be making another one just now.
    until(lambda: in_use(datastore) == 0)


def test_one_that_was_cut_while_it_lay_idle_is_replaced_unnoticed(
    database: str, datastore: DsnDatastore
) -> None:
    with datastore.keep_connection():
        before = pid(datastore)
        cut(database, before)
        after = pid(datastore)
        assert after != before
        assert pid(datastore) == after


def test_one_that_is_cut_at_work_is_told_of_and_replaced(
    database: str, datastore: DsnDatastore
) -> None:
    with datastore.keep_connection():
        before = pid(datastore)
        with pytest.raises(OperationalError):
            cut_at_work(database, datastore)
        assert pid(datastore) != before


def test_an_error_is_told_in_the_librarys_words_and_costs_nothing_more(
    datastore: DsnDatastore,
) -> None:
    with datastore.keep_connection():
        with pytest.raises(ProgrammingError), datastore.get_connection() as connection:
            connection.execute("SELECT FROM nowhere")
        with pytest.raises(KeyError), datastore.get_connection():
            raise KeyError
        assert pid(datastore)
    until(lambda: in_use(datastore) == 0)


def test_a_database_that_cannot_be_reached_is_asked_again_each_time() -> None:
    datastore = DsnDatastore("postgresql://127.0.0.1:1/none", timeout_seconds=0.2)
    with closing(datastore), datastore.keep_connection():
        for _ in range(2):
            with pytest.raises(PersistenceError), datastore.get_connection():
                pass
