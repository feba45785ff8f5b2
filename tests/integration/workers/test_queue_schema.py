"""The migration makes exactly the queue that the library expects."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.adapters.persistence.queries import Queries

from conftest import SERVERS
from workers.jobs.schema import ENVIRONMENT, QUEUE, QUEUE_SCHEMA, SCHEDULES, install_sql

MIGRATIONS = Path(__file__).parents[3] / "migrations"


def test_the_migration_holds_the_librarys_text() -> None:
    assert install_sql().strip() in (MIGRATIONS / "0003_work.up.sql").read_text()


def statements_to_upgrade(database: str) -> int:
    async def count() -> int:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            queries = Queries(PsycopgDriver(connection), ENVIRONMENT, QUEUE, SCHEDULES)
            plan = await queries.plan_upgrade()
        return len(plan.statements)

    return asyncio.run(count())


@pytest.mark.parametrize("database", SERVERS, indirect=True)
def test_the_library_finds_nothing_to_upgrade(database: str) -> None:
    assert statements_to_upgrade(database) == 0


def test_the_library_would_find_a_difference(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"ALTER TABLE {QUEUE_SCHEMA}.pgqueuer DROP COLUMN slot".encode())
    assert statements_to_upgrade(database) > 0


def test_the_environment_does_not_reach_in() -> None:
    environment = os.environ | {"PGQUEUER_PREFIX": "other_", "PGQUEUER_QUEUE_TABLE": "elsewhere"}
    program = "from workers.jobs.schema import install_sql; print(install_sql())"
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"PYTHONPATH": str(MIGRATIONS.parent / "src")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.strip() == install_sql().strip()
