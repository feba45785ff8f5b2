"""What tests of the log write with: commands, an opened log, a way to fill one batch."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from domain import commands as c
from domain.events import Event
from domain.values import Original, OutputFile
from eventstore.append_round import Committed
from eventstore.application import WorkflowApplication
from eventstore.group_commit import GroupCommit
from eventstore.history import History
from eventstore.recorded import RecordedEvent
from eventstore.snapshots import View
from unit.projections.journeys import FIVE

FIRST = "markdown-conversion"
REGISTERED = 2
"""The version of a document that was just registered: handed in, workflow started."""


def context(jitter_seconds: float = 0.0) -> c.Context:
    """Return the context of a command of its own, from a clock that is off by so much."""
    at = datetime.now(UTC) + timedelta(seconds=jitter_seconds)
    return c.Context(at=at, actor="test", command_id=str(uuid.uuid4()))


def register(document_id: str, title: str = "A title", **fields: Any) -> c.RegisterDocument:
    """Return the command that hands a document in."""
    original = Original(file_name="a.pdf", mime_type="application/pdf")
    return c.RegisterDocument(
        document_id=document_id,
        context=context(),
        title=title,
        original=original,
        pipeline=FIVE,
        **fields,
    )


def add_file(document_id: str, jitter_seconds: float = 0.0) -> c.RegisterOutputFile:
    """Return a command that every document takes any number of times, an event each."""
    file = OutputFile(
        file_type="markdown",
        suffix=".md",
        checksum="a" * 64,
        size_bytes=3,
        mime_type="text/markdown",
    )
    return c.RegisterOutputFile(
        document_id=document_id, context=context(jitter_seconds), stage_name=FIRST, file=file
    )


def start(document_id: str, lease_id: str | None = None) -> c.StartStage:
    """Return the command that only one can win."""
    return c.StartStage(
        document_id=document_id, context=context(), stage_name=FIRST, lease_id=lease_id
    )


def fail(document_id: str, words: str, **fields: Any) -> c.FailStage:
    """Return a report of failure, whose words are personal."""
    return c.FailStage(
        document_id=document_id, context=context(), stage_name=FIRST, error_message=words, **fields
    )


@dataclass
class Log:
    """The log as one process has it open; `batches` tells the commands of each append."""

    dsn: str
    application: WorkflowApplication
    commit: GroupCommit
    history: History
    batches: list[int] = field(default_factory=list)

    def registered(self, *document_ids: str) -> None:
        """Register these documents."""
        for future in [self.commit.submit(register(i)) for i in document_ids]:
            future.result(20)

    def send(self, command: c.Command, expected_version: int | None = None) -> Committed:
        """Execute the command, for no longer than a test may take."""
        return self.commit.submit(command, expected_version).result(30)

    def events(self, document_id: str) -> list[Event]:
        """Return the document's events, all of which must be readable."""
        return [readable(recorded) for recorded in self.history.of_document(document_id)]

    def together(self, commands: Sequence[c.Command]) -> list[Future[Committed]]:
        """Submit the commands so that they are taken in one batch."""
        with self.plugged():
            return [self.commit.submit(command) for command in commands]

    @contextmanager
    def plugged(self) -> Iterator[None]:
        """Have the log locked by somebody, and an append waiting for it, so that others queue."""
        with psycopg.connect(self.dsn) as somebody:
            somebody.execute("SELECT docledger_lock_log()")
            plug = self.commit.submit(register(f"plug-{uuid.uuid4()}"))
            wait_for(lambda: waits_for_lock(self.dsn))
            yield
            somebody.rollback()
        plug.result(20)

    def query(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a query as somebody else would, giving its rows if it has any."""
        return query_of(self.dsn, query, *parameters)


@contextmanager
def opened(
    dsn: str, view: View | None = None, *, lock_seconds: float = 10.0, **options: Any
) -> Iterator[Log]:
    """Open the log as a process of docledger does."""
    batches: list[int] = []
    options.setdefault("observe", lambda commands, *_: batches.append(commands))
    application = WorkflowApplication(dsn, lock_seconds=lock_seconds)
    commit = GroupCommit(application, view, **options)
    try:
        yield Log(dsn, application, commit, History(application), batches)
    finally:
        commit.close()
        application.close()


def readable(recorded: RecordedEvent) -> Event:
    """Return the event, which must be readable."""
    assert isinstance(recorded.event, Event), recorded
    return recorded.event


def query_of(dsn: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Run a query on a connection of its own, giving its rows if it has any."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(query.encode(), parameters or None)
        return cursor.fetchall() if cursor.description is not None else []


def waits_for_lock(dsn: str) -> bool:
    """Tell whether anybody waits for the log's lock in this database."""
    waiting = """
        SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()
    """
    return bool(query_of(dsn, waiting))


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
