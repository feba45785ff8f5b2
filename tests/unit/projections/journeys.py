"""Random ways of a document through its stages, for tests of what is made of its events."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from domain import commands as c
from domain.decisions.decide import decide
from domain.document_workflow import DocumentWorkflow, evolve
from domain.errors import Refused
from domain.events import Event
from domain.pipeline import StageDependency
from domain.values import (
    Configuration,
    FailureReason,
    Original,
    OutputFile,
    WorkflowType,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
STAGES = ("markdown-conversion", "markdown-optimizer", "chunker", "fact-generator", "ingestor")
FIVE = tuple(
    StageDependency(*row)
    for row in (
        ("markdown-conversion", None, True, 1),
        ("markdown-optimizer", "markdown-conversion", False, 2),
        ("chunker", "markdown-conversion", True, 3),
        ("chunker", "markdown-optimizer", False, 3),
        ("fact-generator", "chunker", True, 4),
        ("ingestor", "fact-generator", True, 5),
        ("ingestor", "chunker", True, 5),
    )
)
OTHER = (
    StageDependency("markdown-conversion", None, True, 1),
    StageDependency("translation", "markdown-conversion", False, 2),
    StageDependency("chunker", "markdown-conversion", True, 3),
)
FILE_TYPES = (("markdown", ".md"), ("chunks_json", ".chunks.json"), ("notes", ".notes.txt"))


class Step(NamedTuple):
    """What to try next: a kind of command and a few numbers that shape it."""

    kind: int
    stage: int
    choice: int


def steps(seed: int, count: int) -> Iterator[Step]:
    """Yield `count` random steps, the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        yield Step(chance.randrange(len(KINDS)), chance.randrange(5), chance.randrange(12))


def journey(document_id: str, tried: Iterable[Step]) -> Iterator[tuple[DocumentWorkflow, Event]]:
    """Yield the events of the steps that were not refused, each with the state it made."""
    state = DocumentWorkflow.unborn(document_id)
    for number, step in enumerate(tried, start=1):
        for event in outcome(state, step, number):
            state = evolve(state, event)
            yield state, event


def outcome(state: DocumentWorkflow, step: Step, number: int) -> tuple[Event, ...]:
    """Return the events that the step leads to, none if it is refused."""
    try:
        return decide(state, command(state, step, number))
    except Refused:
        return ()


def command(state: DocumentWorkflow, step: Step, number: int) -> c.Command:
    """Return the command of a step; a document that is not there is registered instead."""
    at = START + timedelta(seconds=number)
    context = c.Context(
        at=at, actor="test", command_id=f"{state.id}-{number}", correlation_id=f"{state.id}"
    )
    common: dict[str, Any] = {"document_id": state.id, "context": context}
    if not state.registered:
        return _register(common, step)
    names = state.pipeline.stage_names or STAGES
    name = names[step.stage % len(names)]
    if step.choice % 3:
        name = _reachable(state) or name
    return KINDS[step.kind](common, name, step)


def _reachable(state: DocumentWorkflow) -> str | None:
    return next((name for name, s in state.stages.items() if not s.status.settled), None)


def _register(common: dict[str, Any], step: Step) -> c.Command:
    original = Original(
        file_name=("Kepler's laws.pdf", None)[step.choice % 2],
        checksum=f"{step.choice:064x}",
        size_bytes=1000 + step.choice,
        mime_type="application/pdf",
    )
    return c.RegisterDocument(
        **common, title="Laws", original=original, pipeline=FIVE, **_workflow(step)
    )


def _workflow(step: Step) -> dict[str, Any]:
    skipped = ("markdown-optimizer",) if step.choice % 4 == 1 else ()
    return {
        "workflow_type": (WorkflowType.AUTOMATIC, WorkflowType.MANUAL)[step.choice % 2],
        "configuration": Configuration(skip_stages=skipped, retries=step.choice % 3),
    }


def _restart(common: dict[str, Any], name: str, step: Step) -> c.Command:
    pipeline = OTHER if step.choice > 8 and step.choice % 4 != 1 else FIVE
    return c.StartWorkflow(**common, pipeline=pipeline, **_workflow(step))


def _file(step: Step, number: int = 0) -> OutputFile:
    file_type, suffix = FILE_TYPES[(step.choice + number) % 3]
    return OutputFile(
        file_type=file_type,
        suffix=suffix,
        checksum=f"{step.choice % 5:064x}",
        canonical_checksum=f"{step.choice % 2:064x}" if step.choice % 3 else None,
        size_bytes=step.choice,
        mime_type="text/plain",
        metadata={"pages": step.choice} if step.choice % 2 else {},
        file_name=f"given-{step.choice % 3}.txt" if step.choice % 4 == 3 else None,
        outside_metadata={"by": "hand"} if step.choice % 5 == 1 else None,
    )


def _start(common: dict[str, Any], name: str, step: Step) -> c.Command:
    said = {"room": step.choice} if step.choice % 2 else None
    lease = f"lease-{step.stage}" if step.choice % 4 else None
    return c.StartStage(**common, stage_name=name, lease_id=lease, outside_metadata=said)


def _complete(common: dict[str, Any], name: str, step: Step) -> c.Command:
    return c.CompleteStage(
        **common,
        stage_name=name,
        files=tuple(_file(step, number) for number in range(step.choice % 3)),
        executor="test/1",
        metadata={"seconds": step.choice},
        outside_metadata={"by": "hand"} if step.choice % 5 == 0 else None,
        completed_at=START if step.choice % 4 == 0 else None,
        continue_with_lease=step.choice % 2 == 0,
    )


def _fail(common: dict[str, Any], name: str, step: Step) -> c.Command:
    return c.FailStage(
        **common,
        stage_name=name,
        reason=FailureReason.ERROR,
        error_message="It broke." if step.choice % 2 else None,
        outside_metadata={"line": step.choice} if step.choice % 3 == 0 else None,
        retryable=step.choice % 4 != 0,
    )


def _of(command_type: type[c.Command]) -> Callable[[dict[str, Any], str, Step], c.Command]:
    return lambda common, name, step: command_type(**common)


def _of_stage(
    command_type: type[c.StageCommand],
) -> Callable[[dict[str, Any], str, Step], c.Command]:
    return lambda common, name, step: command_type(**common, stage_name=name)


def _delete(common: dict[str, Any], name: str, step: Step) -> c.Command:
    if step.choice == 0:
        return c.DeleteDocument(**common)
    return c.ResumeWorkflow(**common)


def _register_file(common: dict[str, Any], name: str, step: Step) -> c.Command:
    return c.RegisterOutputFile(**common, stage_name=name, file=_file(step))


def _expire(common: dict[str, Any], name: str, step: Step) -> c.Command:
    return c.ExpireLease(**common, lease_id=f"lease-{step.stage}")


KINDS: tuple[Callable[[dict[str, Any], str, Step], c.Command], ...] = (
    _start,
    _start,
    _complete,
    _complete,
    _complete,
    _complete,
    _fail,
    _register_file,
    _register_file,
    _expire,
    _restart,
    _delete,
    _of(c.PauseWorkflow),
    _of(c.ResumeWorkflow),
    _of(c.CancelWorkflow),
    _of_stage(c.RequestStage),
    _of_stage(c.RerunStage),
    _of_stage(c.SkipStage),
    _of_stage(c.ResetStage),
)
