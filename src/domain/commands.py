"""Every command that a `DocumentWorkflow` decides; times and ids arrive in its context."""

from __future__ import annotations

from datetime import datetime

from domain.imported_state import ImportedFile, ImportedRun, ImportedStage
from domain.json_types import JsonMapping
from domain.pipeline import StageDependency
from domain.values import (
    Configuration,
    FailureReason,
    FileReference,
    Original,
    OutputFile,
    SourceDocument,
    Value,
    WorkflowType,
)


class Context(Value):
    """Who asks, when, and which request it belongs to; `correlation_id` None means its own."""

    at: datetime
    actor: str
    command_id: str
    correlation_id: str | None = None
    causation_id: str | None = None


class Command(Value):
    """Base of every command: which document, and the context."""

    document_id: str
    context: Context


class RegisterDocument(Command):
    """Take a document in and start its first workflow.

    `content` goes into the documents table only; the log names it by `original.checksum`. `source`
    is the document that it was taken out of.
    """

    title: str
    realm_id: str | None = None
    original: Original
    content: str | None = None
    source: SourceDocument | None = None
    workflow_type: WorkflowType = WorkflowType.MANUAL
    configuration: Configuration = Configuration()
    pipeline: tuple[StageDependency, ...]


class ImportDocument(RegisterDocument):
    """Take a document in with the state that it has in another system, oldest run first.

    Stages and files are those of the newest run; what the pipeline does not have is left out.
    """

    runs: tuple[ImportedRun, ...] = ()
    stages: tuple[ImportedStage, ...] = ()
    files: tuple[ImportedFile, ...] = ()


class DeleteDocument(Command):
    """Remove the document and its rows; its history stays."""


class StartWorkflow(Command):
    """Begin a run, all stages pending."""

    workflow_type: WorkflowType = WorkflowType.MANUAL
    configuration: Configuration = Configuration()
    pipeline: tuple[StageDependency, ...]


class PauseWorkflow(Command):
    """Let the running stage finish and start no other."""


class ResumeWorkflow(Command):
    """Let stages start again."""


class CancelWorkflow(Command):
    """End the run; a running stage fails with `cancelled`."""


class StageCommand(Command):
    """Base of commands about one stage; `attempt` None means the current one.

    `life` is that of the document which the caller has seen, None if that does not matter.
    """

    stage_name: str
    attempt: int | None = None
    life: int | None = None


class RequestStage(StageCommand):
    """Have a worker run the stage: a failed one is retried, a settled one re-run."""

    inputs: tuple[FileReference, ...] | None = None


class RerunStage(StageCommand):
    """Have a worker run a stage again that has an output, and what is downstream of a new one.

    With `executor`, only an output that this executor made. What is under way already is left to
    go on.
    """

    executor: str | None = None


class StartStage(StageCommand):
    """Record that an attempt begins; workers give the lease that they hold."""

    started_at: datetime | None = None
    lease_id: str | None = None
    outside_metadata: JsonMapping | None = None


class StartNextStage(Command):
    """Record that a worker begins the first stage that one should run now, if there is any.

    `among` are the stages that this worker can run now, None all.
    """

    lease_id: str
    among: frozenset[str] | None = None


class CompleteStage(StageCommand):
    """Record that the attempt succeeded, with all its files.

    `continue_with_lease` lets a worker take up the automatic workflow's next stage in the same
    append, if it is one of `continue_among`, None for any. `original` is the document's content
    where it came without a file and was stored for this attempt.
    """

    started_at: datetime | None = None
    completed_at: datetime | None = None
    error_message: str | None = None
    files: tuple[OutputFile, ...] = ()
    executor: str | None = None
    inputs: tuple[FileReference, ...] = ()
    metadata: JsonMapping = {}  # noqa: RUF012 - a field of a model, copied for each
    outside_metadata: JsonMapping | None = None
    lease_id: str | None = None
    continue_with_lease: bool = False
    continue_among: frozenset[str] | None = None
    original: Original | None = None


class FailStage(StageCommand):
    """Record that the attempt failed.

    With `retryable`, retries that are left are used (StageFailed and StageRetried in one append);
    `spends_retry` False leaves their number as it was (the worker's fault, not the stage's).
    """

    started_at: datetime | None = None
    completed_at: datetime | None = None
    reason: FailureReason = FailureReason.REPORTED
    error_message: str | None = None
    outside_metadata: JsonMapping | None = None
    executor: str | None = None
    lease_id: str | None = None
    retryable: bool = False
    spends_retry: bool = True


class ExpireLease(Command):
    """Fail whatever attempts still run under a lease that nobody renews."""

    lease_id: str
    reason: FailureReason = FailureReason.LEASE_LOST


class SkipStage(StageCommand):
    """Leave an optional pending stage out."""

    error_message: str | None = None
    outside_metadata: JsonMapping | None = None


class ResetStage(StageCommand):
    """Make a failed (retry), completed or skipped (re-run) stage pending, without running it."""


class RegisterOutputFile(StageCommand):
    """Add a file to a stage that runs, may start or is completed."""

    file: OutputFile
