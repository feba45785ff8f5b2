"""Checks the whole ledger against itself: log, tables, contents, uploads tree, search store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Protocol, Self

import psycopg

from domain.named_contents import NamedContent, named_contents
from eventstore.history import History
from eventstore.seals.checkpoint import Checkpoint
from files.storage import Storage
from projections.rebuild_lock import rebuild_lock
from stages.postgres_search import PostgresSearchStore
from stages.search.filler import SearchFiller
from verification.blobs import documents_naming, named_blobs
from verification.difference import Difference
from verification.imported_files import ImportedCheck
from verification.log import LogCheck, LogEnd, log_end
from verification.search import SearchCheck
from verification.streams_reader import StreamsUnderCheck
from verification.tables import check_tables
from verification.tracking import beyond_the_log
from verification.tree import TreeCheck
from verification.tree_reader import blob_fault, open_tree_reader

MOST_DIFFERENCES = 100_000
"""Beyond so many differences are counted, not kept."""

_BLOBS_AT_ONCE = 500


class Watching(Protocol):
    """Is told how a check gets on."""

    def begin(self, part: str, total: int | None) -> None:
        """Show that a part begins; `total` is in the units of `advance`, None if unknown."""

    def advance(self, done: int) -> None:
        """Show how far the part is."""


@dataclass
class Findings:
    """What a check found; `position` is where the log ended when it began.

    `folders_behind` counts folders not looked at, since they are still to be brought up to date,
    `search_behind` documents that are still to be indexed.
    """

    position: int = 0
    sealed_events: int = 0
    folders_behind: int = 0
    search_behind: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    omitted: int = 0

    def add(self, differences: Iterable[Difference]) -> None:
        """Keep the differences, or count them."""
        for difference in differences:
            if len(self.differences) < MOST_DIFFERENCES:
                self.differences.append(difference)
            else:
                self.omitted += 1


@dataclass(frozen=True)
class LedgerParts:
    """The parts that are checked; `connect` opens a connection for the purpose that it is given.

    `storage_location` is where the storage is, as the settings name it.
    """

    connect: Callable[[str], psycopg.Connection]
    history: History
    storage: Storage
    storage_location: str
    search_store: PostgresSearchStore
    search_filler: SearchFiller


class Verification:
    """One check, over a connection of its own that keeps rebuilds away until it is left.

    Raises RebuildRunning at the start of its context while the read models are being rebuilt.
    """

    def __init__(self, parts: LedgerParts, watching: Watching) -> None:
        self._parts = parts
        self._watching = watching
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            connection = stack.enter_context(self.connection)
            stack.enter_context(rebuild_lock(connection, exclusive=False))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @cached_property
    def connection(self) -> psycopg.Connection:
        """The check's connection, in autocommit mode: no transaction outlasts a page."""
        connection = self._parts.connect("verify")
        connection.autocommit = True
        return connection

    @cached_property
    def streams(self) -> StreamsUnderCheck:
        """The log, by document."""
        return StreamsUnderCheck(self._parts.history)

    @cached_property
    def tree(self) -> TreeCheck:
        """The uploads tree."""
        reader = open_tree_reader(self._parts.storage_location)
        return TreeCheck(self.connection, reader)

    @cached_property
    def search(self) -> SearchCheck:
        """The search store."""
        parts = self._parts
        return SearchCheck(self.connection, parts.search_store, parts.search_filler)

    def check(self, notes: Sequence[Checkpoint] = ()) -> Findings:
        """Look at everything."""
        end = log_end(self.connection)
        findings = Findings(end.position, end.sealed_size)
        self._check_tracking(findings)
        self._check_log(findings, end, notes)
        self._check_tables(findings)
        self._check_blobs(findings)
        self._check_imported(findings)
        self._check_tree(findings)
        self._check_search(findings)
        return findings

    def _check_tracking(self, findings: Findings) -> None:
        beyond = beyond_the_log(self.connection, lambda: log_end(self.connection).position)
        findings.add(
            Difference(None, "tracking", f"{projection} is at {position}, beyond the log's end")
            for projection, position in beyond
        )

    def _check_log(self, findings: Findings, end: LogEnd, notes: Sequence[Checkpoint]) -> None:
        self._watching.begin("Log", end.last_position)
        check = LogCheck(
            self.connection, end, notes, lambda _, position: self._watching.advance(position)
        )
        findings.add(check.differences())
        findings.counts["events"] = check.events
        self._watching.advance(end.last_position)

    def _check_tables(self, findings: Findings) -> None:
        self._watching.begin("Tables", findings.counts["events"])
        documents = events = 0
        for shard in check_tables(self.connection, self.streams):
            documents += shard.documents
            events += shard.events
            findings.add(shard.differences)
            self._watching.advance(events)
        findings.counts["documents"] = documents

    def _check_blobs(self, findings: Findings) -> None:
        self._watching.begin("Contents", None)
        count = 0
        faulty: dict[str, str] = {}
        blobs = self._parts.storage.blobs
        for checksum, size_bytes in named_blobs(self.connection):
            count += 1
            self._watching.advance(count)
            if (fault := blob_fault(blobs, checksum, size_bytes)) is not None:
                faulty[checksum] = fault
            if len(faulty) == _BLOBS_AT_ONCE:
                findings.add(self._of_blobs(faulty))
                faulty = {}
        findings.add(self._of_blobs(faulty))
        findings.counts["contents"] = count

    def _check_imported(self, findings: Findings) -> None:
        self._watching.begin("Imported files", None)
        storage = self._parts.storage
        check = ImportedCheck(self.connection, storage.blobs, storage.stored_files)
        findings.add(check.differences(self._watching.advance))
        findings.counts["contents"] += check.files

    def _of_blobs(self, faulty: Mapping[str, str]) -> Iterator[Difference]:
        """Name every file that has a faulty content, each by its own name."""
        if not faulty:
            return
        with self._parts.connect("verify") as connection:
            naming = documents_naming(connection, list(faulty))
        by_document: dict[str, set[str]] = {}
        for checksum, document_id in naming:
            by_document.setdefault(document_id, set()).add(checksum)
        for document_id, own in by_document.items():
            recorded = self._parts.history.of_document(document_id)
            named = [it for it in named_contents(r.event for r in recorded) if it.checksum in own]
            yield from (_of_blob(document_id, it, faulty[it.checksum]) for it in named)
            # An event that was altered may name a content that no readable event does.
            for checksum in sorted(own - {it.checksum for it in named}):
                yield _of_blob(document_id, NamedContent(checksum, "a file"), faulty[checksum])

    def _check_tree(self, findings: Findings) -> None:
        self._watching.begin("Uploads tree", findings.counts["documents"])
        findings.add(self.tree.differences(self._watching.advance))
        findings.folders_behind = self.tree.behind

    def _check_search(self, findings: Findings) -> None:
        self._watching.begin("Search store", findings.counts["documents"])
        findings.add(self.search.differences(self._watching.advance))
        findings.search_behind = self.search.behind


def _of_blob(document_id: str, content: NamedContent, fault: str) -> Difference:
    if fault == "missing":
        detail = f"{content}: {content.checksum} is not in the storage"
        return Difference(document_id, "blob-missing", detail)
    detail = f"{content}: {content.checksum} holds something else"
    return Difference(document_id, "blob-changed", detail)
