"""What callers send and get, in camelCase; requests refuse keys that they do not know."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import TypeAliasType

from domain.json_types import JsonObject
from domain.media_types import MAX_MEDIA_TYPE_CHARS
from domain.values import DOCUMENT_ID, FILE_TYPE, Configuration

_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_FRACTION = re.compile(r"(\.\d{6})\d+")

# What cannot be stored is refused ahead of these models (api.http.strict_json), here only named.
NO_NUL: JsonObject = {"pattern": "^[^\\u0000]*$"}
Text = Annotated[str, Field(json_schema_extra=NO_NUL)]
Title = Annotated[Text, StringConstraints(min_length=1, max_length=255)]
RealmId = Annotated[Text, StringConstraints(min_length=1, max_length=255)]
Status = Literal["pending", "in_progress", "completed", "failed", "skipped"]
WorkflowStatus = Literal["running", "paused", "cancelled", "failed", "completed"]
WorkflowType = Literal["automatic", "manual"]


def _document_id(value: Any) -> Any:
    if isinstance(value, str) and (not DOCUMENT_ID.fullmatch(value) or value in (".", "..")):
        raise ValueError("an id is 1 to 255 of A-Z a-z 0-9 . _ - but not '.' or '..'")
    return value


def _file_type(value: Any) -> Any:
    if isinstance(value, str) and not FILE_TYPE.fullmatch(value):
        raise ValueError("a file type is 1 to 100 of a-z 0-9 _")
    return value


def _instant(value: Any) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("a time is RFC 3339 with its offset, e.g. 2026-11-24T01:54:33Z")
    try:
        return datetime.fromisoformat(_FRACTION.sub(r"\1", value.upper())).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such time") from None


DocumentId = Annotated[
    str,
    BeforeValidator(_document_id),
    WithJsonSchema({"type": "string", "pattern": r"^(?!\.{1,2}$)[A-Za-z0-9._-]{1,255}$"}),
]
FileType = Annotated[
    str,
    BeforeValidator(_file_type),
    WithJsonSchema({"type": "string", "pattern": "^[a-z0-9_]{1,100}$"}),
]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Metadata = TypeAliasType("Metadata", JsonObject)
StoredConfiguration = TypeAliasType("StoredConfiguration", JsonObject)
EventData = TypeAliasType("EventData", JsonObject)
MediaType = Annotated[
    str,
    StringConstraints(
        max_length=MAX_MEDIA_TYPE_CHARS, pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$"
    ),
]
Checksum = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Time = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time"}), Field(description="UTC")
]


class Sent(BaseModel):
    """Base of request bodies."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=False
    )


class NewDocument(Sent):
    """A document given as text, which is taken as Markdown."""

    id: DocumentId | None = None
    title: Title
    content: Text
    realm_id: RealmId | None = None
    workflow_type: WorkflowType = "manual"
    configuration: Configuration | None = None


class DocumentFields(Sent):
    """What a multipart form says of the document that it uploads."""

    id: DocumentId | None = None
    title: Title | None = None
    realm_id: RealmId | None = None
    workflow_type: WorkflowType = "manual"
    configuration: Configuration | None = None


class NewWorkflow(Sent):
    """A run of the document's stages."""

    workflow_type: WorkflowType = "manual"
    configuration: Configuration | None = None


class StageFileFields(Sent):
    """What a multipart form says of the file that it uploads."""

    file_name: str | None = None
    file_type: FileType | None = None
    metadata: Metadata | None = None


class StoredFile(Sent):
    """A file that is in the storage already; size and checksum are compared if given.

    The owner's ids may be repeated, as in the requirement's `StageOutputFile`.
    """

    document_id: str | None = None
    stage_name: str | None = None
    file_path: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    file_type: FileType | None = None
    file_name: str | None = None
    file_size: Annotated[int, Field(ge=0)] | None = None
    mime_type: MediaType | None = None
    checksum: Checksum | None = None
    metadata: Metadata | None = None


def _only_if(status: JsonObject, field: str) -> JsonObject:
    """Return the rule that a field is given for such a status alone."""
    return {
        "if": {"properties": {"status": status}},
        "else": {"properties": {field: {"type": "null"}}},
    }


_FITS_THE_STATUS: Any = [
    _only_if({"const": "completed"}, "outputFiles"),
    _only_if({"not": {"const": "pending"}}, "metadata"),
]


