"""The caller's deadline ends every kind of wait, and leaves nothing that waits on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from postgres import connections
from postgres.connections import SESSION, conninfo
from postgres.deadlines import Allowance, DatabaseSilent, answer_within, waiting_for_database
from postgres.pools import async_connection_pool, connection_pool

FOR_EVER = "SELECT pg_sleep(3600)"


def connect(database: str) -> connections.Connection[Any]:
    return connections.connect(conninfo(database, "docledger test"), autocommit=True)


def in_pipeline(connection: connections.Connection[Any]) -> None:
    with connection.pipeline():
        connection.execute(FOR_EVER)


def in_transaction(connection: connections.Connection[Any]) -> None:
    with connection.transaction():
        connection.execute(FOR_EVER)


def by_copy(connection: connections.Connection[Any]) -> None:
    with connection.cursor().copy(f"COPY ({FOR_EVER}) TO STDOUT") as copy:
        copy.read()


@pytest.mark.parametrize("ask", [in_pipeline, in_transaction, by_copy])
def test_a_wait_ends_and_its_connection_is_closed(
    database: str, ask: Callable[[connections.Connection[Any]], None]
) -> None:
    connection = connect(database)
    with pytest.raises(DatabaseSilent), answer_within(0.2):
        ask(connection)
    assert connection.closed


def test_sessions_are_set_without_a_start_up_parameter(database: str) -> None:
    with connect(database) as connection:
        asked = "SELECT current_setting('TimeZone'), current_setting('jit')"
        assert connection.execute(asked).fetchone() == ("UTC", "off")
        assert connection.autocommit
        assert "options" not in connection.info.get_parameters()
        # They outlive a transaction that is rolled back.
        with connection.transaction(force_rollback=True):
            pass
        assert connection.execute(asked).fetchone() == ("UTC", "off")


def test_a_setting_that_the_server_refuses_leaves_no_connection(database: str) -> None:
    with pytest.raises(psycopg.errors.UndefinedObject):
        connections.connect(conninfo(database, "docledger test"), {"no_such_setting": "1"})


def test_what_an_address_says_itself_stays() -> None:
    given = "postgresql://host/db?keepalives_idle=99&application_name=own&connect_timeout=3"
    found = psycopg.conninfo.conninfo_to_dict(conninfo(given, "docledger test"))
    assert (found["keepalives_idle"], found["application_name"]) == ("99", "own")
    assert found["connect_timeout"] == "3"
    assert found["tcp_user_timeout"] == "20000"


def test_a_request_has_one_allowance_for_all_its_calls(database: str) -> None:
    def calls() -> list[str]:
        Allowance(0.5).grant()
        came = []
        with connect(database) as connection:
            for _ in range(10):
                try:
                    with waiting_for_database(60):
                        connection.execute("SELECT pg_sleep(0.2)")
                    came.append("answered")
                except DatabaseSilent:
                    came.append("silent")
        return came

    with ThreadPoolExecutor(1) as thread:
        came = thread.submit(calls).result()
    assert came == sorted(came)
    assert came.count("answered") in (1, 2)  # the third would be beyond half a second


def test_tasks_wait_until_their_deadline(database: str) -> None:
    async def ask() -> None:
        address = conninfo(database, "docledger test")
        async with async_connection_pool(address, SESSION, max_size=1, timeout_seconds=60) as pool:
            async with pool.connection() as held:
                with pytest.raises(PoolTimeout), answer_within(0.2):
                    await pool.getconn()
                with pytest.raises(DatabaseSilent), answer_within(0.2):
                    await held.execute(FOR_EVER)
            # The pool goes on with a new connection.
            async with pool.connection() as other:
                assert other is not held
                await other.execute("SELECT")

    asyncio.run(ask())


def test_a_cancelled_task_does_not_wait_for_the_server(database: str) -> None:
    async def ask() -> None:
        connection: connections.AsyncConnection[Any]
        connection = await connections.AsyncConnection.connect(database, autocommit=True)
        task = asyncio.create_task(connection.execute(FOR_EVER))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert connection.closed

    asyncio.run(ask())


def test_a_thread_waits_for_a_pool_until_its_deadline(database: str) -> None:
    address = conninfo(database, "docledger test")
    with connection_pool(address, SESSION, max_size=1, timeout_seconds=60) as pool:
        over = threading.Event()
        held = threading.Event()

        def hold() -> None:
            with pool.connection():
                held.set()
                over.wait(60)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(60)
        try:
            with pytest.raises(PoolTimeout), answer_within(0.2), pool.connection():
                pass
        finally:
            over.set()
            thread.join()
