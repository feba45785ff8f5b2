"""Repairs what a check found: rows and folders of documents, positions beyond the log.

What the log itself and the contents have lost cannot be made again from anything here. Rows of a
document whose events are not what was sealed, or that know of more events than a log which is not
whole, are left as they are: they may be all that is left of the truth.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import partial

import psycopg

from domain.errors import DocumentNotFound
from files.tree_projector import TreeProjector
from postgres.tracking import READ_MODELS, lock_position
from projections.live.parking import retry_document
from stages.search.current import ingested_among
from verification.difference import Difference
from verification.ledger import Findings, LedgerParts, Verification
from verification.log import log_end
from verification.rows import TABLES
from verification.tables import check_document
from verification.tracking import beyond_the_log, put_back

_ROWS = frozenset(("row-changed", "row-missing", "row-extra", "parked"))
_SEARCH = frozenset(("search-missing", "search-extra", "search-changed", "search-realm"))
_TREE = frozenset(("tree-missing", "tree-extra", "tree-changed"))
_LOG = frozenset(("event-altered", "event-removed", "event-inserted", "event-order", "seal"))
_TREE_SECONDS = 60.0

_DUE = """
    INSERT INTO uploads_tree_retries (document_id, due_at, reason)
    SELECT unnest(%s::text[]), now(), 'to be looked at again'
    ON CONFLICT (document_id) DO UPDATE SET due_at = now()
"""
_VERSION = "SELECT version FROM document_streams WHERE document_id = %s"
_STILL_DUE = """
    SELECT count(*) FROM uploads_tree_retries WHERE document_id = ANY (%s) AND failures = 0
"""


class Repair:
    """Repairs over the connection of the check that found the differences."""

    def __init__(
        self, parts: LedgerParts, verification: Verification, clock: Callable[[], datetime]
    ) -> None:
        self._parts = parts
        self._clock = clock
        self._verification = verification
        self._connection: psycopg.Connection = verification.connection

    def repair(self, findings: Findings) -> list[Difference]:
        """Repair what can be repaired; return the differences that are no more."""
        found = findings.differences
        doubtful = {d.document_id for d in found if d.kind in _LOG or d.kind == "stream"}
        rows = _documents(found, _ROWS) - doubtful
        if any(d.kind in _LOG or d.kind == "tracking" for d in found):
            rows -= self._ahead_of_log(rows)
        for document_id in sorted(rows):
            self._repair_rows(document_id)
        for projection, _ in self._beyond():
            put_back(self._connection, projection, findings.position)
        folders = _documents(found, _TREE) | rows
        if folders:
            self._repair_folders(sorted(folders))
        searched = _documents(found, _SEARCH) | rows
        self._repair_search(sorted(searched))
        return self._repaired(found, rows, _documents(found, _TREE), _documents(found, _SEARCH))

    def _ahead_of_log(self, document_ids: Collection[str]) -> set[str]:
        """Return the documents whose rows know of events that the log does not have, or no more."""
        ahead = set()
        for document_id in document_ids:
            events = self._parts.history.of_document(document_id)
            row = self._connection.execute(_VERSION, (document_id,)).fetchone()
            if not events or (row and row[0] > events[-1].event.version):
                ahead.add(document_id)
        return ahead

    def _repair_rows(self, document_id: str) -> None:
        of_document = self._parts.history.of_document
        try:
            retry_document(self._connection, of_document, document_id, self._clock())
        except DocumentNotFound:
            self._delete_rows(document_id)

    def _delete_rows(self, document_id: str) -> None:
        """Delete the rows of a document of which the log knows nothing."""
        with self._connection.transaction():
            lock_position(self._connection, READ_MODELS, wait=True)
            if not self._parts.history.of_document(document_id):
                for table in TABLES:
                    table.delete(self._connection, "document_id", (document_id,))

    def _repair_search(self, document_ids: list[str]) -> None:
        """Fill the search store again from what these documents have now."""
        filler = self._parts.search_filler
        for document in ingested_among(self._connection, document_ids):
            filler.fill(document)
        filler.put_right(self._connection, document_ids)

    def _repair_folders(self, document_ids: list[str]) -> None:
        """Have the folders looked at, by the projector that runs or by one of ours."""
        self._connection.execute(_DUE, (document_ids,))
        projector = TreeProjector(partial(self._parts.connect, "tree"), self._parts.storage.tree)
        deadline = time.monotonic() + _TREE_SECONDS
        try:
            while self._still_due(document_ids) and time.monotonic() < deadline:
                if projector.step() is None:
                    time.sleep(0.1)
        finally:
            projector.close()

    def _still_due(self, document_ids: list[str]) -> bool:
        row = self._connection.execute(_STILL_DUE, (document_ids,)).fetchone()
        return bool(row and row[0])

    def _beyond(self) -> list[tuple[str, int]]:
        return beyond_the_log(self._connection, lambda: log_end(self._connection).position)

    def _repaired(
        self,
        found: Iterable[Difference],
        rows: Collection[str],
        folders: Collection[str],
        searched: Collection[str],
    ) -> list[Difference]:
        """Look again; what is no longer found is repaired."""
        streams = self._verification.streams
        still: set[tuple[str | None, str]] = set()
        for document_id in rows:
            again = check_document(self._connection, streams, document_id)
            still |= {(document_id, "rows") for d in again if d.kind in _ROWS}
        tree = self._verification.tree
        still |= {(i, "tree") for i in folders if tree.of_document(i)}
        search = self._verification.search
        still |= {(i, "search") for i in searched if search.of_document(i)}
        if self._beyond():
            still.add((None, "tracking"))
        tried = {"rows": rows, "tree": folders, "search": searched}
        return [d for d in found if _was_tried(d, tried) and _key(d) not in still]


def _documents(found: Iterable[Difference], kinds: Collection[str]) -> set[str]:
    return {d.document_id for d in found if d.kind in kinds and d.document_id is not None}


def _key(difference: Difference) -> tuple[str | None, str]:
    parts = {"rows": _ROWS, "tree": _TREE, "search": _SEARCH}
    part = next((name for name, kinds in parts.items() if difference.kind in kinds), None)
    return difference.document_id, part or difference.kind


def _was_tried(difference: Difference, tried: Mapping[str, Collection[str]]) -> bool:
    document_id, part = _key(difference)
    return part == "tracking" or document_id in tried.get(part, ())
