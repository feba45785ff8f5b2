"""Parts to try workers with: a pipeline of three stages and executors that do as they are told.

An executor's options say what it does: `sleepSeconds`, `fail` (`error` or `unconvertible`) and
`failAttempts`, `inProcess`. It writes what it was given into its file, and a line into the journal
at the start and at the end of each run, so that a test sees two runs overlap.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.rows import TupleRow
from pydantic import BaseModel

from domain import commands as c
from domain.document_workflow import DocumentWorkflow
from domain.errors import Unavailable
from domain.events import Event
from domain.pipeline import StageDependency
from domain.values import Configuration, Original, StageStatus, WorkflowType
from eventstore.append_round import Committed
from eventstore.application import WorkflowApplication
from eventstore.group_commit import GroupCommit
from eventstore.history import History
from files.imported_contents import ImportedContents
from files.local_blobs import LocalBlobStore
from files.stored_files import LocalStoredFiles
from stages.errors import ExecutorMissing, StageError, UnconvertibleDocument
from stages.executor import Options, ProducedFile, StageOutcome, StageTask
from stages.sandbox import Sandbox

STAGES = ("alpha", "beta", "gamma")
PIPELINE = (
    StageDependency("alpha", None, True, 1),
    StageDependency("beta", "alpha", True, 2),
    StageDependency("gamma", "beta", True, 3),
)
MEMORY_BYTES = 1 << 30


class EchoOptions(Options):
    """What an `Echo` is to do."""

    sleep_seconds: float = 0
    fail: str | None = None
    fail_attempts: int = 1000
    journal: str | None = None


class Echo:
    """An executor that writes down what it was given."""

    suffix = ".json"
    mime_type = "application/json"
    version = "1.0"
    reads: tuple[str, ...] = ()
    options_model: type[BaseModel] = EchoOptions

    def __init__(self, stage_name: str, *, in_process: bool = False) -> None:
        self.stage_name = stage_name
        self.file_type = f"{stage_name}_output"
        self.in_process = in_process

    def run(self, task: StageTask) -> StageOutcome:
        options = task.options_as(EchoOptions)
        with _journalled(options.journal, task):
            time.sleep(options.sleep_seconds)
            if options.fail is not None and task.attempt <= options.fail_attempts:
                raise _failure(options.fail)
        given = {
            (file.stage_name or "original"): hashlib.sha256(file.path.read_bytes()).hexdigest()
            for file in task.inputs
        }
        path = task.work_dir / "out"
        path.write_text(json.dumps({"stage": task.stage_name, "given": given}))
        return StageOutcome((ProducedFile(path),), {"inputs": len(task.inputs)})


def _failure(kind: str) -> Exception:
    if kind == "unconvertible":
        return UnconvertibleDocument("The document cannot be converted: it says so.")
    return StageError("The stage failed as it was told to.")


@contextmanager
def _journalled(journal: str | None, task: StageTask) -> Iterator[None]:
    def note(what: str) -> None:
        if journal is not None:
            line = f"{what} {task.document_id} {task.stage_name} {task.attempt} {os.getpid()}\n"
            with Path(journal).open("a") as file:
                file.write(line)

    note("begin")
    yield
    note("end")


def echo(stage_name: str) -> Echo:
    """Return the executor of a stage, to be run in the sandbox; there is none for `unknown`."""
    if stage_name == "unknown":
        raise ExecutorMissing(f"No executor is installed for stage '{stage_name}'.")
    return Echo(stage_name)


def echo_in_process(stage_name: str) -> Echo:
    """Return the executor of a stage, to be run in the worker."""
    return Echo(stage_name, in_process=True)


def new_sandbox(slots: int = 2) -> Sandbox:
    """Return a sandbox for these executors."""
    return Sandbox(slots, MEMORY_BYTES, preload=("worker_parts",), load=echo)


@dataclass
class World:
    """A log, a storage and what tests ask of both."""

    dsn: str
    folder: Path
    commands: GroupCommit = field(init=False)
    blobs: LocalBlobStore = field(init=False)
    imported: ImportedContents = field(init=False)

    def __post_init__(self) -> None:
        self._application = WorkflowApplication(self.dsn)
        self.commands = GroupCommit(self._application)
        self.history = History(self._application)
        self.blobs = LocalBlobStore(self.folder / "uploads")
        stored_files = LocalStoredFiles(self.folder / "uploads", self.blobs)
        self.imported = ImportedContents(self.blobs, stored_files)

    def close(self) -> None:
        self.commands.close()
        self._application.close()

    @property
    def journal(self) -> Path:
        """Where executors note their runs."""
        return self.folder / "journal"

    def journalled(self) -> list[list[str]]:
        """Return the journal's lines, each as what, document, stage, attempt, process."""
        if not self.journal.exists():
            return []
        return [line.split() for line in self.journal.read_text().splitlines()]

    def register(
        self,
        document_id: str,
        workflow_type: WorkflowType = WorkflowType.AUTOMATIC,
        *,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        pipeline: tuple[StageDependency, ...] = PIPELINE,
        **configuration: Any,
    ) -> Committed:
        """Take a document in whose stages have these options."""
        blob = self.blobs.put_stream([f"content of {document_id}".encode()])
        given = {row.stage_name: {"journal": str(self.journal)} for row in pipeline}
        for name, own in (options or {}).items():
            given[name] |= own
        command = c.RegisterDocument(
            document_id=document_id,
            context=context(),
            title="a title",
            original=Original(
                file_name="report.txt",
                checksum=blob.checksum,
                size_bytes=blob.size_bytes,
                mime_type="text/plain",
            ),
            workflow_type=workflow_type,
            configuration=Configuration.parse(
                {"stages": {name: {"options": own} for name, own in given.items()}} | configuration
            ),
            pipeline=pipeline,
        )
        return self.commands.execute(command)

    def command(self, command_type: type[c.Command], document_id: str, **fields: Any) -> Committed:
        """Send a command from outside."""
        return self.commands.execute(
            command_type(document_id=document_id, context=context(), **fields)
        )

    def state(self, document_id: str) -> DocumentWorkflow:
        """Return the document as the log has it."""
        return self.commands.load(document_id).state

    def events(self, document_id: str) -> list[Event]:
        """Return the document's history."""
        recorded = [r.event for r in self.history.of_document(document_id)]
        return [event for event in recorded if isinstance(event, Event)]

    def topics(self, document_id: str) -> list[str]:
        """Return the kinds of events in the document's history."""
        return [type(event).__name__ for event in self.events(document_id)]

    def is_done(self, document_id: str) -> bool:
        """Tell whether every stage is completed or skipped."""
        return self.state(document_id).all_settled

    def status(self, document_id: str, stage_name: str) -> StageStatus:
        """Return how a stage stands."""
        return self.state(document_id).stages[stage_name].status

    def connect(self) -> psycopg.Connection[TupleRow]:
        """Return a connection of the test's own."""
        return psycopg.connect(self.dsn, autocommit=True)

    def query(self, query: str, *parameters: Any) -> list[TupleRow]:
        """Return the rows of a query."""
        with self.connect() as connection:
            return connection.execute(query.encode(), parameters).fetchall()


def context() -> c.Context:
    """Return the context of a command from outside."""
    return c.Context(at=datetime.now(UTC), actor="test", command_id=str(uuid4()))


def wait_until(holds: Callable[[], bool], seconds: float = 20, what: str = "") -> float:
    """Return after how many seconds it held; fail the test if it did not in time.

    A database that is away for a moment is asked again.
    """

    def asked() -> bool:
        try:
            return holds()
        except Unavailable:
            return False

    started = time.monotonic()
    while not asked():
        if time.monotonic() - started > seconds:
            raise AssertionError(what or "this did not come about in time")
        time.sleep(0.01)
    return time.monotonic() - started


@contextmanager
def running(*roles: Any) -> Iterator[None]:
    """Run these roles in threads until the block ends."""
    threads = [threading.Thread(target=role.run, daemon=True) for role in roles]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for role in roles:
            role.stop()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)
