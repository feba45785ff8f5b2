"""What commands ask the database: the pipeline, how documents stand, what runs, how large it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from docledger.adoption import StorageStatus
from domain.json_types import JsonObject
from domain.pipeline import StageDependency, check_configured
from domain.pipeline_findings import findings
from projections.live.status import ProjectionStatus
from stages.postgres_search import INDEX_VERSION

Connection = psycopg.Connection

_PIPELINE = """
    SELECT stage_name, depends_on_stage, is_required, execution_order
    FROM stage_dependencies ORDER BY execution_order, id
"""
_DEPENDENCIES = """
    SELECT id, stage_name, depends_on_stage, is_required, execution_order
    FROM stage_dependencies ORDER BY execution_order, id
"""
_LIVING = """
    SELECT name, host, slots, stages FROM stage_workers
    WHERE seen_at > now() - interval '15 seconds' ORDER BY name
"""
# A worker that was killed is seen until its time is up, but its connections end with it.
_CONNECTED = """
    SELECT DISTINCT split_part(application_name, ' ', 3) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'docledger worker %'
"""
_WAITING = """
    SELECT substr(q.entrypoint, length('stage:') + 1), count(DISTINCT q.headers ->> 'documentId')
    FROM docledger_queue.pgqueuer q
    JOIN documents_processing_stages p ON p.document_id = q.headers ->> 'documentId'
        AND p.stage_name = substr(q.entrypoint, length('stage:') + 1) AND p.status = 'pending'
    WHERE q.entrypoint <> 'document' AND q.status = 'queued' AND (
        SELECT w.status FROM processing_workflows w WHERE w.document_id = p.document_id
        ORDER BY length(w.id) DESC, w.id DESC LIMIT 1) IN ('running', 'failed')
    GROUP BY 1 ORDER BY 1
"""
_EXTRACTED = """
    SELECT d.id, d.title FROM documents_processing_stages s
    CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE jsonb_typeof(s.metadata -> 'extractedDocuments')
            WHEN 'array' THEN s.metadata -> 'extractedDocuments' END
    ) WITH ORDINALITY AS e (id, place)
    JOIN documents d ON d.id = e.id
    WHERE s.document_id = ANY (%s)
    ORDER BY s.document_id, e.place
"""
# A worker that is alive and has the executor will take the job.
_WAITING_DOCUMENTS = """
    SELECT q.headers ->> 'documentId', min(substr(q.entrypoint, length('stage:') + 1))
    FROM docledger_queue.pgqueuer q
    WHERE q.entrypoint <> 'document' AND q.headers ->> 'documentId' = ANY (%s)
        AND q.status = 'queued' AND NOT EXISTS (SELECT FROM stage_workers w
            WHERE substr(q.entrypoint, length('stage:') + 1) = ANY (w.stages)
                AND w.seen_at > now() - interval '15 seconds')
    GROUP BY 1
"""
_DUE_JOBS = """
    SELECT EXISTS (SELECT FROM docledger_queue.pgqueuer
            WHERE entrypoint = 'document' AND (status = 'picked' OR execute_after <= now()))
        OR (SELECT coalesce(max(notification_id), 0) FROM docledger_events)
            > coalesce((SELECT position FROM tracking WHERE projection = 'dispatcher'), 0)
"""
_STANDINGS = """
    SELECT s.document_id, w.status, array_agg(ARRAY[s.stage_name, s.status] ORDER BY d.ord)
    FROM documents_processing_stages s
    JOIN LATERAL (
        SELECT status FROM processing_workflows w WHERE w.document_id = s.document_id
        ORDER BY w.created_at DESC, w.id DESC LIMIT 1
    ) w ON true
    LEFT JOIN (SELECT stage_name, min(execution_order) AS ord FROM stage_dependencies GROUP BY 1) d
        ON d.stage_name = s.stage_name
    WHERE s.document_id = ANY(%s)
    GROUP BY s.document_id, w.status
"""
_GONE = """
    SELECT id FROM unnest(%s::text[]) AS asked (id)
    WHERE NOT EXISTS (SELECT FROM documents WHERE documents.id = asked.id)
"""
_ROLES: Mapping[str, str] = {"serve": "serve", "project": "project", "work": "worker"}
_RUNNING = """
    SELECT split_part(application_name, ' ', 2), count(DISTINCT application_name)
    FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'docledger %'
    GROUP BY 1
"""
_SIZES = """
    SELECT relname, pg_total_relation_size(oid) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname = ANY (ARRAY[
        'docledger_events', 'documents', 'documents_processing_stages', 'stage_output_files',
        'processing_workflows', 'document_streams', 'document_keys', 'search_chunks'])
    ORDER BY relname
"""

_SEARCHED = """
    SELECT count(*), count(*) FILTER (WHERE d.index_version = %s)
    FROM documents_processing_stages p
    LEFT JOIN search_documents d ON d.document_id = p.document_id
    WHERE p.stage_name = 'ingestor' AND p.status = 'completed'
