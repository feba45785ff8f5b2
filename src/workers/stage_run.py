"""Runs one attempt of a stage: inputs as local files, the executor, its files into the storage."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from domain.document_workflow import DocumentWorkflow, StageState
from domain.errors import DocledgerError, Unavailable
from domain.json_types import JsonObject
from domain.media_types import media_type_of
from domain.storage_errors import BlobNotFound, StorageFull
from domain.values import FailureReason, FileReference, Original, OutputFile, StageStatus
from files.canonical import canonical_checksum
from stages.errors import ExecutorMissing, InputMissing, StageError
from stages.executor import ORIGINAL, Executor, InputFile, ProducedFile, StageTask
from stages.running import run_executor
from workers import extracted
from workers.lease_keeper import Attempt
from workers.ports import Blobs, Sandbox, StoredBlob
from workers.scratch import Scratch

_log = logging.getLogger(__name__)

_ORIGINAL_NAME = "content.md"

FindImported = Callable[[str, str | None], StoredBlob]
"""Gives the blob of a file that an import listed at this path, with this recorded checksum."""


@dataclass(frozen=True)
class Produced:
    """The attempt succeeded; its files are in the storage.

    `original` is the document's content if it had to be stored first. `extracted` are to be
    registered as documents before the attempt is reported.
    """

    files: tuple[OutputFile, ...]
    inputs: tuple[FileReference, ...]
    executor: str
    metadata: JsonObject
    original: Original | None = None
    extracted: tuple[extracted.Extracted, ...] = ()


@dataclass(frozen=True)
class Failed:
    """The attempt failed; `retryable` tells whether another may succeed.

    `executor_missing` means that this worker could not run it at all, and another may.
    """

    reason: FailureReason
    message: str
    retryable: bool
    executor: str | None = None
    executor_missing: bool = False


@dataclass(frozen=True)
class _Wanted:
    """An input that is still to be lent as a local file."""

    reference: FileReference
    file_name: str
    mime_type: str
    listed_path: str | None = None
    page_starts: object = None


@dataclass(frozen=True)
class _TaskInWorker(StageTask):
    """A task whose folder is made when its executor first asks for it: many never do."""

    work_dir: Path = field(init=False, repr=False, compare=False)
    lend: Callable[[], Path] = field(repr=False, compare=False)

    def __getattr__(self, name: str) -> Path:
        if name != "work_dir":
            raise AttributeError(name)
        self.__dict__["work_dir"] = folder = self.lend()
        return folder


class StageRunner:
    """Runs attempts, in the sandbox or, for executors that want it, in this process.

    `executor_of` gives the executor of a stage or raises ExecutorMissing; `content_of` stores the
    content of a document that came without a file, None if it has none. `imported` finds the
    content of a file that an import listed, by its path and its recorded checksum.
    """

    def __init__(
        self,
        executor_of: Callable[[str], Executor],
        blobs: Blobs,
        sandbox: Sandbox,
        scratch: Scratch,
        content_of: Callable[[str], Original | None],
        imported: FindImported,
    ) -> None:
        self._executor_of = executor_of
        self._blobs = blobs
        self._sandbox = sandbox
        self._scratch = scratch
        self._content_of = content_of
        self._imported = imported

    def runs_in_process(self, stage_name: str) -> bool:
        """Tell whether the stage's executor is installed and runs in this process."""
        try:
            return self._executor_of(stage_name).in_process
        except StageError:
            return False

    def run(self, state: DocumentWorkflow, attempt: Attempt) -> Produced | Failed:
        """Run the attempt; blocks until it ended, was ended or took too long."""
        label = None
        try:
            executor = self._executor_of(attempt.stage_name)
            label = f"{executor.stage_name}/{executor.version}"
            return self._produce(state, attempt, executor, label)
        except StageError as error:
            missing = isinstance(error, ExecutorMissing)
            return Failed(error.reason, str(error), error.retryable, label, missing)
        except DocledgerError as error:
            # The storage: full, away or without the content it may be whole again; damage stays.
            again = isinstance(error, Unavailable | StorageFull | BlobNotFound)
            return Failed(FailureReason.ERROR, str(error), again, label)
        except OSError as error:
            message = f"The worker could not use its disk ({error.strerror}); free some space."
            return Failed(FailureReason.ERROR, message, retryable=True, executor=label)
        except Exception as error:
            _log.exception(
                "a worker could not run a stage", extra={"stage_name": attempt.stage_name}
            )
            message = f"The worker failed with {type(error).__name__}; its log says more."
            return Failed(FailureReason.ERROR, message, retryable=True, executor=label)

    def _produce(
        self, state: DocumentWorkflow, attempt: Attempt, executor: Executor, label: str
    ) -> Produced:
        original = self._missing_original(state, executor)
        if original is not None:
            state = replace(state, original_checksum=original.checksum)
        asked = _wanted(state, state.stages[attempt.stage_name], executor.reads)
        wanted = [self._with_content(input_) for input_ in asked]
        with ExitStack() as stack:
            about: JsonObject = {
                "document_id": state.id,
                "realm_id": state.realm_id,
                "stage_name": attempt.stage_name,
                "attempt": attempt.number,
                "inputs": tuple(self._lent(stack, input_) for input_ in wanted),
                "options": state.configuration.options_of(attempt.stage_name),
                "document_version": state.version,
            }
            folder = self._scratch.work_dir()
            if executor.in_process:
                lend = partial(stack.enter_context, folder)
                outcome = run_executor(executor, _TaskInWorker(**about, lend=lend))
            else:
                task = StageTask(**about, work_dir=stack.enter_context(folder))
                limit = state.configuration.timeout_seconds_of(attempt.stage_name)
                outcome = self._sandbox.run(task, limit, attempt.cancelled)
            files = tuple(self._stored(file, executor) for file in outcome.files)
            taken_out = extracted.store(outcome.extracted, state, self._blobs)
        references = tuple(input_.reference for input_ in wanted)
        metadata = dict(outcome.metadata)
        if ORIGINAL in executor.reads:
            metadata |= extracted.noted(outcome.extracted, taken_out, state)
        return Produced(files, references, label, metadata, original, taken_out)

    def _missing_original(self, state: DocumentWorkflow, executor: Executor) -> Original | None:
        """Store the original that the stage reads and nobody has stored yet."""
        reads_it = not executor.reads or ORIGINAL in executor.reads
        if not reads_it or state.original_checksum is not None:
            return None
        return self._content_of(state.id)

    def _with_content(self, wanted: _Wanted) -> _Wanted:
        """Return the input, its checksum that of the content if an import listed it."""
        if wanted.listed_path is None:
            return wanted
        reference = wanted.reference
        blob = self._imported(wanted.listed_path, reference.checksum)
        found = replace(reference, checksum=blob.checksum)
        return _Wanted(found, wanted.file_name, wanted.mime_type)

    def _lent(self, stack: ExitStack, wanted: _Wanted) -> InputFile:
        checksum = wanted.reference.checksum
        path = stack.enter_context(self._blobs.local_path(checksum))
        return InputFile(
            stage_name=wanted.reference.stage_name,
            file_type=wanted.reference.file_type,
            path=path,
            file_name=wanted.file_name,
            mime_type=wanted.mime_type,
            checksum=checksum,
            size_bytes=path.stat().st_size,
            page_starts=wanted.page_starts,
        )

    def _stored(self, file: ProducedFile, executor: Executor) -> OutputFile:
        blob = self._blobs.put_file(file.path)
        mime_type = file.mime_type or executor.mime_type
        return OutputFile(
            file_type=file.file_type or executor.file_type,
            suffix=file.suffix or executor.suffix,
            checksum=blob.checksum,
            canonical_checksum=_canonical(mime_type, file.path),
            size_bytes=blob.size_bytes,
            mime_type=mime_type,
            metadata=file.metadata,
        )


