"""What a stage takes out of a document, such as attachments, becomes documents: each once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from domain import commands as c
from domain import events as e
from domain.errors import LogUnavailable
from domain.pipeline import StageDependency
from domain.values import Configuration, Original, SourceDocument, StageStatus, WorkflowType
from stages.executor import ExtractedFile, ProducedFile, StageOutcome, StageTask
from stages.sandbox import Sandbox
from worker_parts import Echo, World, context, new_sandbox, running, wait_until
from workers.dispatcher import Dispatcher
from workers.extracted import MAX_DEPTH
from workers.reaper import Reaper
from workers.worker import Worker

ONE_STAGE = (StageDependency("alpha", None, True, 1),)
PARTS = [("invoice.txt", b"amount due"), ("a/b\x00.txt", b"another")]


class TakesOut(Echo):
    """Takes two files out of each document, but for those that were taken out themselves."""

    suffix = ".txt"
    mime_type = "text/plain"
    reads: tuple[str, ...] = ("original",)

    def run(self, task: StageTask) -> StageOutcome:
        """Write what there is to take out, and a file of the stage."""
        content = task.input_of("original").path.read_bytes()
        made = task.work_dir / "out"
        made.write_bytes(content)
        parts = [content] if content == b"nested" else [part for _, part in PARTS]
        names = ["nested.txt"] if content == b"nested" else [name for name, _ in PARTS]
        extracted = []
        for number, (name, part) in enumerate(zip(names, parts, strict=True)):
            path = task.work_dir / str(number)
            path.write_bytes(part)
            extracted.append(ExtractedFile(path, name, "text/plain"))
        is_part = content in [part for _, part in PARTS]
        return StageOutcome((ProducedFile(made),), {}, () if is_part else tuple(extracted))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with new_sandbox(slots=1) as made:
        yield made


def ids_of(document_id: str) -> list[str]:
    return [f"{document_id}.{hashlib.sha256(part).hexdigest()[:16]}" for _, part in PARTS]


def work(world: World, sandbox: Sandbox, commands: Any = None) -> Worker:
    return Worker(
        world.dsn,
        commands=commands or world.commands,
        blobs=world.blobs,
        imported=world.imported.find,
        sandbox=sandbox,
        executor_of=lambda name: TakesOut(name, in_process=True),
        stages=("alpha",),
        work_folder=world.folder / "work",
        name="w1",
        lease_seconds=1.0,
    )


def register(world: World, document_id: str, content: bytes = b"a mail", **fields: Any) -> None:
    blob = world.blobs.put_stream([content])
    original = Original(file_name="a.eml", checksum=blob.checksum, mime_type="message/rfc822")
    given = {
        "title": "a mail",
        "workflow_type": WorkflowType.AUTOMATIC,
        "configuration": Configuration(retries=5),
        "pipeline": ONE_STAGE,
    } | fields
    world.commands.execute(
        c.RegisterDocument(document_id=document_id, context=context(), original=original, **given)
    )


def test_each_becomes_a_document_that_names_its_source(world: World, sandbox: Sandbox) -> None:
    worker = work(world, sandbox)
    with running(Dispatcher(world.dsn, beside=worker.taker), worker):
        register(world, "mail", realm_id="harbour")
        wait_until(lambda: all(_is_done(world, i) for i in ["mail", *ids_of("mail")]))
    completed = [each for each in world.events("mail") if isinstance(each, e.StageCompleted)]
    assert completed[0].metadata == {"extractedDocuments": ids_of("mail")}
    first = world.events(ids_of("mail")[0])
    assert [type(each).__name__ for each in first[:3]] == [
        "DocumentRegistered",
        "DocumentExtracted",
        "WorkflowStarted",
    ]
    registered, extracted, started = first[:3]
    assert isinstance(registered, e.DocumentRegistered)
    assert registered.realm_id == "harbour"
    assert registered.personal == e.RegisteredPersonal(title="invoice", file_name="invoice.txt")
    assert registered.correlation_id == world.events("mail")[0].command_id
    assert isinstance(extracted, e.DocumentExtracted)
    assert (extracted.source_document_id, extracted.depth) == ("mail", 1)
    assert isinstance(started, e.WorkflowStarted)
    assert started.configuration == {"retries": 5}
    own = [each for each in first if isinstance(each, e.StageCompleted)]
    assert own[0].metadata == {"sourceUri": "/v1/documents/mail"}
    assert world.state(ids_of("mail")[1]).original_name == "b.txt"


def test_another_attempt_makes_no_second_document_and_revives_no_deleted_one(
    world: World, sandbox: Sandbox
) -> None:
    worker = work(world, sandbox)
    kept, deleted = ids_of("mail")
    with running(Dispatcher(world.dsn, beside=worker.taker), worker):
        register(world, "mail")
        wait_until(lambda: all(_is_done(world, i) for i in ["mail", kept, deleted]))
        world.command(c.DeleteDocument, deleted)
        before = world.topics(kept)
        world.command(c.RequestStage, "mail", stage_name="alpha")
        wait_until(lambda: world.topics("mail").count("StageCompleted") == 2)
    assert world.topics(kept) == before
    assert world.topics(deleted)[-1] == "DocumentDeleted"
    assert world.state("mail").stages["alpha"].status is StageStatus.COMPLETED


class CutOff:
    """The log's write side, which fails once when the second part is registered."""

    def __init__(self, world: World, error: Exception) -> None:
        self._commands = world.commands
        self._error: Exception | None = error
        self.load = world.commands.load
        self.execute = world.commands.execute

    def submit(self, command: c.Command) -> Any:
        """Send the command, or fail."""
        second = command.document_id == ids_of("mail")[1]
        if isinstance(command, c.RegisterDocument) and second and self._error is not None:
            error, self._error = self._error, None
            raise error
        return self._commands.submit(command)


