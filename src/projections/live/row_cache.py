"""LRU cache of recently projected rows."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cachetools import LRUCache

from domain.values import WorkflowStatus
from projections.folding import Folding
from projections.rows import DocumentRows

_COMPLETED = WorkflowStatus.COMPLETED.value


class CachedRows(NamedTuple):
    """What the tables hold of a document while its row in `documents` has this xmin."""

    xmin: str
    rows: DocumentRows


class RowCache:
    """The rows that one projector wrote last, valid while no other projector applies events.

    Another projector moves the tracking position, by which that is noticed. A retry or a rebuild
    leaves the position alone and writes what the log says, which is what is cached. Rows that were
    deleted with their document, inserted again by another application, are told by its row's xmin.
    Thread-safe.
    """

    def __init__(self, max_documents: int) -> None:
        self._cache: LRUCache[str, CachedRows] = LRUCache(max_documents)
        self._lock = threading.Lock()

    def find(self, document_ids: Iterable[str]) -> dict[str, CachedRows]:
        """Return what is cached of these documents."""
        with self._lock:
            found = {i: self._cache.get(i) for i in document_ids}
        return {i: cached for i, cached in found.items() if cached is not None}

    def update(self, touched: Iterable[str], rows: Mapping[str, CachedRows]) -> None:
        """Cache these rows in place of those of the documents that were touched."""
        with self._lock:
            for document_id in touched:
                if document_id not in rows:
                    self._cache.pop(document_id, None)
            for document_id, cached in rows.items():
                self._cache[document_id] = cached

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._cache.clear()


def rows_to_cache(
    foldings: Iterable[Folding], row_versions: Mapping[str, str]
) -> dict[str, CachedRows]:
    """Return what is to be cached: nothing of documents that are parked or deleted.

    Nor of those whose workflow is completed, which hardly ever change again: to catch up with a
    long log would fill the cache with them.
    """
    cached = {}
    for folding in foldings:
        rows = folding.rows
        xmin = row_versions.get(rows.document_id)
        is_completed = rows.workflow is not None and rows.workflow.status == _COMPLETED
        if xmin is not None and folding.refusal is None and not is_completed:
            cached[rows.document_id] = CachedRows(xmin, rows)
    return cached
