"""Every event of a `DocumentWorkflow`: frozen, versioned, for ever.

A landed event is never changed. A new shape is a new `class_version` with an
`upcast_v{n}_v{n+1}(state)` static method that turns the older stored state into the newer, and a
frozen example in `tests/fixtures/events/`.

What may be personal sits in `personal`: plaintext in memory, encrypted under the document's key
in the log, and None once that key is gone. Every reader copes with None.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

from msgspec import Struct
from msgspec.structs import replace

from domain.json_types import JsonMapping
from domain.values import FailureReason, FileReference, StageStatus, WorkflowStatus, WorkflowType

PipelineRow = tuple[str, str | None, bool, int]


class Personal(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of the parts of events that can be erased."""


class RegisteredPersonal(Personal, frozen=True, kw_only=True):
    """What names a document."""

    title: str
    file_name: str | None = None


class ReportedPersonal(Personal, frozen=True, kw_only=True):
    """What somebody said about an attempt."""

    error_message: str | None = None
    metadata: JsonMapping | None = None


class FilePersonal(Personal, frozen=True, kw_only=True):
    """What somebody said about a file."""

    file_name: str | None = None
    metadata: JsonMapping | None = None


class WorkflowPersonal(Personal, frozen=True, kw_only=True):
    """How a workflow of another system was configured, in that system's words."""

    configuration: Any = None


class ImportedFilePersonal(Personal, frozen=True, kw_only=True):
    """Where another system kept a file and what it said about it."""

    file_path: str
    metadata: Any = None


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What every event carries.

    `version` counts from 1 within the document's stream. `at` is aware UTC and never before the
    event ahead of it in the log. `causation_id` is the id of the command or event that led to
    this one, None when somebody outside asked. `correlation_id` joins all that one request set
    off; None means `command_id`.
    """

    class_version: ClassVar[int] = 1
    personal_type: ClassVar[type[Personal] | None] = None

    document_id: str
    version: int
    at: datetime
    actor: str
    command_id: str
    correlation_id: str | None = None
    causation_id: str | None = None

    @property
    def originator_id(self) -> str:
        """The document's id, in the library's words."""
        return self.document_id

    @property
    def originator_version(self) -> int:
        """The version, in the library's words."""
        return self.version

    def happened_at(self, at: datetime) -> Self:
        """Return the event as the log stored it, its time moved on to `at`."""
        return self if at == self.at else replace(self, at=at)


class DocumentRegistered(Event, frozen=True, kw_only=True):
    """A document was handed in; it has no workflow yet."""

    personal_type = RegisteredPersonal

    realm_id: str | None = None
    checksum: str | None = None
    size_bytes: int = 0
    mime_type: str
    personal: RegisteredPersonal | None = None


class DocumentDeleted(Event, frozen=True, kw_only=True):
    """The document and its rows are gone; its history stays."""


class DocumentChanged(Event, frozen=True, kw_only=True):
    """Another application changed the document's row: this is its title and realm now."""

    personal_type = RegisteredPersonal

    realm_id: str | None = None
    personal: RegisteredPersonal | None = None


class OriginalStored(Event, frozen=True, kw_only=True):
    """The content of a document that came without a file is in the storage from now on."""

    checksum: str
    size_bytes: int
    mime_type: str


class DocumentExtracted(Event, frozen=True, kw_only=True):
    """The document was taken out of another one, as an attachment is out of a mail.

    `depth` is 1 where that other came from outside, and one more than its own where not.
    """

    source_document_id: str
    depth: int


class ImportUndone(Event, frozen=True, kw_only=True):
    """An import was taken back: the document stays, its workflow and its rows go."""


class WorkflowStarted(Event, frozen=True, kw_only=True):
    """A run began: every stage of `pipeline` is pending.

    `attempts` is where the attempts of stages go on that an earlier run had; others begin at 1.
    """

    run: int
    workflow_type: WorkflowType
    configuration: JsonMapping = {}
    pipeline: tuple[PipelineRow, ...]
    attempts: Mapping[str, int] = {}


class WorkflowPaused(Event, frozen=True, kw_only=True):
    """No further stage starts until the workflow is resumed."""


class WorkflowResumed(Event, frozen=True, kw_only=True):
    """Stages may start again."""


class WorkflowCancelled(Event, frozen=True, kw_only=True):
    """The run is over without being complete."""


class WorkflowCompleted(Event, frozen=True, kw_only=True):
    """Every stage is completed or skipped."""


class StageEvent(Event, frozen=True, kw_only=True):
    """Base of what happens to one stage; `attempt` counts from 1."""

    stage_name: str
    attempt: int


