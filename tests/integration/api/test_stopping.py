"""The server as a process: a signal ends it, and nothing that was under way is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from adopting import adopt
from integration.api.conftest import until

_STAGE = "stages/markdown-conversion"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that the test binds and the server inherits."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


def _started(listener: socket.socket, database: str, home: Path) -> subprocess.Popen[bytes]:
    adopt(database, home)
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


def _followed(url: str, seen: threading.Event) -> int:
    """Read a stream to its end; set the event at its second one. Return how many there were."""
    events = 0
    with httpx.stream("GET", url, timeout=60) as stream:
        for line in stream.iter_lines():
            events += line.startswith("event: ")
            if events >= 2:
                seen.set()
    return events


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
            seen = threading.Event()
            stream = pool.submit(_followed, f"{url}/v1/events/stream", seen)
            # The test holds the socket open too: a caller who comes too late waits in its queue.
            until(lambda: _count(database) == 3, seconds=20)
            until(lambda: "docledger_event_streams 1.0" in client.get("/metrics").text)
            assert seen.wait(20)
            process.send_signal(signal.SIGTERM)
            assert waiting.result().status_code == 202
            assert stream.result() >= 2  # and it ended without an error
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
