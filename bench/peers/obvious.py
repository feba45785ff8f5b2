"""The obvious way with the eventsourcing library: `save()` a request, and a `ProjectionRunner`.

The routes are plain `def`; reads come from a read model that the runner keeps in the same process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from fastapi import FastAPI, HTTPException
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from peers.serving import STAGES, Document, StatusReport, main

READ_MODEL = """
    CREATE TABLE rm_documents (id uuid PRIMARY KEY, filename text, created_at timestamptz,
        status text, current_stage text, version int, updated_at timestamptz);
    CREATE TABLE rm_stages (document_id uuid, stage text, position int, status text, attempts int,
        updated_at timestamptz, PRIMARY KEY (document_id, stage));
    CREATE TABLE rm_files (id bigserial PRIMARY KEY, document_id uuid, stage text, kind text,
        path text, size bigint, sha256 text);
    CREATE INDEX rm_files_doc ON rm_files (document_id);
"""
CLONE = """
    INSERT INTO workflows_events (originator_id, originator_version, topic, state)
    SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
        originator_version, topic, state
    FROM generate_series(1, %s) i, (SELECT * FROM workflows_events) e
    ORDER BY i, originator_version
"""
ROWS = """
    INSERT INTO rm_documents SELECT DISTINCT originator_id, 'report.pdf', now(), 'running',
        'ingest', 1, now() FROM workflows_events;
    INSERT INTO rm_stages SELECT id, s.name, s.ord, 'pending', 0, now() FROM rm_documents,
        unnest(ARRAY['ingest', 'ocr', 'classify', 'extract', 'publish'])
        WITH ORDINALITY s (name, ord)
"""
READ = """
    SELECT d.id::text, d.filename, d.created_at, jsonb_build_object('status', d.status,
            'current_stage', d.current_stage, 'version', d.version,
            'updated_at', d.updated_at) AS workflow,
        (SELECT jsonb_agg(to_jsonb(s) ORDER BY s.position) FROM rm_stages s
            WHERE s.document_id = d.id) AS stages,
        (SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY f.id), '[]') FROM rm_files f
            WHERE f.document_id = d.id) AS files
    FROM rm_documents d WHERE d.id = %s
"""
REPORT = """
    UPDATE rm_stages SET status = %s, attempts = attempts + 1, updated_at = %s
    WHERE document_id = %s AND stage = %s
"""
MOVE = """
    UPDATE rm_documents SET current_stage = %s, version = %s, updated_at = %s WHERE id = %s
"""
TRACKED = """
    DELETE FROM workflowprojection_tracking WHERE application_name = 'Workflows';
    INSERT INTO workflowprojection_tracking
        SELECT 'Workflows', max(notification_id) FROM workflows_events
"""
BACKLOG = """
    SELECT (SELECT max(notification_id) FROM workflows_events)
        - (SELECT max(notification_id) FROM workflowprojection_tracking)
"""
_FIRST_ID = UUID("00000000-0000-4000-8000-000000000000")


class Paper(Aggregate):
    """A document with the status of each stage."""

    @event("Registered")
    def __init__(self, filename: str) -> None:
        self.filename = filename
        self.stages = dict.fromkeys(STAGES, "pending")

    @staticmethod
    def create_id(*_: Any, **__: Any) -> UUID:
        """Return the one id that is loaded and then cloned."""
        return _FIRST_ID

    @event("StageStatusChanged")
    def set_status(self, stage: str, status: str) -> None:
        """Take down what is said of a stage."""
        self.stages[stage] = status


class Workflows(Application[UUID]):
    """Loads, changes and saves one aggregate a call."""

    def set_status(self, paper_id: UUID, stage: str, status: str) -> int:
        """Return the version that the change made."""
        paper: Paper = self.repository.get(paper_id)
        paper.set_status(stage, status)
        self.save(paper)
        return paper.version


class View(PostgresTrackingRecorder):
    """The read model."""

    def change(self, changed: Any, tracking: Tracking) -> None:
        """Write what an event says, and how far the projection is."""
        at, paper_id = changed.timestamp, changed.originator_id
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(REPORT, (changed.status, at, paper_id, changed.stage))
            cursor.execute(MOVE, (changed.stage, changed.originator_version, at, paper_id))
            self._insert_tracking(cursor, tracking)

    def get(self, paper_id: UUID) -> dict[str, Any] | None:
        """Return a document's row."""
        with (
            self.datastore.get_connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            return cursor.execute(READ.encode(), (paper_id,)).fetchone()


class WorkflowProjection(Projection[View]):
    """Takes events into the view, one a transaction."""

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Leave out every other event."""

    @process_event.register
    def _(
        self,
        domain_event: Paper.StageStatusChanged,  # type: ignore[name-defined]  # made by @event
        tracking: Tracking,
    ) -> None:
        self.view.change(domain_event, tracking)


def load(dsn: str, documents: int) -> None:
    """Fill a new database: one document through the library, the others cloned from it."""
    with running(dsn) as runner:
        runner.app.save(Paper(filename="report.pdf"))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(READ_MODEL.encode())
        connection.execute(CLONE.encode(), (documents,))
        connection.execute(ROWS.encode())
        connection.execute(TRACKED.encode())


@contextmanager
def running(dsn: str) -> Iterator[ProjectionRunner[Any, View]]:
    """Run application and projection as the library has it."""
    given = conninfo_to_dict(dsn)
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(given["dbname"]),
        "POSTGRES_HOST": str(given["host"]),
        "POSTGRES_PORT": str(given.get("port", 5432)),
        "POSTGRES_USER": str(given["user"]),
        "POSTGRES_PASSWORD": str(given.get("password", "none")),
    }
    with ProjectionRunner(
        application_class=Workflows,
        projection_class=WorkflowProjection,
        view_class=View,
        env=environment,
    ) as runner:
        yield runner


def backlog(dsn: str) -> int:
    """Return how many events the projection is behind."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return int(connection.execute(BACKLOG.encode()).fetchall()[0][0])


def make_app(dsn: str) -> FastAPI:
    """Return the service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with running(dsn) as app.state.runner:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/healthz")
    def healthz() -> dict[str, bool]:
        return {"ok": True}

    @app.post("/documents/{id}/stages/{stage}/status")
    def report(id: UUID, stage: str, body: StatusReport) -> dict[str, int]:  # noqa: A002
        return {"version": app.state.runner.app.set_status(id, stage, body.status)}

    @app.get("/documents/{id}")
    def document(id: UUID) -> Document:  # noqa: A002
        row = app.state.runner.projection.view.get(id)
        if row is None:
            raise HTTPException(404)
        return Document.model_validate(row)

    return app


if __name__ == "__main__":
    main(load, make_app)