class StageRequested(StageEvent, frozen=True, kw_only=True):
    """Somebody asked for the stage to be run by a worker; `inputs` None means the usual ones."""

    inputs: tuple[FileReference, ...] | None = None


class StageRerunRequested(StageEvent, frozen=True, kw_only=True):
    """A worker is to make the stage's output again; what its completion resets is requested too."""


class StageStarted(StageEvent, frozen=True, kw_only=True):
    """An attempt began; `lease_id` names the worker's lease, None when reported from outside."""

    personal_type = ReportedPersonal

    started_at: datetime | None = None
    lease_id: str | None = None
    personal: ReportedPersonal | None = None


class StageCompleted(StageEvent, frozen=True, kw_only=True):
    """The attempt succeeded and its registered files are current now.

    `executor` names what made them, e.g. `chunker/1.2.0`, and `inputs` what they were made of.
    """

    personal_type = ReportedPersonal

    completed_at: datetime | None = None
    executor: str | None = None
    inputs: tuple[FileReference, ...] = ()
    metadata: JsonMapping = {}
    personal: ReportedPersonal | None = None


class StageFailed(StageEvent, frozen=True, kw_only=True):
    """The attempt failed; `will_retry` tells that a StageRetried follows in the same append."""

    personal_type = ReportedPersonal

    completed_at: datetime | None = None
    reason: FailureReason
    will_retry: bool = False
    executor: str | None = None
    personal: ReportedPersonal | None = None


class StageSkipped(StageEvent, frozen=True, kw_only=True):
    """The optional stage will not run in this workflow."""

    personal_type = ReportedPersonal

    personal: ReportedPersonal | None = None


class StageRetried(StageEvent, frozen=True, kw_only=True):
    """A failed stage is pending again as attempt `attempt`, not before `retry_at`.

    `spends_retry` tells whether it counts against the workflow's configured retries.
    """

    retry_count: int
    automatic: bool
    spends_retry: bool = False
    retry_at: datetime | None = None


class StageReset(StageEvent, frozen=True, kw_only=True):
    """A completed, skipped or failed stage is pending again as attempt `attempt`.

    `because_of` names the upstream stage whose output changed; None for a re-run asked for.
    """

    because_of: str | None = None


class OutputFileRegistered(StageEvent, frozen=True, kw_only=True):
    """A file of the stage is in the storage.

    It becomes current with the StageCompleted of the same attempt, or at once when `current`
    (the stage was completed already). `file_version` counts from 1 per stage and file type.
    """

    personal_type = FilePersonal

    file_type: str
    suffix: str
    checksum: str
    canonical_checksum: str | None = None
    size_bytes: int
    mime_type: str
    file_version: int
    current: bool = False
    metadata: JsonMapping = {}
    personal: FilePersonal | None = None


class OutputFileRemoved(Event, frozen=True, kw_only=True):
    """The stage has no current file of this type any more; older versions stay in the storage."""

    stage_name: str
    file_type: str


class WorkflowStateImported(Event, frozen=True, kw_only=True):
    """The run stood like this in the tables that it was imported from; its stages came before."""

    personal_type = WorkflowPersonal

    status: WorkflowStatus
    total_stages: int
    completed_stages: int
    current_stage: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    personal: WorkflowPersonal | None = None


class StageStateImported(StageEvent, frozen=True, kw_only=True):
    """The stage stood like this in the table that it was imported from."""

    personal_type = ReportedPersonal

    status: StageStatus
    retry_count: int = 0
    started_at: datetime | None = None
    completed_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    personal: ReportedPersonal | None = None


class OutputFileImported(StageEvent, frozen=True, kw_only=True):
    """The stage had this file in the table that it was imported from.

    Its content is wherever the other system keeps it; the first that is stored here is version 1.
    """

    personal_type = ImportedFilePersonal

    file_type: str
    checksum: str | None = None
    size_bytes: int | None = None
    mime_type: str | None = None
    created_at: datetime | None = None
    personal: ImportedFilePersonal | None = None


EVENT_TYPES: Mapping[str, type[Event]] = {
    event_type.__name__: event_type
    for event_type in (
        DocumentRegistered,
        DocumentDeleted,
        DocumentChanged,
        OriginalStored,
        DocumentExtracted,
        ImportUndone,
        WorkflowStarted,
        WorkflowPaused,
        WorkflowResumed,
        WorkflowCancelled,
        WorkflowCompleted,
        StageRequested,
        StageRerunRequested,
        StageStarted,
        StageCompleted,
        StageFailed,
        StageSkipped,
        StageRetried,
        StageReset,
        OutputFileRegistered,
        OutputFileRemoved,
        WorkflowStateImported,
        StageStateImported,
        OutputFileImported,
    )
}
"""Every event by the topic under which it is stored: its bare name, wherever its class moves."""
