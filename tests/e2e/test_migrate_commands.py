"""`docledger migrate` up, down and status, on a server of the user's own and the embedded one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from conftest import Server
from e2e.installation import Installation, installed
from e2e.papers import small_papers

MIGRATIONS = sorted((Path(__file__).parents[2] / "migrations").glob("*.up.sql"))


@pytest.fixture
def migrated(debian_server: Server) -> Iterator[Installation]:
    """An installation on an empty database, which `migrate up` then fills."""
    url = debian_server.create_database()
    with installed(database_url=url) as made:
        assert states(made) == {"pending"}
        assert made.run("migrate", "up").returncode == 0
        yield made
    debian_server.drop_database(url)


def states(installation: Installation) -> set[str]:
    """Return the states that any step is in."""
    items = installation.json("migrate", "status")["items"]
    assert [item["number"] for item in items] == list(range(1, len(MIGRATIONS) + 1))
    return {item["state"] for item in items}


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'v')"
        )
        return {name for (name,) in found}


def test_up_down_and_up_again(migrated: Installation) -> None:
    assert states(migrated) == {"applied"}
    assert migrated.run("migrate", "up").stdout == "nothing to apply\n"
    full = tables(migrated.database_url)
    assert full >= {"documents_processing_stages", "document_processing_stages", "docledger_events"}

    one = migrated.run("migrate", "down")
    assert one.stdout.startswith(f"undid {MIGRATIONS[-1].name[:4]}")
    assert states(migrated) == {"applied", "pending"}
    assert migrated.run("migrate", "down", "--to", "0").returncode == 0
    assert tables(migrated.database_url) == set()
    assert migrated.run("migrate", "up").returncode == 0
    assert tables(migrated.database_url) == full


def test_a_log_with_events_is_not_dropped_unasked(migrated: Installation, tmp_path: Path) -> None:
    assert migrated.run("process", *small_papers(tmp_path, 1)).returncode == 0
    before = tables(migrated.database_url)
    folders = list((migrated.uploads / "documents").iterdir())
    assert len(folders) == 1
    own = migrated.uploads / "documents" / "mine"
    own.mkdir()
    refused = migrated.run("migrate", "down", "--to", "0")
    assert refused.returncode == 3
    assert (refused.stdout, refused.stderr.count("\n")) == ("", 1)
    assert "--delete-events" in refused.stderr
    assert tables(migrated.database_url) == before
    assert states(migrated) == {"applied"}
    assert folders[0].is_dir()

    done = migrated.run("migrate", "down", "--to", "0", "--delete-events")
    assert done.returncode == 0, done.stderr
    assert tables(migrated.database_url) == set()
    assert list((migrated.uploads / "documents").iterdir()) == [own]
    assert "removed the folders of 1 documents; their contents stay in" in done.stdout
    assert list((migrated.uploads / "blobs").rglob("*"))


@pytest.mark.parametrize(
    "arguments",
    [("up", "--to", "99"), ("down", "--to", "-1"), ("down", "--to", "x"), ("sideways",)],
)
def test_wrong_use_is_told(arguments: tuple[str, ...]) -> None:
    with installed(database_url="postgresql://127.0.0.1:1/nowhere") as nowhere:
        done = nowhere.run("migrate", *arguments)
    assert done.returncode == 2
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
