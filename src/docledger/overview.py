"""What commands ask the database: the pipeline, how documents stand, what runs, how large it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from docledger.progress import Standing
from domain.pipeline import Pipeline, StageDependency
from projections.status import ProjectionStatus

Connection = psycopg.Connection[Any]

_PIPELINE = """
    SELECT stage_name, depends_on_stage, is_required, execution_order
    FROM stage_dependencies ORDER BY execution_order, id
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


def pipeline(connection: Connection) -> tuple[StageDependency, ...]:
    """Return the rows of `stage_dependencies`, checked."""
    rows = connection.execute(_PIPELINE).fetchall()
    return Pipeline.of(tuple(row) for row in rows).dependencies


def standings(connection: Connection, document_ids: Sequence[str]) -> list[Standing]:
    """Return how these registered documents stand, as far as the read models know them."""
    ids = list(document_ids)
    rows = connection.execute(_STANDINGS, (ids,)).fetchall()
    gone = connection.execute(_GONE, (ids,)).fetchall()
    return [
        *(Standing(i, status, tuple(map(tuple, stages))) for i, status, stages in rows),
        *(Standing(document_id, "deleted", ()) for (document_id,) in gone),
    ]


def status(connection: Connection, projection: ProjectionStatus) -> dict[str, Any]:
    """Return what runs, positions, lag, parked documents and sizes in bytes."""
    roles = dict(connection.execute(_RUNNING).fetchall())
    sizes = dict(connection.execute(_SIZES).fetchall())
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
    }
