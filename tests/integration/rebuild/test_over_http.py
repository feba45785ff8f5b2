"""Rebuilds are started and watched over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.http.problems import problem_of
from api.server import Server
from docledger.bootstrap import Docledger
from docledger.rebuild_process import RebuildProcesses
from docledger.settings import Settings
from domain.errors import Unavailable
from eventstore.history import History
from integration.projections.log_writer import LogWriter
from integration.projections.projecting import eventually
from integration.rebuild.rebuilding import execute, project_all, rebuilder
from projections.rebuild_lock import rebuild_lock

PATH = "/v1/projections/rebuild"


@pytest.fixture
def client(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[httpx.Client]:
    monkeypatch.setenv("DOCLEDGER_DATABASE_URL", database)
    monkeypatch.setenv("DOCLEDGER_HOME", str(tmp_path))
    with contextlib.ExitStack() as stack:
        docledger = stack.enter_context(Docledger(Settings.load()))
        url = stack.enter_context(_serving(docledger.api()))
        yield stack.enter_context(httpx.Client(base_url=url, timeout=60))


@contextlib.contextmanager
def _serving(app: FastAPI) -> Iterator[str]:
    """Serve the app on a port of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    started = threading.Event()
    server = Server(app, 10.0, lambda _host, _port: started.set())

    def serve() -> None:
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(server.serve(sockets=[listener]))

    thread = threading.Thread(target=serve)
    thread.start()
    assert started.wait(10)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.stop()
        thread.join(20)
        listener.close()


def _ended(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def is_over() -> bool:
        found.update(client.get(PATH).json())
        return found["phase"] in ("done", "failed")

    eventually(is_over, seconds=60)
    return found


def test_one_is_started_and_watched(
    client: httpx.Client, database: str, history: History, log: LogWriter
) -> None:
    assert client.get(PATH).status_code == 404
    log.register("doc-1")
    log.complete("doc-1", "markdown-conversion")
    project_all(database, history)
    execute(database, "DELETE FROM stage_output_files")
    answer = client.post(PATH, json={"table": "stage_output_files"})
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == PATH
    assert answer.json()["tables"] == ["stage_output_files"]
    ended = _ended(client)
    assert ended["id"] == answer.json()["id"]
    assert ended["phase"] == "done"
    assert ended["finishedAt"] > ended["startedAt"]
    assert ended["eventsDone"] == ended["eventsTotal"] == history.last_position()
    assert ended["eventsPerSecond"] > 0
    assert ended["documents"] == 1
    assert ended["position"] == history.last_position()
    assert len(execute(database, "SELECT 1 FROM stage_output_files")) == 1
    metrics = client.get("/metrics").text
    assert 'docledger_rebuild{figure="running"} 0.0' in metrics
    assert f'docledger_rebuild{{figure="events_done"}} {float(history.last_position())}' in metrics


def test_a_second_one_is_a_conflict(client: httpx.Client, database: str) -> None:
    with psycopg.connect(database) as check, rebuild_lock(check, exclusive=False):
        answer = client.post(PATH)
    assert answer.status_code == 409, answer.text
    assert answer.json()["type"] == "urn:docledger:problem:rebuild-running"
    with psycopg.connect(database) as reader:
        reader.execute("SELECT * FROM stage_output_files").fetchall()
        assert client.post(PATH).status_code == 202
        assert client.post(PATH).status_code == 409
    ended = _ended(client)
    assert ended["phase"] == "done", ended


def test_of_many_at_once_one_begins(client: httpx.Client, database: str) -> None:
    """The lock is taken by the server and handed to the process: no other gets in between."""
    with psycopg.connect(database) as reader:
        reader.execute("SELECT * FROM stage_output_files").fetchall()
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda _: client.post(PATH).status_code, range(8)))
        assert sorted(statuses) == [202] + [409] * 7
        eventually(lambda: client.get(PATH).json()["phase"] != "preparing", seconds=60)
        assert client.post(PATH).status_code == 409
    assert _ended(client)["phase"] == "done"


