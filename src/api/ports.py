"""The services that the API needs; the composition root hands them in.

Values are imported from where they are defined: events, rows, blobs and hits mean the same here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol

from psycopg import AsyncConnection
from pydantic import BaseModel

from domain.commands import Command
from domain.moments import Moment
from eventstore.append_round import Committed
from eventstore.recorded import RecordedEvent
from files.blobs import Blob
from projections.time_travel import DocumentAsOf
from stages.search_store import SearchPage


class Commands(Protocol):
    """Where commands go."""

    def submit(self, command: Command, expected_version: int | None = None) -> Future[Committed]:
        """Have the command decided and appended; the future holds a Committed or the refusal."""

    def load(self, document_id: str) -> Committed:
        """Return the document as the log has it now; blocks; raises DocumentNotFound."""


class History(Protocol):
    """The log, for reading; every call blocks."""

    def of_document(self, document_id: str, after_version: int = 0) -> Sequence[RecordedEvent]: ...
    def after(self, position: int, limit: int) -> Sequence[RecordedEvent]: ...
    def last_position(self) -> int: ...
    def position_of(self, document_id: str) -> int | None: ...


class Past(Protocol):
    """What was, out of the log; blocks."""

    def document(self, document_id: str, moment: Moment) -> DocumentAsOf:
        """Return the document as of then; raises DocumentNotFound, InvalidValue."""


class BlobWriter(Protocol):
    """One upload under way; every call blocks."""

    @property
    def size_bytes(self) -> int: ...
    def write(self, piece: bytes) -> None: ...
    def commit(self) -> Blob: ...
    def abort(self) -> None: ...


class BlobStore(Protocol):
    """Content by checksum; every call blocks."""

    def begin(self) -> BlobWriter: ...
    def open(
        self, checksum: str, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]: ...
    def size(self, checksum: str) -> int: ...


class StoredFiles(Protocol):
    """Files that others have put under the storage root."""

    def adopt(self, path: str) -> Blob:
        """Make a blob of the file at `path`, relative to the storage root; blocks.

        Raises PathRefused for a path that leads out of it, BlobNotFound if nothing is there.
        """


class ImportedContents(Protocol):
    """Contents of files that an import listed."""

    def find(self, path: str, checksum: str | None) -> Blob:
        """Return the blob of the file listed at `path`; blocks.

        Raises ImportedContentMissing if it is not in the storage, or not as it was recorded.
        """


class Canonical(Protocol):
    """Tells equal content of different bytes."""

    def __call__(self, checksum: str, mime_type: str) -> str:
        """Return the checksum of the blob's canonical form; blocks."""


class StageType(Protocol):
    """What a stage's executor makes, and the options that it takes; executors are such."""

    @property
    def file_type(self) -> str: ...
    @property
    def suffix(self) -> str: ...
    @property
    def mime_type(self) -> str: ...
    @property
    def options_model(self) -> type[BaseModel]: ...


class SearchStore(Protocol):
    """The searchable store; blocks."""

    def search(
        self,
        words: str,
        *,
        realm_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        include_facts: bool = False,
    ) -> SearchPage:
        """Return a page; raises InvalidValue for a cursor that it did not give."""


class Rebuilds(Protocol):
    """Starts rebuilds of the read models, which outlive the request."""

    def start(self, rebuild_id: str, table: str | None, *, search: bool = False) -> None:
        """Return once the rebuild is registered: its progress shows it from then on; blocks.

        It is one of this table, of all, or with `search` of the search store.

        Raises RebuildRunning if one runs already, or a check, and Unavailable.
        """


class Database(Protocol):
    """A pool of asynchronous connections for the read queries; the app opens and closes it."""

    async def __aenter__(self) -> object: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None: ...

    def connection(
        self, timeout: float | None = None
    ) -> AbstractAsyncContextManager[AsyncConnection]: ...


@dataclass(frozen=True)
class Limits:
    """How much one request may ask for, and how far ahead of our clock its times may be."""

    upload_bytes: int = 1024**3
    content_bytes: int = 16 * 1024**2
    json_bytes: int = 1024**2
    min_position_wait_seconds: float = 2.0
    database_seconds: float = 10.0
    stage_wait_seconds: float = 300.0
    clock_tolerance_seconds: float = 300.0


@dataclass(frozen=True)
class Ports:
    """All that `create_app` needs.

    `clock` gives aware UTC, `new_id` a UUIDv7 as text; `version` is docledger's own.
    """

    commands: Commands
    history: History
    past: Past
    blobs: BlobStore
    stored_files: StoredFiles
    imported_contents: ImportedContents
    canonical_checksum: Canonical
    stage_types: Mapping[str, StageType]
    search: SearchStore
    database: Database
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    limits: Limits = Limits()
    rebuilds: Rebuilds | None = None
    version: str = "0"
