"""A database whose processes are stopped: no request hangs, and all goes on by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import psutil
import pytest

from e2e.installation import Installation, Service, installed, wait_for

READS = (
    "/v1/documents/read",
    "/v1/documents",
    "/v1/documents?q=word",
    "/v1/documents/read/stages",
    "/v1/documents/read/next-stage",
    "/v1/documents/read/history",
    "/v1/documents/read/original",
    "/v1/documents/read?asOf=1",
    "/v1/documents/unknown",
    "/v1/events",
    "/v1/search?q=word",
    "/v1/projections",
    "/v1/projections/rebuild",
    "/readyz",
)
STATUS = "/v1/documents/{}/stages/markdown-conversion/status"
# Many times what a request may take here; one that hangs takes for ever.
PATIENCE_SECONDS = 30


@pytest.fixture
def impatient() -> Iterator[Installation]:
    """An installation whose requests wait for the database for a second and a half."""
    with installed(database_seconds="1.5") as made:
        yield made


@contextmanager
def frozen(installation: Installation) -> Iterator[None]:
    """Stop the server's processes for the time of the block."""
    postmaster = installation.postmaster()
    assert postmaster is not None
    processes = [postmaster, *postmaster.children(recursive=True)]
    try:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def problem(answer: httpx.Response) -> str:
    """Return the problem's name; every one of these says when to come again."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    return str(answer.json()["type"]).removeprefix("urn:docledger:problem:")


def types(client: httpx.Client, document_id: str) -> list[str]:
    """Return the types of the document's events."""
    items: list[dict[str, Any]] = client.get(f"/v1/documents/{document_id}/history").json()["items"]
    return [item["type"] for item in items]


def followed(service: Service, seen: list[str]) -> threading.Thread:
    """Follow the event stream in a thread, noting the types of events."""

    def follow() -> None:
        with (
            suppress(httpx.TransportError),  # it ends with the service
            httpx.stream("GET", f"{service.url}/v1/events/stream", timeout=None) as stream,
        ):
            seen.extend(line for line in stream.iter_lines() if line.startswith("event: "))

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    return thread


def test_no_request_hangs_and_all_goes_on(impatient: Installation) -> None:
    service = impatient.up()
    seen: list[str] = []
    follower = followed(service, seen)
    with httpx.Client(base_url=service.url, timeout=PATIENCE_SECONDS) as client:
        check(client, impatient, seen)
    with frozen(impatient):
        assert service.stop(seconds=PATIENCE_SECONDS) == 0
    follower.join(10)
    assert "Traceback" not in service.said()
    assert "DatabaseSilent" in service.said()


def check(client: httpx.Client, installation: Installation, seen: list[str]) -> None:
    """Freeze the database, ask for everything, and see that it goes on."""
    for document_id in ("read", "sent", "not-sent"):
        body = {"id": document_id, "title": "word", "content": "words"}
        assert client.post("/v1/documents", json=body).status_code == 201
    wait_for(lambda: seen.count("event: DocumentRegistered") == 3)

    start = {"status": "in_progress"}
    with frozen(installation), ThreadPoolExecutor(64) as threads:
        # The committing thread has a connection and sends this one; it is unknown what became
        # of it. The next one finds no connection and is withdrawn.
        assert problem(client.put(STATUS.format("sent"), json=start)) == "outcome-unknown"
        assert problem(client.put(STATUS.format("not-sent"), json=start)) == "unavailable"
        for answer in threads.map(client.get, READS * 8):
            assert problem(answer) == "unavailable"
        assert client.get("/healthz").status_code == 200
        metrics = client.get("/metrics")
        assert metrics.status_code == 200
        assert "docledger_database_up 0.0" in metrics.text
        assert "docledger_log_position" not in metrics.text

    wait_for(lambda: client.get("/readyz").status_code == 200)
    assert "docledger_database_up 1.0" in client.get("/metrics").text
    wait_for(lambda: client.get("/v1/documents/read").status_code == 200)
    wait_for(lambda: client.put(STATUS.format("not-sent"), json=start).status_code == 200)
    assert types(client, "not-sent").count("StageStarted") == 1
    assert types(client, "sent").count("StageStarted") <= 1
    wait_for(lambda: "event: StageStarted" in seen)
