"""The values that commands, events and state are made of."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from domain.errors import InvalidValue
from domain.json_types import JsonMapping, JsonObject

DOCUMENT_ID = re.compile(r"[A-Za-z0-9._-]{1,255}")
STAGE_NAME = re.compile(r"[a-z0-9-]{1,100}")
FILE_TYPE = re.compile(r"[a-z0-9_]{1,100}")
SUFFIX = re.compile(r"(\.[a-z0-9]{1,16}){1,4}")
CHECKSUM = re.compile(r"[0-9a-f]{64}")

StageName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,100}$")]


class Value(BaseModel):
    """Base of small immutable values; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class StageStatus(StrEnum):
    """Where one stage of one document stands."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def settled(self) -> bool:
        """True when what depends on the stage need not wait for it any more."""
        return self in (StageStatus.COMPLETED, StageStatus.SKIPPED)


class WorkflowStatus(StrEnum):
    """Where one run of a document's workflow stands."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FAILED = "failed"
    COMPLETED = "completed"


class WorkflowType(StrEnum):
    """Whether stages follow each other by themselves or wait to be told."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class FailureReason(StrEnum):
    """Why an attempt failed, as far as a program needs to know."""

    ERROR = "error"
    UNCONVERTIBLE = "unconvertible"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    LEASE_LOST = "lease_lost"
    WORKER_STOPPED = "worker_stopped"
    CANCELLED = "cancelled"
    REPORTED = "reported"


class Original(Value):
    """The document as it was handed in; `file_name` is None for content given as text."""

    file_name: str | None = None
    checksum: str | None = None
    size_bytes: int = 0
    mime_type: str = "application/octet-stream"


class SourceDocument(Value):
    """The document that another was taken out of, as an attachment is of a mail.

    `depth` is 1 for what a document from outside holds, 2 for what that holds, and so on.
    """

    document_id: str
    depth: int


PAGE_STARTS = "pageStarts"
"""The key in a file's metadata under which it says where the text of each page begins."""


class OutputFile(Value):
    """A file that a stage produced and that the storage holds already.

    `suffix` is appended to the stem of the original's name unless `file_name` was given from
    outside. `canonical_checksum` tells equal content of different bytes; it decides whether what
    is downstream is stale.
    """

    file_type: str
    suffix: str
    checksum: str
    canonical_checksum: str | None = None
    size_bytes: int
    mime_type: str
    metadata: JsonMapping = {}
    file_name: str | None = None
    outside_metadata: JsonMapping | None = None


class FileReference(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a file that a stage read; `stage_name` None is the original."""

    stage_name: str | None = None
    file_type: str
    checksum: str


class _Configured(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class StageConfiguration(_Configured):
    """What one stage does differently from the rest of its workflow."""

    retries: int | None = Field(default=None, ge=0, le=100, strict=True)
    timeout_seconds: float | None = Field(default=None, gt=0, le=86_400, strict=True)
    options: JsonObject = {}


class Configuration(_Configured):
    """How a workflow is to run: skipped stages, retries, time limits, options of stages."""

    skip_stages: tuple[StageName, ...] = ()
    retries: int = Field(default=3, ge=0, le=100, strict=True)
    timeout_seconds: float = Field(default=600, gt=0, le=86_400, strict=True)
    stages: dict[StageName, StageConfiguration] = {}

    @classmethod
    def parse(cls, value: JsonMapping | None) -> Configuration:
        """Return the configuration of `value` in camelCase keys.

        Raises InvalidValue, naming the key, for anything that is not understood.
        """
        try:
            return cls.model_validate({} if value is None else value, by_name=False)
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(["configuration", *map(str, first["loc"])])
            raise InvalidValue(f"{path}: {first['msg']}", field=path) from error

    def retries_of(self, stage_name: str) -> int:
        """Return how many failures of the stage are tried again."""
        own = self.stages.get(stage_name)
        return self.retries if own is None or own.retries is None else own.retries

    def timeout_seconds_of(self, stage_name: str) -> float:
        """Return how long one attempt of the stage may take."""
        own = self.stages.get(stage_name)
        if own is None or own.timeout_seconds is None:
            return self.timeout_seconds
        return own.timeout_seconds

    def options_of(self, stage_name: str) -> JsonMapping:
        """Return the executor's options for the stage."""
        own = self.stages.get(stage_name)
        return {} if own is None else own.options
