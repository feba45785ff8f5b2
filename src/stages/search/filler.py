"""Fills the search store from stored chunks and facts, a document at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import psycopg
import structlog

from domain.storage_errors import StorageError, StorageUnavailable
from stages.errors import UnconvertibleDocument
from stages.postgres_search import PostgresSearchStore
from stages.search.current import (
    PAGE_DOCUMENTS,
    Ingested,
    held_after,
    ingested_after,
    surplus_among,
)
from stages.search_store import IndexedFrom
from stages.shapes import Chunk, ChunksDocument, Fact, FactsDocument, read_document

_log = structlog.get_logger(__name__)


class Blobs(Protocol):
    """Contents by checksum; raises the errors of `domain.storage_errors`."""

    def local_path(self, checksum: str) -> AbstractContextManager[Path]:
        """Lend the content as a local file, to be read only, until the block ends."""


class SearchFiller:
    """Puts current chunks and facts into the store; searches go on and see old or new."""

    def __init__(self, store: PostgresSearchStore, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs

    def read(self, made_from: IndexedFrom) -> tuple[Sequence[Chunk], Sequence[Fact]]:
        """Return chunks and facts; raises BlobNotFound, UnconvertibleDocument."""
        with self._blobs.local_path(made_from.chunks_checksum) as path:
            chunks = read_document(path, ChunksDocument).chunks
        if made_from.facts_checksum is None:
            return chunks, ()
        with self._blobs.local_path(made_from.facts_checksum) as path:
            return chunks, read_document(path, FactsDocument).facts

    def fill(self, document: Ingested) -> bool:
        """Replace what the store holds of the document; False while its content cannot be read.

        Contents that are no chunks, which a stage run elsewhere may have reported, leave nothing to
        be found and are not tried again. Raises SearchUnavailable.
        """
        document_id, made_from = document.document_id, document.made_from
        try:
            chunks, facts = self.read(made_from)
        except (StorageError, StorageUnavailable) as error:
            why = type(error).__name__
            _log.warning("a document cannot be made searchable", document_id=document_id, why=why)
            return False
        except UnconvertibleDocument as error:
            self._leave_out(document, error)
            return True
        try:
            self._store.replace(document_id, chunks, facts, made_from, if_current=True)
        except (psycopg.DataError, psycopg.IntegrityError, ValueError) as error:
            self._leave_out(document, error)
        return True

    def _leave_out(self, document: Ingested, error: Exception) -> None:
        """Note why nothing is to be found of the document."""
        document_id, why = document.document_id, type(error).__name__
        _log.warning("chunks cannot be indexed", document_id=document_id, why=why)
        self._store.replace(document_id, (), (), document.made_from, if_current=True, problem=why)

    def refill(
        self,
        connection: psycopg.Connection,
        filled: Callable[[int], None] = lambda _documents: None,
    ) -> int:
        """Fill the whole store again and remove what should not be in it.

        `connection` is in autocommit mode; `filled` is told how many documents more are done.
        Returns how many documents were filled.
        """
        after, done = "", 0
        while page := ingested_after(connection, after, PAGE_DOCUMENTS):
            for document in page:
                done += self.fill(document)
                filled(1)
            after = page[-1].document_id
        after = ""
        while held := held_after(connection, after):
            self.put_right(connection, held)
            after = held[-1]
        return done

    def put_right(self, connection: psycopg.Connection, held: Sequence[str]) -> None:
        """Remove those of the documents that should not be found; move the others to their realms.

        One that was removed too early, while its ingestor was at work, is due with its completion.
        """
        for document_id in surplus_among(connection, held):
            self._store.remove(document_id)
        if held:
            self._store.move(held)