def test_a_process_that_cannot_run_leaves_its_reason(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCLEDGER_LOG_LEVEL", "loud")
    answer = client.post(PATH)
    assert answer.status_code == 202, answer.text
    assert answer.json()["phase"] == "preparing"
    ended = _ended(client)
    assert ended["id"] == answer.json()["id"]
    assert ended["phase"] == "failed"
    assert "LOG_LEVEL" in ended["error"]
    assert ended["finishedAt"] is not None
    monkeypatch.delenv("DOCLEDGER_LOG_LEVEL")
    assert client.post(PATH).status_code == 202
    assert _ended(client)["phase"] == "done"


def test_a_process_that_dies_at_once_is_shown_as_failed(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert client.post(PATH).status_code == 202
    assert _ended(client)["error"] == (
        "its process ended with exit code 1; the server's log says why"
    )
    monkeypatch.setattr(sys, "executable", "/nowhere")
    answer = client.post(PATH)
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:docledger:problem:unavailable"
    assert "could not be started" in client.get(PATH).json()["error"]


def test_without_the_database_it_is_unavailable() -> None:
    nowhere = RebuildProcesses(lambda: psycopg.connect("host=127.0.0.1 port=1"))
    with pytest.raises(Unavailable) as refused:
        nowhere.start("one", None)
    assert problem_of(refused.value).status == 503


def test_the_search_store_is_filled_again(client: httpx.Client, database: str) -> None:
    execute(database, "INSERT INTO documents (id) VALUES ('doc-1')")
    chunk = "('doc-1', 0, NULL, 'simple', '{}', 'x', 0, 1, 1, '[]', '')"
    execute(database, f"INSERT INTO search_chunks VALUES {chunk}")
    assert client.post(PATH, json={"search": True, "table": "documents"}).status_code == 422
    assert (
        client.post(PATH, json={"search": True, "table": "stage_output_files"}).status_code == 422
    )
    answer = client.post(PATH, json={"search": True})
    assert answer.status_code == 202, answer.text
    assert answer.json()["tables"] == ["search_chunks"]
    ended = _ended(client)
    assert (ended["phase"], ended["error"]) == ("done", None)
    assert execute(database, "SELECT 1 FROM search_chunks") == []


def test_what_is_no_table_is_refused(client: httpx.Client) -> None:
    assert client.post(PATH, json={"table": "documents"}).status_code == 422


def test_why_one_was_refused_is_shown(client: httpx.Client, database: str) -> None:
    execute(database, "CREATE VIEW own AS SELECT id FROM stage_output_files")
    answer = client.post(PATH)
    assert answer.status_code == 202
    ended = _ended(client)
    assert ended["phase"] == "failed"
    assert "view own" in ended["error"]


def test_one_that_was_killed_is_shown_as_failed(
    client: httpx.Client, database: str, history: History
) -> None:
    """The process is killed while a reader keeps it from swapping."""
    with psycopg.connect(database) as reader:
        reader.execute("SELECT * FROM stage_output_files").fetchall()
        process = subprocess.Popen(
            [sys.executable, "-m", "docledger", "rebuild", "--json"],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        eventually(lambda: client.get(PATH).json().get("waitingFor") is not None, seconds=60)
        assert 'docledger_rebuild{figure="waiting"} 1.0' in client.get("/metrics").text
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    eventually(lambda: client.get(PATH).json()["phase"] == "failed")
    shown = client.get(PATH).json()
    assert shown["error"] == "its process died; the live tables are as they were"
    assert shown["finishedAt"] is not None
    assert 'docledger_rebuild{figure="failed"} 1.0' in client.get("/metrics").text
    rebuilder(database, history).rebuild()
    assert client.get(PATH).json()["phase"] == "done"
