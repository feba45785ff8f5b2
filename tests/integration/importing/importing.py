"""Imports over one database, and what tests ask of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg

from domain import commands as c
from domain.events import Event
from eventstore.application import WorkflowApplication
from eventstore.group_commit import GroupCommit
from eventstore.history import History
from importing.pipeline import DocumentImport, Imported, ImportParts
from integration.projections.comparison import assert_tables_are_the_fold
from integration.projections.projecting import make_projector
from projections import fold
from unit.projections.journeys import FIVE

STAGES = ("markdown-conversion", "markdown-optimizer", "chunker", "fact-generator", "ingestor")


@dataclass
class Installation:
    """A log, its read models and the documents of another application."""

    dsn: str
    application: WorkflowApplication
    commit: GroupCommit

    @property
    def history(self) -> History:
        """The log, for reading."""
        return History(self.application)

    def parts(self) -> ImportParts:
        """Return what an import needs."""
        return ImportParts(
            application=self.application,
            connect=partial(psycopg.connect, self.dsn),
            projector=make_projector(self.dsn, self.history),
            pipeline=FIVE,
            new_id=lambda: str(uuid.uuid4()),
            clock=lambda: datetime.now(UTC),
        )

    def import_all(self) -> Imported:
        """Import every document that the log does not know."""
        return DocumentImport(self.parts(), lambda _: None).everything()

    def insert(self, *document_ids: str, title: str | None = "Theirs", **columns: Any) -> None:
        """Insert documents as the other application does."""
        names = ["id", "title", *columns]
        with psycopg.connect(self.dsn) as connection, connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO documents ({', '.join(names)}) "
                f"VALUES ({', '.join(['%s'] * len(names))})".encode(),
                [(i, title, *columns.values()) for i in document_ids],
            )

    def insert_many(self, count: int) -> None:
        """Insert as many documents, called d-1, d-2 and so on."""
        self.query(
            "INSERT INTO documents (id, title, content, realm_id, created_at) "
            "SELECT 'd-' || n, 'Title ' || n, 'Text ' || n, 'realm-' || n % 3, now() "
            f"FROM generate_series(1, {count}) n"
        )

    def query(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a query as somebody else would, giving its rows if it has any."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), parameters or None)
            return cursor.fetchall() if cursor.description is not None else []

    def count(self, table: str) -> int:
        """Count a table's rows."""
        return int(self.query(f"SELECT count(*) FROM {table}")[0][0])

    def topics(self, document_id: str) -> list[str]:
        """Return the kinds of events in the document's history."""
        return [type(event).__name__ for event in self.events(document_id)]

    def events(self, document_id: str) -> list[Event]:
        """Return the document's events, all of which must be readable."""
        recorded = [r.event for r in self.history.of_document(document_id)]
        assert all(isinstance(event, Event) for event in recorded)
        return recorded  # type: ignore[return-value]

    def send(self, command_type: type[c.Command], document_id: str, **fields: Any) -> None:
        """Execute a command about the document."""
        context = c.Context(at=datetime.now(UTC), actor="ada", command_id=str(uuid.uuid4()))
        self.commit.execute(command_type(document_id=document_id, context=context, **fields))

    def catch_up(self) -> None:
        """Apply what the log holds."""
        make_projector(self.dsn, self.history).run_until(self.history.last_position())

    def assert_true(self) -> None:
        """Check that the tables are what a fresh fold of the log makes."""
        assert_tables_are_the_fold(self.dsn, self.history)

    def stages_of(self, document_id: str) -> Sequence[tuple[Any, ...]]:
        """Return id, name and status of the document's stages, in order."""
        return self.query(
            "SELECT s.id, s.stage_name, s.status FROM documents_processing_stages s "
            "WHERE s.document_id = %s ORDER BY array_position(%s, s.stage_name::text)",
            document_id,
            list(STAGES),
        )


@contextmanager
def installed(dsn: str) -> Iterator[Installation]:
    """Open the log as a process of docledger does."""
    with closing(WorkflowApplication(dsn)) as application:
        commit = GroupCommit(application, view=fold)
        try:
            yield Installation(dsn, application, commit)
        finally:
            commit.close()