def _canonical(mime_type: str, path: Path) -> str | None:
    """Return the checksum of what the content means; None where that is its bytes."""
    return canonical_checksum(mime_type, path) if "json" in mime_type else None


def _wanted(
    state: DocumentWorkflow, stage: StageState, reads: tuple[str, ...]
) -> Iterator[_Wanted]:
    """Give the files that the stage may read: those asked for, else all that is upstream."""
    available = list(_available(state, stage.name))
    if stage.requested_inputs is None:
        yield from (a for a in available if not reads or a.reference.file_type in reads)
        return
    known = {wanted.reference: wanted for wanted in available}
    for reference in stage.requested_inputs:
        yield known.get(reference) or _Wanted(
            reference, *_named(state, reference.stage_name, reference.file_type)
        )


def _available(state: DocumentWorkflow, stage_name: str) -> Iterator[_Wanted]:
    """Give the original and the files of every completed stage upstream, nearest last."""
    if state.original_checksum is not None:
        reference = FileReference(file_type=ORIGINAL, checksum=state.original_checksum)
        yield _Wanted(reference, *_named(state, None, ORIGINAL))
    upstream = state.pipeline.upstream(stage_name)
    for name in state.pipeline.stage_names:
        stage = state.stages[name]
        if name in upstream and stage.status is StageStatus.COMPLETED:
            for file in stage.files.values():
                reference = FileReference(
                    stage_name=name, file_type=file.file_type, checksum=file.checksum
                )
                kind = media_type_of(file.name)
                yield _Wanted(reference, file.name, kind, file.listed_path, file.page_starts)


def _named(state: DocumentWorkflow, stage_name: str | None, file_type: str) -> tuple[str, str]:
    """Return the name and the MIME type of an input."""
    if stage_name is None:
        name = state.original_name or _ORIGINAL_NAME
        return name, state.original_mime_type or media_type_of(name)
    stage = state.stages.get(stage_name)
    if stage is None or file_type not in stage.files:
        raise InputMissing(
            f"The document has no file of type '{file_type}' of a stage '{stage_name}'; "
            "name one that it has."
        )
    name = stage.files[file_type].name
    return name, media_type_of(name)
