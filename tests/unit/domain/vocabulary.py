"""The words in which tests of the domain tell what happened and what is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from domain import commands as c
from domain import events as e
from domain.pipeline import StageDependency
from domain.values import Configuration, FailureReason, Original, OutputFile, WorkflowType
from unit.domain.given import Fact, fact, order

CONVERSION, OPTIMIZER, CHUNKER = "markdown-conversion", "markdown-optimizer", "chunker"
FACTS, INGESTOR = "fact-generator", "ingestor"
STAGES = (CONVERSION, OPTIMIZER, CHUNKER, FACTS, INGESTOR)

Rows = tuple[StageDependency, ...]


def rows(*given: tuple[str, str | None, bool, int]) -> Rows:
    """Return rows of `stage_dependencies`."""
    return tuple(StageDependency(*row) for row in given)


FIVE = rows(
    (CONVERSION, None, True, 1),
    (OPTIMIZER, CONVERSION, False, 2),
    (CHUNKER, CONVERSION, True, 3),
    (CHUNKER, OPTIMIZER, False, 3),
    (FACTS, CHUNKER, True, 4),
    (INGESTOR, FACTS, True, 5),
    (INGESTOR, CHUNKER, True, 5),
)
SIX = (*FIVE, StageDependency("translator", CHUNKER, False, 6))
BRANCHED = rows(("a", None, True, 1), ("b", "a", True, 2), ("c", "a", True, 3), ("d", "b", True, 4))
BRANCHED_JOINED = (*BRANCHED, StageDependency("d", "c", True, 4))
OPTIONAL_ONLY = rows(("x", None, False, 1), ("y", "x", False, 2))

AUTOMATIC, MANUAL = WorkflowType.AUTOMATIC, WorkflowType.MANUAL
ORIGINAL = Original(
    file_name="Laws.pdf", checksum="0" * 64, size_bytes=10, mime_type="application/pdf"
)


# What happened


def registered(**changed: Any) -> Fact:
    """A document was handed in."""
    fields: dict[str, Any] = {
        "realm_id": "realm-1",
        "checksum": ORIGINAL.checksum,
        "size_bytes": ORIGINAL.size_bytes,
        "mime_type": ORIGINAL.mime_type,
        "personal": e.RegisteredPersonal(title="Laws", file_name=ORIGINAL.file_name),
    }
    return fact(e.DocumentRegistered, **{**fields, **changed})


def begun(
    workflow_type: WorkflowType = MANUAL,
    *,
    run: int = 1,
    pipeline: Rows = FIVE,
    configuration: Mapping[str, Any] | None = None,
    attempts: Mapping[str, int] | None = None,
) -> Fact:
    """A run began."""
    return fact(
        e.WorkflowStarted,
        run=run,
        workflow_type=workflow_type,
        configuration=configuration or {},
        pipeline=tuple(tuple(row) for row in pipeline),
        attempts=attempts or {},
    )


def paused() -> Fact:
    """The workflow was paused."""
    return fact(e.WorkflowPaused)


def resumed() -> Fact:
    """The workflow was resumed."""
    return fact(e.WorkflowResumed)


def cancelled() -> Fact:
    """The workflow was cancelled."""
    return fact(e.WorkflowCancelled)


def workflow_completed() -> Fact:
    """Every stage is settled."""
    return fact(e.WorkflowCompleted)


def deleted() -> Fact:
    """The document is gone."""
    return fact(e.DocumentDeleted)


def requested(stage: str, attempt: int = 1, **fields: Any) -> Fact:
    """A worker shall run the stage."""
    return fact(e.StageRequested, stage_name=stage, attempt=attempt, **fields)


def rerun_requested(stage: str, attempt: int = 1) -> Fact:
    """A worker shall make the stage's output again."""
    return fact(e.StageRerunRequested, stage_name=stage, attempt=attempt)


def started(stage: str, attempt: int = 1, **fields: Any) -> Fact:
    """An attempt began."""
    return fact(e.StageStarted, stage_name=stage, attempt=attempt, **fields)


def completed(stage: str, attempt: int = 1, **fields: Any) -> Fact:
    """An attempt succeeded."""
    return fact(e.StageCompleted, stage_name=stage, attempt=attempt, **fields)


def failed(stage: str, attempt: int = 1, **fields: Any) -> Fact:
    """An attempt failed."""
    fields.setdefault("reason", FailureReason.REPORTED)
    return fact(e.StageFailed, stage_name=stage, attempt=attempt, **fields)


def skipped(stage: str, attempt: int = 1, **fields: Any) -> Fact:
    """A stage was left out."""
    return fact(e.StageSkipped, stage_name=stage, attempt=attempt, **fields)


