"""Holds the search store against the current outputs of documents, while ingestors work on both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import LiteralString

from psycopg import Connection

from domain.storage_errors import BlobNotFound
from stages.errors import UnconvertibleDocument
from stages.postgres_search import INDEX_VERSION, PostgresSearchStore
from stages.search.current import (
    PAGE_DOCUMENTS,
    Ingested,
    elsewhere_among,
    held_after,
    ingested_after,
    ingested_among,
    surplus_among,
)
from stages.search.filler import SearchFiller
from stages.search.indexer import TRACKING_NAME
from stages.search_store import Comparison
from verification.difference import Difference

_PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.2
_ALIVE_SECONDS = 30.0
_IS_AT_WORK = """
    SELECT coalesce(version, 0) <> %s AND updated_at > now() - %s * interval '1 second'
    FROM tracking WHERE projection = %s
"""
_CAUGHT_UP = """
    SELECT position >= (SELECT coalesce(max(notification_id), 0) FROM docledger_events)
    FROM tracking WHERE projection = 'read_models'
"""


class SearchCheck:
    """One pass over the documents to be found, one over those that are held.

    What differs is looked at again once the read models are at the log's end: an ingestor may just
    have been at work. `behind` counts documents that the indexer, which is filling, has yet to
    come to.
    """

    def __init__(
        self, connection: Connection, store: PostgresSearchStore, filler: SearchFiller
    ) -> None:
        self._connection = connection
        self._store = store
        self._filler = filler
        self.behind = 0

    def differences(
        self, advance: Callable[[int], None] = lambda _documents: None
    ) -> Iterator[Difference]:
        """Yield what is not in the store as the outputs say; tell how many documents are done."""
        doubtful = self._pass(advance)
        if doubtful:
            self._wait_for_read_models()
            time.sleep(_PAUSE_SECONDS)
        for document_id in doubtful:
            yield from self._if_it_stays(document_id)

    def of_document(self, document_id: str) -> list[Difference]:
        """Return what is wrong with one document."""
        found = [d for it in ingested_among(self._connection, [document_id]) for d in self._of(it)]
        return found + list(self._held([document_id]))

    def _pass(self, advance: Callable[[int], None]) -> list[str]:
        """Return the documents with differences, by their ids."""
        doubtful: set[str] = set()
        after, done = "", 0
        while page := ingested_after(self._connection, after, PAGE_DOCUMENTS):
            for document in page:
                doubtful.update(d.document_id or "" for d in self._of(document))
            after, done = page[-1].document_id, done + len(page)
            advance(done)
        after = ""
        while held := held_after(self._connection, after):
            doubtful.update(d.document_id or "" for d in self._held(held))
            after = held[-1]
        return sorted(doubtful)

    def _of(self, document: Ingested) -> Iterator[Difference]:
        """Yield how the chunks that are held differ from the document's own."""
        try:
            chunks, facts = self._filler.read(document.made_from)
        except BlobNotFound:
            return  # the content itself is missed, by its own name
        except UnconvertibleDocument:
            chunks, facts = (), ()
        yield from _told(
            document.document_id, self._store.compare(document.document_id, chunks, facts)
        )

    def _held(self, document_ids: Sequence[str]) -> Iterator[Difference]:
        for document_id in surplus_among(self._connection, document_ids):
            detail = "it is found in searches and should not be"
            yield Difference(document_id, "search-extra", detail)
        for document_id, count in elsewhere_among(self._connection, document_ids):
            detail = f"{_chunks(count)} found in another realm than the document's"
            yield Difference(document_id, "search-realm", detail)

    def _if_it_stays(self, document_id: str) -> Iterator[Difference]:
        found = self.of_document(document_id)
        if found and self._indexer_is_at_work():
            self.behind += 1
        else:
            yield from found

    def _indexer_is_at_work(self) -> bool:
        asked = (INDEX_VERSION, _ALIVE_SECONDS, TRACKING_NAME)
        return self._is(_IS_AT_WORK, asked)

    def _wait_for_read_models(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._is(_CAUGHT_UP, ()) and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)

    def _is(self, query: LiteralString, asked: tuple[object, ...]) -> bool:
        row = self._connection.execute(query, asked).fetchone()
        return bool(row and row[0])


def _told(document_id: str, compared: Comparison) -> Iterator[Difference]:
    of = f" of {compared.expected}"
    if compared.missing:
        detail = f"{_chunks(compared.missing, of)} not found in searches"
        yield Difference(document_id, "search-missing", detail)
    if compared.surplus:
        detail = f"{_chunks(compared.surplus)} held that its current output does not have"
        yield Difference(document_id, "search-extra", detail)
    if compared.changed:
        detail = f"{_chunks(compared.changed, of)} held with other content than its current output"
        yield Difference(document_id, "search-changed", detail)


def _chunks(count: int, of: str = "") -> str:
    return f"{count}{of} chunk{'s are' if count != 1 or of else ' is'}"
