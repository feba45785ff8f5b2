"""The port of a stage's executor: what it is given, what it gives back, what it is asked for.

A plug-in implements `Executor` and names it in the entry point group `docledger.stages`. Tasks and
outcomes are plain values: tasks are pickled on their way to the process that runs the executor,
outcomes come back as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from domain.json_types import JsonMapping
from stages.errors import InputMissing, OptionsInvalid

ORIGINAL = "original"


class Options(BaseModel):
    """Base of an executor's options: camelCase from outside, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


OptionsT = TypeVar("OptionsT", bound=BaseModel)


@dataclass(frozen=True)
class InputFile:
    """One file that a stage may read; `stage_name` None is the original, of type `original`.

    `checksum` is the SHA-256 of its content in hex. `path` is where the content lies, and is not
    to be written to; `file_name` is what the world calls it. `page_starts` is what the
    metadata of the file say about where its pages begin; `stages.pages.page_map` reads it.
    """

    stage_name: str | None
    file_type: str
    path: Path
    file_name: str
    mime_type: str
    checksum: str
    size_bytes: int
    page_starts: object = None


@dataclass(frozen=True)
class StageTask:
    """One attempt of one stage on one document.

    `options` are as in the workflow's configuration. `work_dir` is an empty folder of the task's
    own, into which its files go and which is removed when they have been stored. `document_version`
    is that of the document's stream when the attempt ran, None where that is not known.
    """

    document_id: str
    realm_id: str | None
    stage_name: str
    attempt: int
    inputs: tuple[InputFile, ...]
    options: JsonMapping
    work_dir: Path
    document_version: int | None = field(default=None, kw_only=True)

    def input_of(self, *file_types: str) -> InputFile:
        """Return the input of the first of these types that there is, or raise InputMissing."""
        for file_type in file_types:
            for file in self.inputs:
                if file.file_type == file_type:
                    return file
        wanted = " or ".join(f"'{file_type}'" for file_type in file_types)
        raise InputMissing(
            f"Stage '{self.stage_name}' reads a file of type {wanted}, and the document has none; "
            "run the stage that makes it, or store such a file, then execute this stage again."
        )

    def options_as(self, model: type[OptionsT]) -> OptionsT:
        """Return the options as this model, or raise OptionsInvalid, naming the first bad one."""
        try:
            return model.model_validate(dict(self.options))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "options"
            raise OptionsInvalid(
                f"Option '{where}' of stage '{self.stage_name}': {first['msg']}; "
                "correct the workflow's configuration."
            ) from error


@dataclass(frozen=True)
class ProducedFile:
    """A file that an executor wrote into its work_dir; what is None is as the executor declares."""

    path: Path
    metadata: JsonMapping = field(default_factory=dict)
    file_type: str | None = None
    suffix: str | None = None
    mime_type: str | None = None


@dataclass(frozen=True)
class ExtractedFile:
    """A file in work_dir that is to be a document of its own, such as an attachment of a mail.

    `file_name` is what the world calls it and may be any text.
    """

    path: Path
    file_name: str
    mime_type: str


@dataclass(frozen=True)
class StageOutcome:
    """What an executor made, and what is worth recording about how.

    `extracted` are registered as documents before the stage is completed, each once however often
    the stage runs.
    """

    files: tuple[ProducedFile, ...]
    metadata: JsonMapping = field(default_factory=dict)
    extracted: tuple[ExtractedFile, ...] = ()


class Executor(Protocol):
    """Runs one stage.

    `file_type`, `suffix` and `mime_type` are those of its files unless a file says otherwise.
    `version` is the executor's own, recorded with each completion. `reads` are the file types that
    it can use, best first; empty means whatever there is. One that is `in_process` runs in the
    worker itself, for it needs what the worker holds; all others run in the sandbox, made anew by
    name and without arguments.
    """

    @property
    def stage_name(self) -> str: ...
    @property
    def file_type(self) -> str: ...
    @property
    def suffix(self) -> str: ...
    @property
    def mime_type(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def in_process(self) -> bool: ...
    @property
    def reads(self) -> tuple[str, ...]: ...
    @property
    def options_model(self) -> type[BaseModel]: ...

    def run(self, task: StageTask) -> StageOutcome:
        """Execute the stage; raise StageError, or anything else for a fault in the executor."""
        ...
