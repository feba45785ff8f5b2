"""The steps of docs/how-to/change-a-read-model.md, taken under load, and back again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from adopting import adopt
from api.server import Server
from docledger.bootstrap import Docledger
from docledger.settings import Settings
from domain import commands as c
from domain import events as e
from domain.values import FailureReason
from eventstore.history import History
from integration.projections.log_writer import LogWriter
from integration.projections.projecting import (
    eventually,
    make_projector,
    running,
)
from integration.rebuild.rebuilding import execute, project_all
from migrations.schema import dump_schema
from postgres.migrate import Migrator

REPOSITORY = Path(__file__).parents[3]
HOW_TO = REPOSITORY / "docs/how-to/change-a-read-model.md"
_DIFF = re.compile(r"^```diff (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SQL = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEW = {"failures"}


@dataclass
class Program:
    """A docledger of another version, run from a source tree of its own."""

    folder: Path
    url: str

    def change(self, path: str, old: str, new: str) -> None:
        """Replace what stands once in a file."""
        file = self.folder / path
        text = file.read_text()
        assert text.count(old) == 1, f"{path} has not exactly one\n{old}"
        file.write_text(text.replace(old, new))

    def migrate_with(self, up: str, down: str) -> None:
        """Add a migration with the next free number."""
        number = len(list((self.folder / "migrations").glob("*.up.sql"))) + 1
        for direction, text in (("up", up), ("down", down)):
            path = self.folder / f"migrations/{number:04d}_change.{direction}.sql"
            path.write_text(text)

    def take_migrations_of(self, other: Program) -> None:
        """Have the other program's migrations as well."""
        theirs, ours = other.folder / "migrations", self.folder / "migrations"
        shutil.copytree(theirs, ours, dirs_exist_ok=True)

    def environment(self) -> dict[str, str]:
        """Return what makes Python take this tree's modules."""
        return os.environ | {
            "DOCLEDGER_DATABASE_URL": self.url,
            "DOCLEDGER_MIGRATIONS_FOLDER": str(self.folder / "migrations"),
            "DOCLEDGER_HOME": str(self.folder / "home"),
            "DOCLEDGER_POLL_SECONDS": "0.1",
            "PYTHONPATH": str(self.folder / "src"),
        }

    def run(self, *arguments: str) -> str:
        """Run a command to its end and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "docledger", *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextlib.contextmanager
    def projecting(self) -> Iterator[None]:
        """Run this program's projector."""
        with (self.folder / "project.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "docledger", "project"],
                env=self.environment(),
                stdout=log,
                stderr=log,
            )
            try:
                yield
            finally:
                process.terminate()
                process.wait(30)


