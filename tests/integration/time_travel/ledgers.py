"""Ledgers that logs are moved between, and what their tables hold."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from docledger.bootstrap import Docledger
from docledger.settings import Settings
from eventstore.transfer.incoming import Imported, import_events
from eventstore.transfer.outgoing import export_events
from integration.projections.log_writer import LogWriter

LOG = "SELECT * FROM docledger_events ORDER BY notification_id"
TABLES = (
    LOG,
    "SELECT id, title, content, realm_id, created_at, updated_at FROM documents ORDER BY id",
    "SELECT * FROM document_keys ORDER BY document_id, life",
    "SELECT * FROM processing_workflows ORDER BY id",
    "SELECT * FROM documents_processing_stages ORDER BY id",
    "SELECT * FROM stage_output_files ORDER BY id",
    "SELECT * FROM document_streams ORDER BY document_id",
)


class MovableLedger:
    """An installation whose log is moved."""

    def __init__(self, docledger: Docledger, url: str) -> None:
        self.docledger = docledger
        self.url = url
        self.log = LogWriter(docledger.commands, url)

    def export(self, *document_ids: str, after: int = 0, with_keys: bool = True) -> bytes:
        """Return what an export writes."""
        with self.connected() as connection:
            lines = export_events(
                connection, document_ids or None, after=after, with_keys=with_keys
            )
            return b"".join(lines)

    def take_in(self, exported: bytes, *, append: bool = False) -> Imported:
        """Import an export."""
        with self.connected() as connection:
            return import_events(connection, io.BytesIO(exported), append=append)

    def project(self) -> None:
        """Bring the read models to the log's end."""
        self.docledger.projector().run_until(self.docledger.history.last_position())

    def tables(self) -> list[list[Any]]:
        """Return every row of every table that a log makes."""
        return [self.rows(query) for query in TABLES]

    def rows(self, query: str) -> list[Any]:
        """Return the rows of a query."""
        with self.connected() as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def connected(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend a connection in autocommit mode."""
        with self.docledger.connect("test") as connection:
            connection.autocommit = True
            yield connection


@contextlib.contextmanager
def movable(home: Path, url: str) -> Iterator[MovableLedger]:
    """Open a ledger over a migrated database."""
    settings = Settings(home=home, database_url=url, pool_connections=4)
    with Docledger(settings) as docledger:
        yield MovableLedger(docledger, url)
