"""The library's own way: `ProjectionRunner`, one event a transaction, into the same tables.

The view does what a user of the library would write: for each event one or two upserts that change
what the event is about, and the tracking record in the same transaction.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.utils import EnvType
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from domain import events as e
from eventstore.application import WorkflowApplication

_WORKFLOW = """
    INSERT INTO processing_workflows (id, document_id, workflow_type, total_stages, current_stage,
        started_at, configuration, created_at, updated_at, status)
    VALUES (%s, %s, %s, 5, %s, %s, %s, %s, %s, 'running') ON CONFLICT (id) DO UPDATE
    SET current_stage = excluded.current_stage, status = 'running', updated_at = excluded.updated_at
"""
_FOLLOW = """
    UPDATE processing_workflows SET updated_at = %s, completed_stages = completed_stages + %s
    WHERE document_id = %s
"""
_PENDING = """
    INSERT INTO documents_processing_stages
        (id, document_id, stage_name, status, created_at, updated_at)
    VALUES (%s, %s, %s, 'pending', %s, %s) ON CONFLICT (id) DO UPDATE SET status = 'pending'
"""
_STAGE = """
    UPDATE documents_processing_stages SET status = %s, attempt = %s, updated_at = %s
    WHERE document_id = %s AND stage_name = %s
"""
_FILE = """
    INSERT INTO stage_output_files (id, document_id, stage_name, file_type, file_path, file_size,
        mime_type, checksum, metadata, created_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE
    SET file_size = excluded.file_size, checksum = excluded.checksum
"""


class Log(WorkflowApplication):
    """The application, made from an environment as the runner makes it."""

    name = WorkflowApplication.name

    def __init__(self, env: EnvType | None = None) -> None:
        super().__init__((env or {})["BENCH_DSN"])


class View(PostgresTrackingRecorder):
    """The tables."""

    def apply(self, event: Any, tracking: Tracking) -> None:
        """Write what the event says, with the tracking record."""
        document_id, at = event.document_id, event.at
        with self.datastore.transaction(commit=True) as cursor:
            if isinstance(event, e.WorkflowStarted):
                names = dict.fromkeys(row[0] for row in event.pipeline)
                cursor.execute(
                    _WORKFLOW,
                    (f"workflow_{document_id}", document_id, event.workflow_type.value,
                     next(iter(names)), at, Jsonb(event.configuration), at, at),
                )  # fmt: skip
                for name in names:
                    cursor.execute(_PENDING, (f"{document_id}_{name}", document_id, name, at, at))
            elif isinstance(event, e.OutputFileRegistered):
                cursor.execute(
                    _FILE,
                    (f"{document_id}_{event.stage_name}:{event.file_type}", document_id,
                     event.stage_name, event.file_type, f"{document_id}{event.suffix}",
                     event.size_bytes, event.mime_type, event.checksum, Jsonb(event.metadata), at),
                )  # fmt: skip
            elif isinstance(event, e.StageEvent):
                status = _STATUSES[type(event)]
                cursor.execute(_STAGE, (status, event.attempt, at, document_id, event.stage_name))
                cursor.execute(_FOLLOW, (at, int(status == "completed"), document_id))
            self._insert_tracking(cursor, tracking)


_STATUSES = {
    e.StageStarted: "in_progress",
    e.StageCompleted: "completed",
    e.StageFailed: "failed",
    e.StageRetried: "pending",
}


class Tables(Projection[View]):
    """Gives the view every event."""

    name = "bench"

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Apply one event."""
        self.view.apply(domain_event, tracking)


def run(dsn: str, events: int) -> float:
    """Project the first events of the log into empty tables; return how many a second."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "TRUNCATE processing_workflows, documents_processing_stages, stage_output_files"
        )
        connection.execute("DROP TABLE IF EXISTS bench_tracking")
    started = time.perf_counter()
    with ProjectionRunner(
        application_class=Log, projection_class=Tables, view_class=View, env=_environment(dsn)
    ) as runner:
        while (runner.view.max_tracking_id("docledger") or 0) < events:
            time.sleep(0.05)
            if runner.is_interrupted.is_set():
                runner.run_forever(timeout=1)  # raises what went wrong
        return events / (time.perf_counter() - started)


def _environment(dsn: str) -> dict[str, str]:
    given = conninfo_to_dict(dsn)
    return {
        "BENCH_DSN": dsn,
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "ORIGINATOR_ID_TYPE": "text",
        "POSTGRES_DBNAME": str(given["dbname"]),
        "POSTGRES_HOST": str(given.get("host", "127.0.0.1")),
        "POSTGRES_PORT": str(given.get("port", 5432)),
        "POSTGRES_USER": str(given.get("user", "postgres")),
        "POSTGRES_PASSWORD": str(given.get("password", "none")),
    }
