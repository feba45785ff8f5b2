"""Which storage a database takes for its own, and what is refused to work with another."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import Server
from docledger.adoption import Adoption, ContentMissing, OtherStorage
from domain.storage_errors import StorageUnavailable
from eventstore.named_blobs import named_checksums
from files.identity import MARKER, LocalIdentity, Marker
from files.layout import blob_path
from files.storage import Storage, local_storage
from files.sweeper import Sweeper
from postgres.migrate import Migrator

_IDS = itertools.count()


def adoption(database: str, root: Path) -> Adoption:
    """Return what a process does that is set up with these."""
    return Adoption(
        partial(psycopg.connect, database),
        lambda: local_storage(root),
        root.as_uri(),
        clock=lambda: datetime.now(UTC),
        new_id=lambda: f"storage-{next(_IDS)}",
    )


def put(database: str, root: Path, *contents: bytes) -> None:
    """Store contents and name them in the log."""
    blobs = local_storage(root).blobs
    append(database, *({"checksum": blobs.put_stream([each]).checksum} for each in contents))


def append(database: str, *fields: Mapping[str, Any], topic: str = "OriginalStored") -> None:
    with psycopg.connect(database) as connection:
        for each in fields:
            event = {"at": "2026-01-01T00:00:00.000000Z", "actor": "a", "command_id": "c", **each}
            state = json.dumps(event, separators=(",", ":")).encode()
            connection.execute(
                "INSERT INTO docledger_events (originator_id, originator_version, topic, state)"
                " SELECT 'd', 1 + count(*), %s, %s FROM docledger_events",
                (topic, state),
            )


def row(database: str) -> tuple[str, str] | None:
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT storage_id, location FROM docledger_storage").fetchone()
    return None if found is None else (found[0], found[1])


def marker(root: Path) -> Marker | None:
    return LocalIdentity(root).read()


@pytest.fixture
def second(server: Server) -> Iterator[str]:
    """Another database of the same server."""
    url = server.create_migrated_database()
    yield url
    server.drop_database(url)


def test_a_storage_is_adopted_once(database: str, tmp_path: Path) -> None:
    ours = adoption(database, tmp_path)
    assert ours.status().state == "none"
    with pytest.raises(OtherStorage, match="docledger migrate up"):
        ours.require()

    assert ours.adopt_if_fits()
    assert not ours.adopt_if_fits()

    ours.require()
    found = ours.status()
    assert found.state == "adopted"
    assert row(database) == (found.storage_id, tmp_path.as_uri())
    assert marker(tmp_path) == Marker(found.storage_id or "")


def test_starters_at_once_agree(database: str, tmp_path: Path) -> None:
    starters = [adoption(database, tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        adopted = list(threads.map(Adoption.adopt_if_fits, starters))

    assert adopted.count(True) == 1
    assert [each.status().state for each in starters] == ["adopted"] * 8


def test_databases_that_start_at_once_share_and_know_it(
    database: str, second: str, tmp_path: Path
) -> None:
    both = adoption(database, tmp_path), adoption(second, tmp_path)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(Adoption.adopt_if_fits, both))

    assert [each.status().state for each in both] == ["shared"] * 2


def test_a_role_with_another_storage_is_told_which_and_what_to_do(
    database: str, second: str, tmp_path: Path
) -> None:
    adoption(database, tmp_path / "ours").adopt_if_fits()
    adoption(second, tmp_path / "theirs").adopt_if_fits()

    for name in ("empty", "theirs"):
        with pytest.raises(OtherStorage) as told:
            adoption(database, tmp_path / name).require()
        for words in (f"/{name}", "/ours", "DOCLEDGER_STORAGE_URL", "docledger storage adopt"):
            assert words in str(told.value)
        assert adoption(database, tmp_path / name).status().state == "other"


def test_content_that_the_log_names_tells_its_storage(database: str, tmp_path: Path) -> None:
    """A database that came before ids: its storage has content and no id."""
    put(database, tmp_path / "ours", *(b"%d" % number for number in range(50)))

    for _ in range(2):
        with pytest.raises(ContentMissing, match="Of 32 contents that the log names, 0 were found"):
            adoption(database, tmp_path / "empty").adopt_if_fits()
    assert (row(database), marker(tmp_path / "empty")) == (None, None)

    assert adoption(database, tmp_path / "ours").adopt_if_fits()
    adoption(database, tmp_path / "ours").require()


@pytest.mark.parametrize(("lost", "fits"), [(1, True), (3, False)])
def test_most_of_the_content_has_to_be_there(
    database: str, tmp_path: Path, lost: int, fits: bool
) -> None:
    put(database, tmp_path, b"a", b"b", b"c", b"d")
    blobs = sorted((tmp_path / "blobs/sha256").glob("*/*/*"))
    for path in blobs[:lost]:
        path.unlink()

    if fits:
        assert adoption(database, tmp_path).adopt_if_fits()
    else:
        with pytest.raises(ContentMissing):
            adoption(database, tmp_path).adopt_if_fits()


def test_a_log_that_names_no_content_fits_any_storage(database: str, tmp_path: Path) -> None:
    append(database, {}, topic="DocumentDeleted")
    append(database, {"checksum": "ab" * 32}, topic="OutputFileImported")  # it is kept elsewhere

    assert adoption(database, tmp_path).adopt_if_fits()


def test_a_second_database_makes_it_shared_until_one_takes_it_over(
    database: str, second: str, tmp_path: Path
) -> None:
    first, other = adoption(database, tmp_path), adoption(second, tmp_path)
    first.adopt_if_fits()
    put(database, tmp_path, b"of the first database")

    assert other.adopt_if_fits()
    for each in (first, other):
        each.require()
        assert each.status().state == "shared"

    other.adopt(force=False)
    other.require()
    assert other.status().state == "adopted"
    with pytest.raises(OtherStorage):
        first.require()


def test_after_a_move_it_is_adopted_where_its_content_is(database: str, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    adoption(database, old).adopt_if_fits()
    put(database, old, b"content")
    shutil.copytree(old, new, ignore=shutil.ignore_patterns(MARKER))

    with pytest.raises(OtherStorage):
        adoption(database, new).require()
    assert adoption(database, new).adopt_if_fits()

    adoption(database, new).require()
    with pytest.raises(OtherStorage):
        adoption(database, old).require()


def test_a_storage_without_the_content_is_adopted_by_force_alone(
    database: str, tmp_path: Path
) -> None:
    put(database, tmp_path / "lost", b"content")
    restored = adoption(database, tmp_path / "new")

    with pytest.raises(ContentMissing, match="--force"):
        restored.adopt(force=False)
    assert row(database) is None

    assert restored.adopt(force=True) == "Of 1 contents that the log names, 0 were found in it"
    restored.require()


def test_one_killed_while_it_adopts_hinders_no_other(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    ours = adoption(database, tmp_path)
    acts: dict[str, Callable[[], object]] = {
        "create": ours.adopt_if_fits,
        "replace": lambda: ours.adopt(force=False),
    }
    for step, act in acts.items():
        with monkeypatch.context() as patch:
            patch.setattr(LocalIdentity, step, killed)
            with pytest.raises(KeyboardInterrupt):
                act()
        with pytest.raises(OtherStorage):
            adoption(database, tmp_path).require()
        adoption(database, tmp_path).adopt(force=False)
        assert adoption(database, tmp_path).status().state == "adopted"


def test_the_id_goes_with_the_table(empty_database: str, tmp_path: Path) -> None:
    migrator, ours = Migrator(empty_database), adoption(empty_database, tmp_path)
    migrator.up()
    ours.adopt_if_fits()
    with ours.given_up():
        pass
    ours.require()

    with ours.given_up():
        migrator.down(to=12)
    assert marker(tmp_path) is None
    migrator.up()
    assert ours.adopt_if_fits()
    assert ours.status().state == "adopted"


def test_a_storage_that_is_away_is_not_another(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = adoption(database, tmp_path)
    ours.adopt_if_fits()

    def away(_: LocalIdentity) -> Marker | None:
        raise StorageUnavailable

    monkeypatch.setattr(LocalIdentity, "read", away)
    assert ours.status().state == "unreachable"
    with pytest.raises(StorageUnavailable):
        ours.require()


def test_only_what_is_this_databases_alone_is_swept(
    database: str, second: str, tmp_path: Path
) -> None:
    storage: Storage = local_storage(tmp_path)
    ours = adoption(database, tmp_path)
    orphan = storage.blobs.put_stream([b"orphan"])

    def sweep() -> bool:
        sweeper = Sweeper(
            storage.blobs,
            storage.tree,
            partial(named_checksums, partial(psycopg.connect, database)),
            may_sweep=lambda: ours.status().state == "adopted",
            every_seconds=3600,
            older_than_seconds=-3600,
        )
        sweeper.sweep()
        return not (tmp_path / blob_path(orphan.checksum)).exists()

    assert not sweep()
    ours.adopt_if_fits()
    adoption(second, tmp_path).adopt_if_fits()
    assert not sweep()
    ours.adopt(force=False)
    assert sweep()


@contextmanager
def _held(database: str) -> Iterator[None]:
    """Hold the lock under which storages are adopted."""
    with psycopg.connect(database) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (0x646F636C73746F72,))
        yield


def test_an_adoption_waits_for_one_under_way(database: str, tmp_path: Path) -> None:
    adopting = threading.Thread(target=adoption(database, tmp_path).adopt_if_fits)
    with _held(database):
        adopting.start()
        adopting.join(0.3)
        assert row(database) is None
    adopting.join()
    assert row(database) is not None
