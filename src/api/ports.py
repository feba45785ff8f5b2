"""What the API needs of the other rooms; the composition root hands it in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol

from psycopg import AsyncConnection
from pydantic import BaseModel

from domain.commands import Command
from domain.document_workflow import DocumentWorkflow
from domain.events import Event
from domain.moments import Moment


class UnreadableEvent(Protocol):
    """A stored event that this version of docledger cannot understand."""

    @property
    def document_id(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def topic(self) -> str: ...


class RecordedEvent(Protocol):
    """An event and its position in the whole log."""

    @property
    def position(self) -> int: ...
    @property
    def event(self) -> Event | UnreadableEvent: ...


class StreamRow(Protocol):
    """What the read models note about a document as a whole."""

    @property
    def version(self) -> int: ...
    @property
    def position(self) -> int: ...
    @property
    def pipeline(self) -> Sequence[str]: ...
    @property
    def original_name(self) -> str | None: ...
    @property
    def original_checksum(self) -> str | None: ...
    @property
    def original_size_bytes(self) -> int: ...
    @property
    def original_mime_type(self) -> str | None: ...
    @property
    def staged(self) -> Mapping[tuple[str, str], Any]: ...
    @property
    def file_versions(self) -> Mapping[tuple[str, str], int]: ...


class DocumentRows(Protocol):
    """The rows of one document as the tables will show them; fields are named like columns."""

    @property
    def workflow(self) -> Any: ...
    @property
    def stages(self) -> Mapping[str, Any]: ...
    @property
    def files(self) -> Mapping[tuple[str, str], Any]: ...
    @property
    def stream(self) -> StreamRow: ...


class Committed(Protocol):
    """What a command led to: `position` is that of the document's newest event."""

    @property
    def document_id(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def position(self) -> int: ...
    @property
    def events(self) -> Sequence[RecordedEvent]: ...
    @property
    def state(self) -> DocumentWorkflow: ...
    @property
    def rows(self) -> DocumentRows: ...


class Commands(Protocol):
    """Where commands go."""

    def submit(self, command: Command, expected_version: int | None = None) -> Future[Any]:
        """Have the command decided and appended; the future holds a Committed or the refusal."""

    def load(self, document_id: str) -> Committed:
        """Return the document as the log has it now; blocks; raises DocumentNotFound."""


class History(Protocol):
    """The log, for reading; every call blocks."""

    def of_document(self, document_id: str, after_version: int = 0) -> Sequence[RecordedEvent]: ...
    def after(self, position: int, limit: int) -> Sequence[RecordedEvent]: ...
    def last_position(self) -> int: ...
    def position_of(self, document_id: str) -> int | None: ...


class DocumentAsOf(Protocol):
    """A document as it was; `row_is_of_then` when its row in `documents` has not changed since."""

    @property
    def rows(self) -> DocumentRows: ...
    @property
    def title(self) -> str | None: ...
    @property
    def realm_id(self) -> str | None: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def updated_at(self) -> datetime: ...
    @property
    def text_checksum(self) -> str | None: ...
    @property
    def row_is_of_then(self) -> bool: ...


class Past(Protocol):
    """What was, out of the log; blocks."""

    def document(self, document_id: str, moment: Moment) -> DocumentAsOf:
        """Return the document as of then; raises DocumentNotFound, InvalidValue."""


class Blob(Protocol):
    """Content that is stored for good."""

    @property
    def checksum(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...


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


class SearchHit(Protocol):
    """One chunk that was found; offsets count code points of the document's Markdown."""

    @property
    def document_id(self) -> str: ...
    @property
    def title(self) -> str | None: ...
    @property
    def heading_path(self) -> Sequence[str]: ...
    @property
    def pages(self) -> Sequence[int] | None: ...
    @property
    def snippet(self) -> str: ...
    @property
    def highlights(self) -> Sequence[Sequence[int]]: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def score(self) -> float: ...
    @property
    def facts(self) -> Sequence[Mapping[str, Any]]: ...


class UnderstoodSearch(Protocol):
    """How a search was understood."""

    @property
    def terms(self) -> Sequence[str]: ...
    @property
    def excluded(self) -> Sequence[str]: ...
    @property
    def ignored(self) -> Sequence[str]: ...


class RankedChunks(Protocol):
    """How many chunks were compared with each other; `order` says which if there are more."""

    @property
    def chunks(self) -> int: ...
    @property
    def is_complete(self) -> bool: ...
    @property
    def order(self) -> str | None: ...


class SearchPage(Protocol):
    """Hits from the best on; `next_cursor` asks for those after them."""

    @property
    def understood(self) -> UnderstoodSearch: ...
    @property
    def ranked(self) -> RankedChunks: ...

    @property
    def hits(self) -> Sequence[SearchHit]: ...
    @property
    def next_cursor(self) -> str | None: ...


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

    async def __aenter__(self) -> Any: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None: ...

    def connection(
        self, timeout: float | None = None
    ) -> AbstractAsyncContextManager[AsyncConnection[Any]]: ...


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