@pytest.mark.parametrize("error", [LogUnavailable(), RuntimeError("the worker broke")])
def test_nothing_is_lost_when_a_registration_fails(
    world: World, sandbox: Sandbox, error: Exception
) -> None:
    worker = work(world, sandbox, CutOff(world, error))
    reaper = Reaper(world.dsn, world.commands, look_seconds=0.2)
    with running(Dispatcher(world.dsn, beside=worker.taker), worker, reaper):
        register(world, "mail")
        wait_until(lambda: all(_is_done(world, i) for i in ["mail", *ids_of("mail")]), seconds=60)
    assert world.topics(ids_of("mail")[0]).count("DocumentRegistered") == 1


def test_an_id_that_another_document_has_fails_the_stage(world: World, sandbox: Sandbox) -> None:
    register(world, ids_of("mail")[0], PARTS[0][1])
    worker = work(world, sandbox)
    with running(Dispatcher(world.dsn, beside=worker.taker), worker):
        register(world, "mail")
        wait_until(lambda: "StageFailed" in world.topics("mail"))
    failed = next(each for each in world.events("mail") if isinstance(each, e.StageFailed))
    assert failed.personal is not None
    assert "cannot be registered: There is a document" in (failed.personal.error_message or "")


def test_what_is_nested_too_deep_stays_where_it_is(world: World, sandbox: Sandbox) -> None:
    worker = work(world, sandbox)
    source = SourceDocument(document_id="outer", depth=MAX_DEPTH)
    with running(Dispatcher(world.dsn, beside=worker.taker), worker):
        register(world, "deep", b"nested", source=source)
        wait_until(lambda: _is_done(world, "deep"))
    completed = [each for each in world.events("deep") if isinstance(each, e.StageCompleted)]
    assert completed[0].metadata == {"sourceUri": "/v1/documents/outer", "notExtracted": 1}


def test_a_long_id_is_shortened_and_a_later_life_has_documents_of_its_own(
    world: World, sandbox: Sandbox
) -> None:
    name = "m" * 250
    worker = work(world, sandbox)
    with running(Dispatcher(world.dsn, beside=worker.taker), worker):
        register(world, name)
        wait_until(lambda: _is_done(world, name))
        first = _extracted(world, name)
        world.command(c.DeleteDocument, name)
        register(world, name)
        wait_until(lambda: _is_done(world, name))
    second = _extracted(world, name)
    assert len(set(first + second)) == 4
    assert all(len(each) <= 255 for each in first + second)


def _extracted(world: World, document_id: str) -> list[str]:
    completed = [each for each in world.events(document_id) if isinstance(each, e.StageCompleted)]
    found: list[str] = completed[-1].metadata["extractedDocuments"]
    return found


def _is_done(world: World, document_id: str) -> bool:
    events = world.events(document_id)
    return bool(events) and type(events[-1]).__name__ == "WorkflowCompleted"