def copied(folder: Path, url: str) -> Program:
    """Return a program that is this one still."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("src", "migrations"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    adopt(url, folder / "home")
    return Program(folder, url)


def as_the_how_to_says(program: Program) -> None:
    """Make the changes that the page shows."""
    page = HOW_TO.read_text()
    for path, diff in _DIFF.findall(page):
        lines = diff.splitlines()
        old = "\n".join(line[1:] for line in lines if line[:1] in " -")
        new = "\n".join(line[1:] for line in lines if line[:1] in " +")
        program.change(path, old, new)
    up, down = _SQL.findall(page)
    program.migrate_with(up, down)


@dataclass
class Load:
    """Appends, reads of the tables and reads over HTTP without a pause; what fails is kept."""

    url: str
    address: str
    log: LogWriter
    failures: list[str] = field(default_factory=list)
    shapes: list[frozenset[str]] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Go on until the context is left."""
        acts = (self.write, self.read_rows, self.read_over_http)
        threads = [threading.Thread(target=self._guarded, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()

    def _guarded(self, act: Any) -> None:
        try:
            while not self.stop.is_set():
                act()
                self.done[act.__name__] += 1
        except Exception as error:
            self.failures.append(f"{act.__name__}: {type(error).__name__}: {error}")

    def write(self) -> None:
        """Take a new document through a failure and a completion."""
        document_id = f"load-{self.done['write']}"
        self.log.register(document_id)
        fail(self.log, document_id)
        self.log.complete(document_id, "markdown-conversion")

    def read_rows(self) -> None:
        """Read rows in whatever shape they have; all of one read have the same."""
        query = b"SELECT to_jsonb(s) FROM document_processing_stages s LIMIT 200"
        with psycopg.connect(self.url, autocommit=True) as connection:
            for _ in range(20):
                rows = connection.execute(query, prepare=True).fetchall()
                [shape] = {frozenset(row[0]) for row in rows}
                if not self.shapes or self.shapes[-1] != shape:
                    self.shapes.append(shape)
                time.sleep(0.005)

    def read_over_http(self) -> None:
        """Read a document, its stages and a page of the list from the old program."""
        with httpx.Client(base_url=self.address, timeout=30) as client:
            for path in ("/v1/documents/first", "/v1/documents/first/stages", "/v1/documents"):
                answer = client.get(path)
                if answer.status_code != 200:
                    raise RuntimeError(answer.text)


def fail(log: LogWriter, document_id: str) -> None:
    """Have the first stage fail once; it is to be tried again."""
    log.send(
        c.FailStage,
        document_id,
        stage_name="markdown-conversion",
        reason=FailureReason.ERROR,
        error_message="It broke.",
        retryable=True,
    )


@pytest.fixture
def address(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the old program's API is served."""
    monkeypatch.setenv("DOCLEDGER_DATABASE_URL", database)
    monkeypatch.setenv("DOCLEDGER_HOME", str(tmp_path / "home"))
    with Docledger(Settings.load()) as docledger:
        listener = socket.create_server(("127.0.0.1", 0))
        started = threading.Event()
        server = Server(docledger.api(), 10.0, lambda _host, _port: started.set())

        def serve() -> None:
            with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
                runner.run(server.serve(sockets=[listener]))

        thread = threading.Thread(target=serve)
        thread.start()
        assert started.wait(10)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.stop()
        thread.join(20)
        listener.close()


def columns(url: str) -> dict[str, str]:
    """Return the columns of the table of stages with their types."""
    rows = execute(
        url,
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'documents_processing_stages'::regclass"
        " AND attnum > 0 AND NOT attisdropped",
    )
    return dict(rows)


def failures_in_the_log(history: History) -> dict[str, int]:
    """Count the failures of each stage by the id of its row."""
    return Counter(
        f"{r.event.document_id}_{r.event.stage_name}"
        for r in history.after(0, 1_000_000)
        if isinstance(r.event, e.StageFailed)
    )


def test_it_goes_through_under_load_and_back(
    database: str, history: History, log: LogWriter, tmp_path: Path, address: str
) -> None:
    log.register("first", "second")
    for _ in range(2):
        fail(log, "first")
    log.complete("first", "markdown-conversion")
    project_all(database, history)
    old = columns(database)
    load = Load(database, address, log)
    second = copied(tmp_path / "second", database)
    as_the_how_to_says(second)

    with running(make_projector(database, history, poll_seconds=0.1)), load.running():
        eventually(lambda: min(load.done[it] for it in ("write", "read_over_http")) > 2)
        second.run("migrate", "up")
        assert columns(database) == old
        with second.projecting():
            made = json.loads(second.run("rebuild", "--json"))
            assert made["position"] > 0
            assert columns(database) == old | {"failures": "integer", "retry_count": "bigint"}
            fail(log, "second")
            last = history.last_position()
            eventually(lambda: tracked(database) >= last, seconds=30)
            assert failures_shown(database, "first", "second") == [2, 1]

            third = copied(tmp_path / "third", database)
            shutil.copytree(
                second.folder / "migrations", third.folder / "migrations", dirs_exist_ok=True
            )
            version = "READ_MODELS_VERSION = 1"
            third.change("src/projections/version.py", version, version[:-1] + "3")
            third.migrate_with(
                "SELECT docledger_change_read_models(3, 'ALTER TABLE documents_processing_stages"
                " DROP COLUMN failures, ALTER COLUMN retry_count TYPE int');",
                "SELECT docledger_unchange_read_models(3, 'SELECT 1');",
            )
            before_the_drop = execute(
                database, "SELECT id, failures FROM documents_processing_stages"
            )
            third.run("migrate", "up")
            with third.projecting():
                third.run("rebuild", "--json")
                # The writers go on, so the log's end of this moment is what can be waited for.
                last = history.last_position()
                eventually(lambda: tracked(database) >= last, seconds=30)
                assert columns(database) == old
        eventually(lambda: min(load.done.values()) > 5, seconds=60)

    assert load.failures == []
    assert load.shapes == [frozenset(old), frozenset(old) | NEW, frozenset(old)]
    counted = failures_in_the_log(history)
    for row_id, failures in before_the_drop:
        assert failures <= counted[row_id]
    assert dict(before_the_drop)["first_markdown-conversion"] == 2


def tracked(url: str) -> int:
    """Return how far the tables are."""
    [(position,)] = execute(url, "SELECT position FROM tracking WHERE projection = 'read_models'")
    return int(position)


def failures_shown(url: str, *document_ids: str) -> list[int]:
    """Return the new column for the first stage of these documents."""
    rows = execute(
        url,
        "SELECT failures FROM documents_processing_stages WHERE document_id = ANY(%s)"
        " AND stage_name = 'markdown-conversion' ORDER BY document_id",
        list(document_ids),
    )
    return [row[0] for row in rows]


def test_every_old_event_counts(
    database: str, history: History, log: LogWriter, tmp_path: Path
) -> None:
    documents = [f"doc-{number}" for number in range(40)]
    log.random_histories(documents, seed=8, rounds=25)
    project_all(database, history)
    program = copied(tmp_path / "second", database)
    as_the_how_to_says(program)
    program.run("migrate", "up")
    program.run("rebuild", "--json")
    counted: Counter[str] = Counter()
    for recorded in history.after(0, 1_000_000):
        event = recorded.event
        if isinstance(event, e.DocumentDeleted):
            for row_id in [it for it in counted if it.startswith(f"{event.document_id}_")]:
                del counted[row_id]
        elif isinstance(event, e.StageFailed):
            counted[f"{event.document_id}_{event.stage_name}"] += 1
    assert counted.total() > 10
    rows = execute(database, "SELECT id, failures FROM documents_processing_stages")
    assert dict(rows) == {row_id: counted[row_id] for row_id, _ in rows}


def test_an_empty_database_comes_to_the_same_schema(
    empty_database: str, server: Any, tmp_path: Path
) -> None:
    """At once, and by a rebuild of an older one; and back down to where it began."""
    older = server.create_migrated_database()
    try:
        before = dump_schema(older)
        execute(older, "INSERT INTO documents (id) VALUES ('doc-1')")
        execute(
            older,
            "INSERT INTO docledger_events (originator_id, originator_version, topic, state) VALUES"
            " ('doc-1', 1, 'Nonsense', '{\"at\":\"2026-11-24T01:54:33.000000Z\"}')",
        )
        program = copied(tmp_path / "second", older)
        as_the_how_to_says(program)
        program.run("migrate", "up")
        assert dump_schema(older) == before
        program.run("rebuild", "--json")
        migrator = Migrator(empty_database, folder=program.folder / "migrations")
        migrator.up()
        assert dump_schema(empty_database) == dump_schema(older)
        for url in (empty_database, older):
            Migrator(url, folder=program.folder / "migrations").down()
            assert dump_schema(url) == before
    finally:
        server.drop_database(older)


def test_a_change_that_waits_can_be_taken_back(
    database: str, history: History, log: LogWriter, tmp_path: Path
) -> None:
    log.register("doc-1")
    before = dump_schema(database)
    program = copied(tmp_path / "second", database)
    as_the_how_to_says(program)
    program.run("migrate", "up")
    program.run("migrate", "down")
    assert dump_schema(database) == before
    assert execute(database, "SELECT version FROM read_model_versions") == [(1,)]
