"""The runner of migrations: order, locks, refusals, and what it says."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from conftest import EVERY_SERVER, SERVERS
from migrations.schema import dump_schema
from postgres.migrate import Migrator
from postgres.migration_files import (
    EventsWouldBeDeleted,
    MigrationBusy,
    MigrationChanged,
    MigrationError,
    MigrationUnknown,
    default_folder,
    read_migrations,
)

STATE = '{"at":"2026-01-01T00:00:00.000000Z"}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may change."""
    return Path(shutil.copytree(default_folder(), tmp_path / "migrations"))


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())


def one(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def add_migration(folder: Path, up: str, down: str = "SELECT 1;") -> int:
    number = len(read_migrations(folder)) + 1
    (folder / f"{number:04d}_added.up.sql").write_text(up)
    (folder / f"{number:04d}_added.down.sql").write_text(down)
    return number


@pytest.mark.parametrize("empty_database", EVERY_SERVER, indirect=True)
def test_up_and_down_leave_nothing_behind(empty_database: str) -> None:
    before = dump_schema(empty_database)
    migrator = Migrator(empty_database)

    up = migrator.up()
    down = migrator.down(to=0)

    assert [step.number for step in up] == list(range(1, len(up) + 1))
    assert list(down) == list(reversed(up))
    assert dump_schema(empty_database) == before


def test_up_does_nothing_where_all_is_done(database: str) -> None:
    assert Migrator(database).up() == []


def test_down_undoes_one_step(database: str) -> None:
    migrator = Migrator(database)

    undone = migrator.down()

    assert len(undone) == 1
    assert [step.state for step in migrator.status()][-2:] == ["applied", "pending"]


def test_steps_are_told_as_they_are_done(empty_database: str) -> None:
    told: list[tuple[str, int]] = []
    migrator = Migrator(
        empty_database, progress=lambda direction, step: told.append((direction, step.number))
    )

    migrator.up(to=2)
    migrator.down(to=0)

    assert told == [("up", 1), ("up", 2), ("down", 2), ("down", 1)]


@pytest.mark.parametrize("empty_database", SERVERS, indirect=True)
def test_many_started_at_once_do_no_harm(empty_database: str) -> None:
    barrier = threading.Barrier(4)

    def up() -> int:
        barrier.wait()
        return len(Migrator(empty_database).up())

    with ThreadPoolExecutor(4) as pool:
        done = [future.result() for future in [pool.submit(up) for _ in range(4)]]

    assert sorted(done) == [0, 0, 0, len(read_migrations(default_folder()))]


def test_a_failing_step_leaves_no_trace(empty_database: str, folder: Path) -> None:
    number = add_migration(folder, "CREATE TABLE half (id int); SELECT 1 / 0;")
    migrator = Migrator(empty_database, folder=folder)

    with pytest.raises(MigrationError, match=rf"{number:04d}_added up failed.*division by zero"):
        migrator.up()

    assert migrator.status()[-2].state == "applied"
    assert migrator.status()[-1].state == "pending"
    assert one(empty_database, "SELECT to_regclass('half') IS NULL")


def test_a_changed_step_is_told(database: str, folder: Path) -> None:
    file = next(folder.glob("0002_*.up.sql"))
    file.write_text(file.read_text() + "\n-- later\n")
    migrator = Migrator(database, folder=folder)

    with pytest.raises(MigrationChanged, match="0002_read_models was changed"):
        migrator.up()

    assert migrator.status()[1].state == "changed"


def test_a_newer_database_is_told(empty_database: str, folder: Path) -> None:
    number = add_migration(folder, "SELECT 1;")
    Migrator(empty_database, folder=folder).up()
    older = Migrator(empty_database)

    with pytest.raises(MigrationUnknown, match=f"{number:04d}_added"):
        older.up()

    assert older.status()[-1].state == "unknown"


def test_numbers_without_a_file_are_refused(database: str, folder: Path) -> None:
    next(folder.glob("0001_*.up.sql")).unlink()

    with pytest.raises(MigrationError, match="without a gap"):
        Migrator(database, folder=folder)

    with pytest.raises(MigrationError, match="there is no migration 99"):
        Migrator(database).up(to=99)


def test_a_log_with_events_is_kept(database: str) -> None:
    execute(database, f"INSERT INTO docledger_events VALUES ('d', 1, 't', '{STATE}')")
    migrator = Migrator(database)

    with pytest.raises(EventsWouldBeDeleted, match="--delete-events"):
        migrator.down(to=0)

    assert {step.state for step in migrator.status()} == {"applied"}
    assert one(database, "SELECT count(*) FROM docledger_events") == 1


def test_a_log_with_events_is_deleted_where_that_was_said(database: str) -> None:
    execute(database, f"INSERT INTO docledger_events VALUES ('d', 1, 't', '{STATE}')")
    execute(database, "INSERT INTO documents (id) VALUES ('d')")

    Migrator(database).down(to=0, delete_events=True)

    assert one(database, "SELECT to_regclass('docledger_events') IS NULL")
    assert one(database, "SELECT to_regclass('documents') IS NULL")


def test_documents_that_were_made_here_outlive_the_read_models(database: str) -> None:
    execute(database, "INSERT INTO documents (id, title) VALUES ('d', 'kept')")
    migrator = Migrator(database)

    migrator.down(to=1)
    migrator.up()
    assert one(database, "SELECT title FROM documents") == "kept"

    execute(database, "DELETE FROM documents")
    migrator.down(to=1)
    assert one(database, "SELECT to_regclass('documents') IS NULL")


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ("CREATE TABLE documents (id uuid PRIMARY KEY)", "is of type uuid.*text or varchar"),
        ("CREATE TABLE documents (key text PRIMARY KEY)", r"is of type \(absent\)"),
        ("CREATE TABLE documents (id text)", "has no primary key"),
        (
            "CREATE TABLE documents (id text, realm_id text, title text, PRIMARY KEY (id, title))",
            "has no primary key",
        ),
        (
            "CREATE TABLE documents (id text UNIQUE, title text, realm_id text)",
            "lacks the columns content, created_at, updated_at",
        ),
    ],
)
@pytest.mark.parametrize("empty_database", SERVERS, indirect=True)
def test_documents_that_cannot_be_used_are_told(
    empty_database: str, documents: str, message: str
) -> None:
    execute(empty_database, documents)

    with pytest.raises(MigrationError, match=message):
        Migrator(empty_database).up()

    assert one(empty_database, "SELECT to_regclass('stage_output_files') IS NULL")