def retried(stage: str, attempt: int, **fields: Any) -> Fact:
    """A failed stage is pending again."""
    fields.setdefault("retry_count", attempt - 1)
    fields.setdefault("automatic", False)
    return fact(e.StageRetried, stage_name=stage, attempt=attempt, **fields)


def was_reset(stage: str, attempt: int, because_of: str | None = None) -> Fact:
    """A settled stage is pending again."""
    return fact(e.StageReset, stage_name=stage, attempt=attempt, because_of=because_of)


def file_registered(
    stage: str, file: OutputFile, file_version: int = 1, *, attempt: int = 1, current: bool = False
) -> Fact:
    """A file of the stage is in the storage."""
    personal = None
    if file.file_name is not None or file.outside_metadata is not None:
        personal = e.FilePersonal(file_name=file.file_name, metadata=file.outside_metadata)
    fields = file.model_dump(exclude={"file_name", "outside_metadata"})
    return fact(
        e.OutputFileRegistered,
        stage_name=stage,
        attempt=attempt,
        file_version=file_version,
        current=current,
        personal=personal,
        **fields,
    )


def file_removed(stage: str, file_type: str) -> Fact:
    """The stage has no current file of the type any more."""
    return fact(e.OutputFileRemoved, stage_name=stage, file_type=file_type)


def cancelled_attempt(stage: str, attempt: int = 1) -> Fact:
    """The running attempt ended with its workflow."""
    return failed(
        stage,
        attempt,
        reason=FailureReason.CANCELLED,
        personal=e.ReportedPersonal(error_message="cancelled"),
    )


def done(*stages: str) -> list[Fact]:
    """Each of these stages ran once and succeeded, without files."""
    return [each for stage in stages for each in (started(stage), completed(stage))]


def all_done(workflow_type: WorkflowType = MANUAL) -> list[Fact]:
    """A document has gone through its five stages."""
    return [registered(), begun(workflow_type), *done(*STAGES), workflow_completed()]


# What is asked for


def register(**fields: Any) -> c.Command:
    """Take a document in."""
    defaults = {"title": "Laws", "realm_id": "realm-1", "original": ORIGINAL, "pipeline": FIVE}
    return order(c.RegisterDocument, **{**defaults, **fields})


def start_workflow(**fields: Any) -> c.Command:
    """Begin a run."""
    return order(c.StartWorkflow, **{"pipeline": FIVE, **fields})


def delete() -> c.Command:
    """Remove the document."""
    return order(c.DeleteDocument)


def pause() -> c.Command:
    """Start no further stage."""
    return order(c.PauseWorkflow)


def resume() -> c.Command:
    """Let stages start again."""
    return order(c.ResumeWorkflow)


def cancel() -> c.Command:
    """End the run."""
    return order(c.CancelWorkflow)


def request(stage: str, **fields: Any) -> c.Command:
    """Have a worker run the stage."""
    return order(c.RequestStage, stage_name=stage, **fields)


def rerun(stage: str, **fields: Any) -> c.Command:
    """Have a worker make the stage's output again."""
    return order(c.RerunStage, stage_name=stage, **fields)


def start(stage: str, **fields: Any) -> c.Command:
    """Begin an attempt."""
    return order(c.StartStage, stage_name=stage, **fields)


def complete(stage: str, *files: OutputFile, **fields: Any) -> c.Command:
    """Report that an attempt succeeded."""
    return order(c.CompleteStage, stage_name=stage, files=files, **fields)


def fail(stage: str, **fields: Any) -> c.Command:
    """Report that an attempt failed."""
    return order(c.FailStage, stage_name=stage, **fields)


def expire(lease_id: str, **fields: Any) -> c.Command:
    """Fail what runs under a lease."""
    return order(c.ExpireLease, lease_id=lease_id, **fields)


def skip(stage: str, **fields: Any) -> c.Command:
    """Leave a stage out."""
    return order(c.SkipStage, stage_name=stage, **fields)


def reset(stage: str, **fields: Any) -> c.Command:
    """Make a stage pending."""
    return order(c.ResetStage, stage_name=stage, **fields)


def register_file(stage: str, file: OutputFile, **fields: Any) -> c.Command:
    """Add a file to a stage."""
    return order(c.RegisterOutputFile, stage_name=stage, file=file, **fields)


def output(file_type: str, content: str = "", **changed: Any) -> OutputFile:
    """Return a file with this content."""
    fields: dict[str, Any] = {
        "file_type": file_type,
        "suffix": f".{file_type.replace('_', '')}",
        "checksum": sha256(content.encode()).hexdigest(),
        "size_bytes": len(content),
        "mime_type": "text/plain",
    }
    return OutputFile(**{**fields, **changed})


def configuration(**fields: Any) -> Configuration:
    """Return a workflow's configuration."""
    return Configuration(**fields)
