"""The server as a process: a signal ends it, and nothing that was under way is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from integration.api.conftest import until

_STAGE = "stages/markdown-conversion"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that the test binds and the server inherits."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


def _started(listener: socket.socket, database: str, home: Path) -> subprocess.Popen[bytes]:
    fd = listener.fileno()
    environment = {
        **os.environ,
        "DOCLEDGER_DATABASE_URL": database,
        "DOCLEDGER_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "docledger", "serve", "--fd", str(fd)],
        env=environment,
        pass_fds=[fd],
    )


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _count(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM docledger_events").fetchone()
    return int(row[0]) if row else 0


def test_sigterm_ends_waits_and_streams_and_exits_cleanly(
    listener: socket.socket, database: str, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    process = _started(listener, database, tmp_path)
    try:
        with httpx.Client(base_url=url, timeout=30) as client, ThreadPoolExecutor(2) as pool:
            until(lambda: _ready(client), seconds=60)
            made = client.post("/v1/documents", json={"title": "a", "content": "b"})
            path = f"{url}{made.headers['Location']}/{_STAGE}/execute?wait=60"
            waiting = pool.submit(httpx.post, path, timeout=60)
            stream = pool.submit(httpx.get, f"{url}/v1/events/stream", timeout=60)
            # The test holds the socket open too: a caller who comes too late waits in its queue.
            until(lambda: _count(database) == 3, seconds=20)
            until(lambda: "docledger_event_streams 1.0" in client.get("/metrics").text)
            process.send_signal(signal.SIGTERM)
            assert waiting.result().status_code == 202
            assert stream.result().text.count("event: ") >= 2
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
