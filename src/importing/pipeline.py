"""Appends documents of `documents` to the log and writes their rows, the two side by side.

While the rows of one batch are written, the events of the next are appended. The rows are written
under the projector's own lock, so that any number of projectors may run meanwhile, and none has to.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from domain.commands import Context, ImportDocument, RegisterDocument
from domain.pipeline import StageDependency
from eventstore.application import WorkflowApplication
from eventstore.bulk_append import (
    BulkAppended,
    BulkStream,
    bulk_append,
    forget_keys,
    prepare_bulk_appends,
)
from eventstore.history import History
from importing.registrations import DocumentRow, Registrations, rows_after, rows_named
from postgres.tracking import READ_MODELS, ensure_tracked
from projections.live.bulk_rows import SAMPLE_ID, FreshDocuments, write_fresh_rows
from projections.live.projector import Projector

ACTOR = "import"
BATCH_DOCUMENTS = 1000
CATCH_UP_SECONDS = 24 * 3600.0
_AHEAD_BATCHES = 2
_BUSY_TRIES = 5
_BUSY_PAUSE_SECONDS = 0.5

Connection = psycopg.Connection
Commands = Callable[
    [Connection, Sequence[DocumentRow], Context], Sequence[RegisterDocument | ImportDocument]
]
"""Gives the commands that take rows in with more than they say themselves."""


@dataclass(frozen=True)
class ImportParts:
    """What an import needs of the rest."""

    application: WorkflowApplication
    connect: Callable[[], Connection]
    projector: Projector
    pipeline: tuple[StageDependency, ...]
    new_id: Callable[[], str]
    clock: Callable[[], datetime]

    @property
    def history(self) -> History:
        """The log, for reading."""
        return History(self.application)


@dataclass
class Imported:
    """What came of an import; `left` tells why of each document that was left out."""

    import_id: str
    documents: int = 0
    events: int = 0
    looked_at: int = 0
    position: int = 0
    left: dict[str, str] = field(default_factory=dict)


Progress = Callable[[Imported], None]


@dataclass(frozen=True, slots=True)
class _Landed:
    appended: BulkAppended
    context: Context | None


class DocumentImport:
    """One import: rows in, events and rows out. Leave the context to have all rows written."""

    def __init__(
        self, parts: ImportParts, progress: Progress, commands: Commands | None = None
    ) -> None:
        self._parts = parts
        self._progress = progress
        self._commands = commands
        self._registrations = Registrations(parts.application, parts.pipeline)
        self._waiting: queue.Queue[_Landed | None] = queue.Queue(_AHEAD_BATCHES)
        self._error: Exception | None = None
        self.result = Imported(f"import-{parts.new_id()}")

    def everything(self) -> Imported:
        """Import every row of `documents` that is not in the log."""
        with closing(self._parts.connect()) as connection:
            return self._run(connection, self._pages(connection))

    def these(self, batches: Iterable[Sequence[str]]) -> Imported:
        """Import these documents, a batch of ids at a time."""
        with closing(self._parts.connect()) as connection:
            pages = (rows_named(connection, document_ids) for document_ids in batches)
            return self._run(connection, pages)

    def _pages(self, connection: Connection) -> Iterator[list[DocumentRow]]:
        last: str | None = None
        while page := rows_after(connection, last, BATCH_DOCUMENTS):
            last = page[-1].document_id
            yield page

    def _run(self, connection: Connection, pages: Iterable[Sequence[DocumentRow]]) -> Imported:
        connection.autocommit = True
        prepare_bulk_appends(connection)
        writing = threading.Thread(target=self._write_rows, name="import rows")
        writing.start()
        try:
            busy: list[str] = []
            for page in pages:
                busy += self._page(connection, page)
            self._settle(connection, busy)
        finally:
            self._waiting.put(None)
            writing.join()
        if self._error is not None:
            raise self._error
        # What an import that was killed had appended, and nobody has projected yet.
        last = self._parts.history.last_position()
        self._parts.projector.run_until(last, CATCH_UP_SECONDS)
        self.result.position = max(self.result.position, last)
        return self.result

    def _page(self, connection: Connection, page: Sequence[DocumentRow]) -> Iterable[str]:
        """Append what can be of a page; return the documents that somebody else was at."""
        if self._error is not None:
            raise self._error
        for row in page:
            if not row.registered and not row.importable:
                self.result.left[row.document_id] = "its id is longer than 255 characters"
        wanted = [row for row in page if row.importable]
        lost: set[str] = set()
        for streams, context in self._streams(connection, wanted):
            appended = self._append(connection, streams, is_new=context is not None)
            self._count(appended)
            lost |= appended.lost
            if appended.documents:
                plain = context if appended.events == 2 * appended.documents else None
                self._waiting.put(_Landed(appended, plain))
        self.result.looked_at += len(page)
        self._progress(self.result)
        return lost

    def _append(
        self, connection: Connection, streams: Sequence[BulkStream], *, is_new: bool
    ) -> BulkAppended:
        try:
            return bulk_append(connection, streams)
        finally:
            if not is_new:
                forget_keys(self._parts.application.keys, streams)

    def _count(self, appended: BulkAppended) -> None:
        self.result.documents += appended.documents
        self.result.events += appended.events
        self.result.position = max(self.result.position, appended.last_position)

    def _streams(
        self, connection: Connection, rows: Sequence[DocumentRow]
    ) -> Iterator[tuple[Sequence[BulkStream], Context | None]]:
        """Give what is to be appended, with its context where all that is new and alike."""
        context = self._context()
        if self._commands is not None:
            commands = self._commands(connection, rows, context)
            yield self._registrations.continued_streams(commands), None
            return
        yield self._registrations.new_streams([r for r in rows if not r.version], context), context
        seen = [self._registrations.command(r, context) for r in rows if r.version]
        yield self._registrations.continued_streams(seen), None

    def _context(self) -> Context:
        return Context(
            at=self._parts.clock(),
            actor=ACTOR,
            command_id=self._parts.new_id(),
            causation_id=self.result.import_id,
        )

    def _settle(self, connection: Connection, busy: Sequence[str]) -> None:
        """Try documents again that somebody was at; tell of those whose rows stay locked."""
        for _ in range(_BUSY_TRIES):
            rows = [row for row in rows_named(connection, busy) if row.importable] if busy else []
            if not rows:
                return
            time.sleep(_BUSY_PAUSE_SECONDS)
            self.result.looked_at -= len(rows)
            busy = list(self._page(connection, rows))
        for document_id in busy:
            self.result.left[document_id] = "another session keeps its row locked"

    def _write_rows(self) -> None:
        """Write rows until told to end; after an error, only take what still comes."""
        try:
            with closing(self._parts.connect()) as connection:
                connection.autocommit = True
                connection.execute("SET timezone = 'UTC'; SET enable_seqscan = off")
                ensure_tracked(connection, READ_MODELS)
                while (landed := self._waiting.get()) is not None:
                    self._rows_of(connection, landed)
        except Exception as error:
            self._error = error
            while self._waiting.get() is not None:
                pass

    def _rows_of(self, connection: Connection, landed: _Landed) -> None:
        appended, context = landed.appended, landed.context
        written = False
        if context is not None:
            sample = self._registrations.sample(
                SAMPLE_ID, context.model_copy(update={"at": appended.at})
            )
            fresh = FreshDocuments(
                appended.first_position, appended.last_position, appended.documents, sample
            )
            written = write_fresh_rows(connection, self._parts.history, fresh, self._parts.clock())
        if not written:
            self._parts.projector.run_until(appended.last_position, CATCH_UP_SECONDS)
