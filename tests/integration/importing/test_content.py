"""The text in a row of `documents` is stored when a stage first reads it, and named in the log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain import commands as c
from domain import events as e
from domain.imported_state import ImportedFile, ImportedStage
from domain.values import Original, StageStatus, WorkflowType
from eventstore.named_blobs import named_checksums
from worker_parts import (
    PIPELINE,
    STAGES,
    World,
    context,
    echo_in_process,
    new_sandbox,
    running,
    wait_until,
)
from workers.dispatcher import Dispatcher
from workers.worker import Worker

TEXT = "# Heading\n\nÜber alles.\n"
CHECKSUM = hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.fixture
def world(database: str, tmp_path: Path) -> Iterator[World]:
    """A log and a storage."""
    made = World(database, tmp_path)
    yield made
    made.close()


def run(world: World, content: str | None) -> None:
    """Take a document in that has no file, and through all its stages."""
    world.commands.execute(
        c.RegisterDocument(
            document_id="d",
            context=context(),
            title="t",
            original=Original(mime_type="text/markdown"),
            content=content,
            workflow_type=WorkflowType.AUTOMATIC,
            pipeline=PIPELINE,
        )
    )
    work_until(world, lambda: world.is_done("d"))


def work_until(world: World, holds: Callable[[], bool]) -> None:
    """Let a worker work until this holds."""
    with new_sandbox(1) as sandbox:
        worker = Worker(
            world.dsn,
            commands=world.commands,
            blobs=world.blobs,
            imported=world.imported.find,
            sandbox=sandbox,
            executor_of=echo_in_process,
            stages=STAGES,
            work_folder=world.folder / "work",
            name="w",
        )
        with running(Dispatcher(world.dsn), worker):
            wait_until(holds)


def test_it_is_stored_once_and_is_what_the_stages_read(world: World) -> None:
    run(world, TEXT)
    stored = [event for event in world.events("d") if isinstance(event, e.OriginalStored)]
    assert [(event.checksum, event.size_bytes) for event in stored] == [
        (CHECKSUM, len(TEXT.encode()))
    ]
    assert world.topics("d")[2:5] == ["StageStarted", "OriginalStored", "OutputFileRegistered"]
    completed = next(x for x in world.events("d") if isinstance(x, e.StageCompleted))
    assert [reference.checksum for reference in completed.inputs] == [CHECKSUM]
    assert b"".join(world.blobs.open(CHECKSUM)).decode() == TEXT
    assert world.state("d").original_checksum == CHECKSUM
    with named_checksums(partial(psycopg.connect, world.dsn)) as checksums:
        assert CHECKSUM in checksums


def test_a_document_without_content_has_none_to_store(world: World) -> None:
    run(world, None)
    assert "OriginalStored" not in world.topics("d")
    completed = next(x for x in world.events("d") if isinstance(x, e.StageCompleted))
    assert completed.inputs == ()


def import_listed(world: World, **listed: Any) -> None:
    """Import document `d`, whose first stage is completed with a file listed at old/a.md."""
    file = {"stage_name": "alpha", "file_type": "alpha_output", "file_path": "old/a.md", **listed}
    world.commands.execute(
        c.ImportDocument(
            document_id="d",
            context=context(),
            title="t",
            original=Original(mime_type="text/markdown"),
            pipeline=PIPELINE,
            stages=(ImportedStage(stage_name="alpha", status=StageStatus.COMPLETED),),
            files=(ImportedFile(**file),),
        )
    )
    world.commands.execute(c.RequestStage(document_id="d", context=context(), stage_name="beta"))


@pytest.mark.parametrize("recorded", [CHECKSUM, None])
def test_a_stage_reads_an_imported_file_from_where_it_was_listed(
    world: World, recorded: str | None
) -> None:
    path = world.folder / "uploads" / "old" / "a.md"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT)
    import_listed(world, checksum=recorded)
    work_until(world, lambda: "StageCompleted" in world.topics("d"))
    completed = next(x for x in world.events("d") if isinstance(x, e.StageCompleted))
    assert [(i.stage_name, i.checksum) for i in completed.inputs] == [("alpha", CHECKSUM)]


def test_a_stage_whose_imported_file_is_absent_says_where_it_was_expected(world: World) -> None:
    import_listed(world)
    work_until(world, lambda: "StageFailed" in world.topics("d"))
    failed = next(x for x in world.events("d") if isinstance(x, e.StageFailed))
    assert failed.personal is not None
    assert "'old/a.md'" in (failed.personal.error_message or "")
