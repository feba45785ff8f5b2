"""A server of the user's own: whatever is asked of a database holds on it as well."""

from __future__ import annotations

import psycopg
import pytest

from conftest import EVERY_SERVER, Server


@pytest.mark.parametrize("database", ["debian"], indirect=True)
def test_it_is_another_server_than_the_embedded_one(database: str) -> None:
    with psycopg.connect(database) as connection:
        assert 15 <= connection.info.server_version // 10_000 <= 18
        assert connection.info.hostaddr == "127.0.0.1"


@pytest.mark.parametrize(
    ("database", "version"), [("postgres_16", 16), ("postgres_17", 17)], indirect=["database"]
)
def test_each_version_is_what_it_is_called(database: str, version: int) -> None:
    with psycopg.connect(database) as connection:
        assert connection.info.server_version // 10_000 == version


@pytest.mark.parametrize("database", EVERY_SERVER, indirect=True)
def test_a_database_is_migrated_and_empty(database: str) -> None:
    with psycopg.connect(database) as connection:
        stages = connection.execute("SELECT count(*) FROM stage_dependencies").fetchone()
        events = connection.execute("SELECT count(*) FROM docledger_events").fetchone()

    assert (stages, events) == ((7,), (0,))


def test_databases_do_not_share_anything(embedded_server: Server) -> None:
    first = embedded_server.create_migrated_database()
    with psycopg.connect(first) as connection:
        connection.execute("INSERT INTO documents (id) VALUES ('a')")

    second = embedded_server.create_migrated_database()

    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT count(*) FROM documents").fetchone() == (0,)
    embedded_server.drop_database(first)
    embedded_server.drop_database(second)