def test_documents_may_have_a_text_id(empty_database: str) -> None:
    execute(
        empty_database,
        "CREATE TABLE documents (id text UNIQUE, title text, content text, realm_id text,"
        " created_at timestamp, updated_at timestamp)",
    )

    Migrator(empty_database).up()

    execute(empty_database, "INSERT INTO documents (id) VALUES (repeat('x', 255))")


def test_a_table_in_use_is_told_and_nobody_queues_behind(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postgres.migrate._STEP_TRIES", 1)
    monkeypatch.setattr("postgres.migrate._STEP_LOCK_WAIT_SECONDS", 0.1)
    migrator = Migrator(empty_database)
    migrator.up(to=2)
    with psycopg.connect(empty_database) as connection:
        connection.execute("SELECT FROM stage_output_files")

        with pytest.raises(MigrationBusy, match="long transaction"):
            migrator.down()

    assert len(migrator.down()) == 1


def test_a_database_that_is_not_there_is_told(embedded_server: object) -> None:
    with pytest.raises(MigrationError, match="cannot be reached"):
        Migrator("postgresql://nobody@127.0.0.1:1/none").up()


def test_tables_of_a_search_path_do_not_mislead(empty_database: str) -> None:
    execute(empty_database, "CREATE SCHEMA postgres")  # "$user" comes first by default

    Migrator(empty_database).up()

    assert one(empty_database, "SELECT to_regclass('public.stage_output_files') IS NOT NULL")
