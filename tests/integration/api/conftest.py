"""A whole service: log, projector, blobs and the API behind a real server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import uuid_utils
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel, ConfigDict

from api.app import create_app
from api.http.limits import HttpLimits
from api.metrics import Metrics
from api.ports import Limits, Ports
from api.server import Server
from conftest import Server as DatabaseServer
from eventstore.application import WorkflowApplication
from eventstore.group_commit import GroupCommit
from eventstore.history import History
from files.canonical import stored_canonical_checksum
from files.imported_contents import ImportedContents
from files.local_blobs import LocalBlobStore
from files.stored_files import LocalStoredFiles
from integration.api.described import Described
from projections import fold
from projections.live.projector import Pace, Projector
from projections.time_travel import TimeTravel
from stages.postgres_search import PostgresSearchStore

_LIMITS = Limits(
    upload_bytes=4 * 1024**2,
    content_bytes=256 * 1024,
    json_bytes=128 * 1024,
    min_position_wait_seconds=1.0,
)
_NUMBERS = itertools.count(1)


class ChunkerOptions(BaseModel):
    """What the chunker of these tests can be told."""

    model_config = ConfigDict(extra="forbid")
    size: int = 1000


class NoOptions(BaseModel):
    """What a stage without options can be told."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Makes:
    """What a stage's executor makes."""

    file_type: str
    suffix: str
    mime_type: str
    options_model: type[BaseModel] = NoOptions


STAGE_TYPES: Mapping[str, Makes] = {
    "markdown-conversion": Makes("markdown", ".md", "text/markdown"),
    "markdown-optimizer": Makes("optimized_markdown", ".opt.md", "text/markdown"),
    "chunker": Makes("chunks_json", ".chunks.json", "application/json", ChunkerOptions),
    "fact-generator": Makes("facts_json", ".facts.json", "application/json"),
}
"""The ingestor is left out: a stage without an executor in this process."""


class Projecting:
    """A projector in a thread, which can be stopped for a while."""

    def __init__(self, url: str, history: History) -> None:
        self._url = url
        self._history = history
        self._running: tuple[Projector, threading.Thread] | None = None

    def start(self) -> None:
        projector = Projector(
            lambda: psycopg.connect(self._url), self._history, pace=Pace(poll_seconds=0.1)
        )
        thread = threading.Thread(target=projector.run)
        thread.start()
        self._running = (projector, thread)

    def stop(self) -> None:
        if self._running is not None:
            projector, thread = self._running
            projector.stop()
            thread.join()
            self._running = None

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()


@dataclass
class Service:
    """The running service and what tests look at behind it."""

    url: str
    client: httpx.Client
    database_url: str
    storage: Path
    ports: Ports
    metrics: Metrics
    history: History
    search: PostgresSearchStore
    projecting: Projecting
    server: Server
    described: Described

    def new_id(self) -> str:
        """Return an id that no test has used."""
        return f"doc-{next(_NUMBERS)}"

    def register(self, **fields: Any) -> dict[str, Any]:
        """Register a document given as text and return the answer."""
        body = {"id": self.new_id(), "title": "A title", "content": "# One\n\nText.\n", **fields}
        answer = self.client.post("/v1/documents", json=body)
        assert answer.status_code == 201, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def report(self, document_id: str, stage: str, status: str, **fields: Any) -> httpx.Response:
        """Report a stage's status."""
        return self.client.put(
            f"/v1/documents/{document_id}/stages/{stage}/status",
            json={"status": status, **fields},
        )

    def read(self, path: str, after: httpx.Response | int) -> httpx.Response:
        """Read what is at least as new as an answer or a position."""
        position = after if isinstance(after, int) else after.headers["Docledger-Position"]
        return self.client.get(path, headers={"Docledger-Min-Position": str(position)})

    def execute(self, statement: str, *values: Any) -> list[Any]:
        """Run SQL behind the service's back."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


def _ports(url: str, storage: Path, stack: contextlib.ExitStack, metrics: Metrics) -> Ports:
    application = WorkflowApplication(url)
    stack.callback(application.close)
    commands = GroupCommit(application, fold, observe=metrics.observe_append)
    stack.callback(commands.close)
    blobs = LocalBlobStore(storage)
    stored_files = LocalStoredFiles(storage, blobs)

    pool = AsyncConnectionPool(
        url, min_size=2, max_size=8, open=False, kwargs={"autocommit": True}, timeout=5
    )
    history = History(application)
    return Ports(
        commands=commands,
        history=history,
        past=TimeTravel(history),
        blobs=blobs,
        stored_files=stored_files,
        imported_contents=ImportedContents(blobs, stored_files),
        canonical_checksum=partial(stored_canonical_checksum, blobs),
        stage_types=STAGE_TYPES,
        search=PostgresSearchStore(lambda: psycopg.connect(url)),
        database=pool,
        clock=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid_utils.uuid7()),
        limits=_LIMITS,
    )


@contextlib.contextmanager
def running_service(
    url: str, storage: Path, limits: Limits = _LIMITS, http_limits: HttpLimits | None = None
) -> Iterator[Service]:
    """Run the whole service over a migrated database."""
    with contextlib.ExitStack() as stack:
        metrics = Metrics()
        ports = replace(_ports(url, storage, stack, metrics), limits=limits)
        history = ports.history
        assert isinstance(history, History)
        projecting = Projecting(url, history)
        projecting.start()
        stack.callback(projecting.stop)
        server, address = _serve(ports, metrics, stack, http_limits)
        described = Described(httpx.get(f"{address}/openapi.json").json())
        hooks: dict[str, list[Callable[..., Any]]] = {"response": [described]}
        client = stack.enter_context(httpx.Client(base_url=address, timeout=30, event_hooks=hooks))
        search = ports.search
        assert isinstance(search, PostgresSearchStore)
        yield Service(
            url=address,
            client=client,
            database_url=url,
            storage=storage,
            ports=ports,
            metrics=metrics,
            history=history,
            search=search,
            projecting=projecting,
            server=server,
            described=described,
        )


def _serve(
    ports: Ports, metrics: Metrics, stack: contextlib.ExitStack, http_limits: HttpLimits | None
) -> tuple[Server, str]:
    import socket

    app = create_app(ports, metrics)
    listener = socket.create_server(("127.0.0.1", 0))
    started = threading.Event()
    server = Server(app, 10.0, lambda _host, _port: started.set(), limits=http_limits)

    def serve() -> None:
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(server.serve(sockets=[listener]))

    thread = threading.Thread(target=serve)
    thread.start()

    def stop() -> None:
        server.stop()
        thread.join(20)
        listener.close()

    stack.callback(stop)
    assert started.wait(10)
    return server, f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="module")
def service(
    embedded_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that the tests of one module share; each uses documents of its own."""
    url = embedded_server.create_migrated_database()
    with running_service(url, tmp_path_factory.mktemp("uploads")) as running:
        yield running
    embedded_server.drop_database(url)


@pytest.fixture
def own_service(database: str, tmp_path: Path) -> Iterator[Service]:
    """A service of the test's own, which it may stop or harm."""
    with running_service(database, tmp_path / "uploads") as running:
        yield running


def until(condition: Any, seconds: float = 5.0) -> None:
    """Wait until the condition holds; fail if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.02)