class StatusReport(Sent):
    """What happened to a stage.

    The path names document and stage; `documentId` and `stageName` may repeat them. What a status
    has no place for is not kept: a pending stage has no times and no error, one in progress no
    end and no error.
    """

    model_config = ConfigDict(json_schema_extra={"allOf": _FITS_THE_STATUS})

    document_id: str | None = None
    stage_name: str | None = None
    status: Status
    attempt: Annotated[int, Field(ge=1)] | None = None
    started_at: Instant | None = None
    completed_at: Instant | None = None
    error_message: Annotated[str, StringConstraints(max_length=65_536)] | None = None
    metadata: Metadata | None = None
    output_files: Annotated[list[StoredFile], Field(max_length=100)] | None = None

    @field_validator("completed_at")
    @classmethod
    def _ends_after_it_began(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        started_at = info.data.get("started_at")
        if value is not None and started_at is not None and value < started_at:
            raise ValueError("it is before startedAt")
        return value

    @model_validator(mode="after")
    def _fits_the_status(self) -> StatusReport:
        if self.output_files is not None and self.status != "completed":
            raise ValueError(f"outputFiles cannot be reported with '{self.status}'")
        if self.metadata is not None and self.status == "pending":
            raise ValueError("metadata cannot be reported with 'pending'")
        return self


class Execution(Sent):
    """How a stage is to be run; `inputFiles` are paths of this document's files."""

    input_files: Annotated[list[str], Field(min_length=1, max_length=100)] | None = None


def _without_default(schema: JsonObject) -> None:
    schema.pop("default", None)


ABSENT: Any = Field(default=None, json_schema_extra=_without_default)
"""For what is left out of an answer where there is none of it, and never null."""


class Answered(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class WaitingFor(Answered):
    """Why a stage that may run does not: no living worker has its executor."""

    stage_name: str
    reason: Literal["noExecutor"]


class Workflow(Answered):
    """One run of a document's stages."""

    id: str
    document_id: str
    workflow_type: WorkflowType
    status: WorkflowStatus
    total_stages: int
    completed_stages: int
    current_stage: str | None
    started_at: Time | None
    completed_at: Time | None
    configuration: StoredConfiguration | None
    created_at: Time | None
    updated_at: Time | None
    waiting_for: WaitingFor | None


class Stage(Answered):
    """Where one stage of a document stands."""

    id: str
    document_id: str
    stage_name: str
    status: Status
    attempt: int
    retry_count: int
    started_at: Time | None
    completed_at: Time | None
    error_message: str | None
    metadata: Metadata | None
    created_at: Time | None
    updated_at: Time | None
    waiting_for: WaitingFor | None


class OutputFile(Answered):
    """A file that a stage made; `filePath` is relative to the storage root."""

    id: str
    document_id: str
    stage_name: str
    file_type: str
    file_path: str
    file_size: int | None
    mime_type: str | None
    checksum: str | None
    metadata: Metadata | None
    created_at: Time | None


class Parked(Answered):
    """Why what is shown of a document is behind the log: its event there could not be applied."""

    position: int


class DocumentState(Answered):
    """What lists and reads of one document show alike."""

    id: str
    title: str | None
    realm_id: str | None
    created_at: Time | None
    updated_at: Time | None
    processing_workflow: Workflow | None
    stages: list[Stage]
    version: int
    position: int


class DocumentSummary(DocumentState):
    """A document as lists show it; `parked` is there only where it is behind the log."""

    parked: Parked | SkipJsonSchema[None] = ABSENT


class Document(DocumentState):
    """A document with everything known of it; `content` is null for uploaded files."""

    content: str | None
    output_files: list[OutputFile]


class ExecutionResult(Answered):
    """How an execution ended."""

    success: bool
    output_files: list[OutputFile]
    error: str | None
    metadata: Metadata | None


class NextStage(Answered):
    """The first stage that may start now."""

    stage_name: str | None


class Event(Answered):
    """One event; `data` is what only its type carries, null if it cannot be read any more."""

    position: int
    version: int
    type: str
    at: Time | None
    actor: str | None
    document_id: str
    command_id: str | None
    correlation_id: str | None
    causation_id: str | None
    data: EventData | None


class HistoryItem(Event):
    """One event of a document's history."""


class FoundFact(Answered):
    """A fact that holds anything of what was asked for."""

    index: int
    kind: str
    statement: str
    quote: str
    chunk_index: int
    start: int
    end: int
    pages: list[int] | None


class UnderstoodSearch(Answered):
    """What is looked for, what must be absent, and what was left out: stop words and signs."""

    terms: list[str]
    excluded: list[str]
    ignored: list[str]


class RankedChunks(Answered):
    """How many chunks were compared with each other; `order` says which if there are more."""

    chunks: int
    complete: bool
    order: str | None


class SearchHit(Answered):
    """A chunk that was found; `start` and `end` count code points of the document's Markdown.

    `snippet` is plain text, `highlights` are the code points of it that were found. `facts` come
    with `include=facts`.
    """

    document_id: str
    title: str | None
    heading_path: list[str]
    pages: list[int] | None
    snippet: str
    highlights: list[list[int]]
    start: int
    end: int
    score: float
    facts: list[FoundFact] | SkipJsonSchema[None] = ABSENT


class ParkedDocument(Answered):
    """A document with an event that could not be applied."""

    document_id: str
    position: int
    error: str | None


class Projection(Answered):
    """How far a consumer of the log is; `parked` tells that events could not be applied."""

    projection: str
    position: int
    lag: int
    health: Literal["ok", "behind", "parked"]
    parked: list[ParkedDocument]


class Health(Answered):
    """That the process is there."""

    status: Literal["ok"]


class FieldProblem(Answered):
    """A value that is not acceptable."""

    field: str
    detail: str


class ProblemDocument(Answered):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldProblem] | SkipJsonSchema[None] = ABSENT
    current_version: int | SkipJsonSchema[None] = ABSENT
    position: int | SkipJsonSchema[None] = ABSENT
