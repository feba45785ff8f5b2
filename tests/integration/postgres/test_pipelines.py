"""Transactions whose answers are not waited for: all of one is done, or none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from postgres.pipelines import pipelined, unawaited_transaction

Connection = psycopg.Connection[TupleRow]

INSERT = "INSERT INTO numbers VALUES (%s)"


@pytest.fixture
def connection(empty_database: str) -> Iterator[Connection]:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE numbers (number int PRIMARY KEY)")
        yield connection


def numbers(connection: Connection) -> list[int]:
    assert connection.info.transaction_status is TransactionStatus.IDLE
    return [row[0] for row in connection.execute("SELECT number FROM numbers ORDER BY number")]


def insert(
    connection: Connection,
    *numbers: int,
    then: Callable[[], object] = lambda: None,
    afterwards: Callable[[], object] = lambda: None,
) -> None:
    with pipelined(connection):
        with unawaited_transaction(connection):
            for number in numbers:
                connection.execute(INSERT, (number,), prepare=True)
            then()
        afterwards()


def test_all_of_it_is_there_once_the_block_has_ended(connection: Connection) -> None:
    with pipelined(connection), unawaited_transaction(connection):
        connection.execute(INSERT, (1,))
        found = connection.execute("SELECT count(*) FROM numbers")
        connection.execute(INSERT, (2,))
        assert found.fetchone() == (1,)
    assert numbers(connection) == [1, 2]


def test_all_of_it_is_one_round_trip(connection: Connection, tmp_path: Path) -> None:
    insert(connection, 1)
    with (tmp_path / "messages").open("w+b") as messages:
        connection.pgconn.trace(messages.fileno())
        insert(connection, 2, 3, afterwards=lambda: connection.execute("SELECT 1"))
        connection.pgconn.untrace()
        messages.seek(0)
        sent = [line.split(b"\t")[-1].strip() for line in messages if b"\tF\t" in line]
    assert sent.count(b"Sync") == 1, sent
    assert numbers(connection) == [1, 2, 3]


def test_nothing_of_it_is_seen_before_its_end(connection: Connection, empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as other, pipelined(connection):
        with unawaited_transaction(connection):
            connection.execute(INSERT, (1,))
            assert connection.execute("SELECT count(*) FROM numbers").fetchone() == (1,)
            assert numbers(other) == []
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert numbers(other) == [1]


def test_what_the_database_refuses_is_raised_by_the_end(connection: Connection) -> None:
    reached: list[str] = []
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(connection, 1, 1, then=lambda: reached.append("the block's end"))
    assert reached == ["the block's end"]
    assert numbers(connection) == []


def test_what_the_commit_refuses_is_raised_by_the_end(connection: Connection) -> None:
    connection.execute(
        "ALTER TABLE numbers ADD before int REFERENCES numbers DEFERRABLE INITIALLY DEFERRED"
    )
    insert(connection, 1)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert(connection, 2, then=lambda: connection.execute("UPDATE numbers SET before = 7"))
    assert numbers(connection) == [1]


def test_what_is_raised_in_the_block_takes_it_back(connection: Connection) -> None:
    with pytest.raises(ZeroDivisionError):
        insert(connection, 1, then=lambda: 1 // 0)
    assert numbers(connection) == []


def test_nothing_that_follows_a_failed_transaction_is_done(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(connection, 1, 1, afterwards=lambda: connection.execute(INSERT, (2,)))
    assert numbers(connection) == []


def test_a_connection_goes_on_after_a_failure(connection: Connection) -> None:
    for number in range(10):  # long enough for its statements to be prepared
        with pytest.raises(psycopg.errors.UniqueViolation):
            insert(connection, number, number)
        insert(connection, number)
    assert numbers(connection) == list(range(10))


def test_a_lost_connection_is_told(connection: Connection, empty_database: str) -> None:
    def cut() -> None:
        with psycopg.connect(empty_database, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))

    with pytest.raises(psycopg.OperationalError):
        insert(connection, 1, then=cut)
    assert connection.closed