"""


@dataclass(frozen=True)
class DocumentProgress:
    """How far one document is: its stages' statuses in order and its workflow's status.

    The status of a deleted document is `deleted`. `missing_executor` names a stage
    that may run and that no living worker can.
    """

    document_id: str
    workflow_status: str
    stages: tuple[tuple[str, str], ...]
    missing_executor: str | None = None

    @property
    def over(self) -> bool:
        """True when nothing more happens by itself."""
        if self.missing_executor is not None and not self.running_stage:
            return True
        return self.workflow_status in ("completed", "failed", "cancelled", "deleted")

    @property
    def settled_stages(self) -> int:
        """How many stages are completed or skipped; all of them once the document is over."""
        if self.over:
            return len(self.stages)
        return sum(status in ("completed", "skipped") for _, status in self.stages)

    @property
    def running_stage(self) -> str:
        """The name of the first stage in progress, empty if none is."""
        return next((name for name, status in self.stages if status == "in_progress"), "")


@dataclass(frozen=True, slots=True)
class LivingWorker:
    """A worker that was seen within 15 seconds, and the stages whose executors it has."""

    name: str
    host: str
    slots: int
    stages: tuple[str, ...]


def dependencies(connection: Connection) -> dict[str, StageDependency]:
    """Return the rows of `stage_dependencies` by their ids, in order and unchecked."""
    rows = connection.execute(_DEPENDENCIES).fetchall()
    return {row_id: StageDependency(*row) for row_id, *row in rows}


def living_workers(connection: Connection) -> list[LivingWorker]:
    """Return the workers that live."""
    rows = connection.execute(_LIVING).fetchall()
    return [LivingWorker(name, host, slots, tuple(stages)) for name, host, slots, stages in rows]


def connected_workers(connection: Connection) -> set[str]:
    """Return the names of workers that have a connection to the database now."""
    return {name for (name,) in connection.execute(_CONNECTED).fetchall()}


def _stages(connection: Connection) -> JsonObject:
    """Return what is wrong with the stages, and those that wait for an executor."""
    workers = living_workers(connection)
    runnable = {stage for worker in workers for stage in worker.stages}
    waiting = connection.execute(_WAITING).fetchall()
    return {
        "workers": [
            {"name": w.name, "host": w.host, "slots": w.slots, "stages": list(w.stages)}
            for w in workers
        ],
        "waiting": [
            {"stageName": name, "reason": "noExecutor", "documents": documents}
            for name, documents in waiting
            if name not in runnable
        ],
        "pipeline": [
            {"rowId": finding.row_id, "detail": finding.text, "fatal": finding.fatal}
            for finding in findings(dependencies(connection))
        ],
    }


def _search(connection: Connection) -> dict[str, int]:
    """Return how many documents should be found, and how many are prepared as they are now."""
    documents, indexed = connection.execute(_SEARCHED, (INDEX_VERSION,)).fetchone() or (0, 0)
    return {"documents": documents, "indexed": indexed, "indexVersion": INDEX_VERSION}


def logged_documents(connection: Connection) -> list[str]:
    """Return the id of every document that the log knows, none if there is no log."""
    row = connection.execute("SELECT to_regclass('public.docledger_events')").fetchone()
    if row is None or row[0] is None:
        return []
    rows = connection.execute("SELECT DISTINCT originator_id FROM docledger_events ORDER BY 1")
    return [document_id for (document_id,) in rows]


def pipeline(connection: Connection) -> tuple[StageDependency, ...]:
    """Return the rows of `stage_dependencies`; raises PipelineInvalid if they make no pipeline."""
    rows = connection.execute(_PIPELINE).fetchall()
    return check_configured(tuple(row) for row in rows).dependencies


def standings(connection: Connection, document_ids: Sequence[str]) -> list[DocumentProgress]:
    """Return how these registered documents stand, as far as the read models know them."""
    ids = list(document_ids)
    rows = connection.execute(_STANDINGS, (ids,)).fetchall()
    gone = connection.execute(_GONE, (ids,)).fetchall()
    waiting: dict[str, str] = dict(connection.execute(_WAITING_DOCUMENTS, (ids,)).fetchall())
    return [
        *(
            DocumentProgress(i, status, tuple(map(tuple, stages)), waiting.get(i))
            for i, status, stages in rows
        ),
        *(DocumentProgress(document_id, "deleted", ()) for (document_id,) in gone),
    ]


def extracted(connection: Connection, document_ids: Sequence[str]) -> dict[str, str]:
    """Return the titles by id of documents that were taken out of these, as attachments are."""
    return dict(connection.execute(_EXTRACTED, (list(document_ids),)).fetchall())


def has_due_jobs(connection: Connection) -> bool:
    """Tell whether any worker has or should take a job, as far as the log asks for work."""
    row = connection.execute(_DUE_JOBS).fetchone()
    return row is not None and bool(row[0])


def status(connection: Connection, projection: ProjectionStatus) -> JsonObject:
    """Return what runs, positions, lag, parked documents and sizes in bytes."""
    roles: dict[str, int] = dict(connection.execute(_RUNNING).fetchall())
    sizes: dict[str, int] = dict(connection.execute(_SIZES).fetchall())
    return {
        "running": {
            "database": True,
            **{role: roles.get(word, 0) for role, word in _ROLES.items()},
        },
        "position": projection.last_position,
        "lag": {"events": projection.lag_events, "seconds": projection.lag_seconds},
        "parked": [
            {"documentId": p.document_id, "position": p.position, "error": p.reason}
            for p in projection.parked
        ],
        "sizes": sizes,
        "search": _search(connection),
        **_stages(connection),
    }


def storage(found: StorageStatus) -> JsonObject:
    """Return where the files are, and whether that storage is the database's."""
    return {"location": found.location, "id": found.storage_id, "state": found.state}
