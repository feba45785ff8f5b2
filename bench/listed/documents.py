"""A million documents as years of use leave them, written straight into the read models.

Realms of all sizes, one of them rare; stages in every status, the rare ones old; titles of common
and rare words. Everything follows from a document's number, so that a run can be repeated.
"""

from __future__ import annotations

from typing import Any

import psycopg

STAGES = ("markdown-conversion", "markdown-optimizer", "chunker", "fact-generator", "ingestor")

# From the oldest document, number 1, to the newest. Of n, the number of all, the newest 1 % wait
# and 20 run; 1 of 50 of the others failed in a first stage; a few old ones failed late.
_DOCUMENTS = """
    CREATE UNLOGGED TABLE loaded AS
    SELECT n, hash, created_at,
        CASE WHEN n % 20 = 0 THEN 'report-' || n ELSE overlay(overlay(overlay(overlay(
            lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0')
            || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15)
            PLACING '-' FROM 9 FOR 0) PLACING '-' FROM 14 FOR 0) PLACING '-' FROM 19 FOR 0)
            PLACING '-' FROM 24 FOR 0) END COLLATE "C" AS id,
        CASE WHEN n > {all} - 20 THEN 'running'
            WHEN n > {all} * 0.99 THEN 'waiting'
            WHEN n < {all} * 0.3 AND n % 5003 = 0 THEN 'failed late'
            WHEN n < {all} * 0.5 AND n % 101 = 0 THEN 'failed chunking'
            WHEN hash % 50 = 0 THEN 'failed early' ELSE 'done' END AS fate,
        (hash >> 8) % 5 = 0 AS skips,
        CASE WHEN n % 5000 = 7 THEN 'realm-rare' WHEN (hash >> 12) % 100 < 60 THEN 'realm-large'
            WHEN (hash >> 12) % 100 < 90 THEN 'realm-medium'
            WHEN (hash >> 12) % 100 < 99 THEN 'realm-small' END AS realm_id
    FROM (SELECT n, hashint8(n) & 2147483647 AS hash,
            timestamptz '2023-01-01 00:00Z'
                + n * (interval '1000 days' / {all}) + (n % 7) * interval '13 microseconds'
                AS created_at
        FROM generate_series(1, {all}) AS n) AS numbered
"""
# One word of a title is of the 4 most common, two of 2,000, a rare one old; one has punctuation.
_FILL = (
    """
    INSERT INTO documents (id, title, realm_id, created_at, updated_at)
    SELECT id, concat_ws(' ',
            (ARRAY['Quarterly report', 'Annual summary', 'Meeting notes', 'Invoice'])
                [1 + (hash >> 3) % 4],
            'term' || (sqrt((hash >> 5) % 4000000))::int, 'topic_' || (hash >> 7) % 2000 || '.pdf',
            CASE WHEN n % 40009 = 11 THEN 'zeppelin' END,
            CASE WHEN n < {all} * 0.6 AND n % 199 = 3 THEN 'observatory' END),
        realm_id, created_at, created_at + interval '1 minute'
    FROM loaded ORDER BY n
    """,
    """
    INSERT INTO processing_workflows (id, document_id, workflow_type, total_stages,
        completed_stages, current_stage, started_at, completed_at, configuration, created_at,
        updated_at, status)
    SELECT 'workflow_' || id, id, CASE WHEN hash % 3 = 0 THEN 'manual' ELSE 'automatic' END, 5,
        CASE fate WHEN 'done' THEN 5 WHEN 'failed late' THEN 3 WHEN 'failed chunking' THEN 2
            ELSE 0 END,
        CASE fate WHEN 'done' THEN 'completed' WHEN 'failed late' THEN 'fact-generator'
            WHEN 'failed chunking' THEN 'chunker' ELSE 'markdown-conversion' END,
        created_at, CASE fate WHEN 'done' THEN created_at + interval '50 seconds' END,
        '{{"retries": 3, "stages": {{}}, "skipStages": [], "timeoutSeconds": 600}}', created_at,
        created_at + interval '50 seconds',
        CASE WHEN fate = 'done' THEN 'completed' WHEN fate LIKE 'failed%' THEN 'failed'
            ELSE 'running' END
    FROM loaded ORDER BY n
    """,
    """
    INSERT INTO documents_processing_stages (id, document_id, stage_name, status, started_at,
        completed_at, error_message, created_at, updated_at, metadata)
    SELECT l.id || '_' || name, l.id, name, status,
        CASE WHEN status NOT IN ('pending', 'skipped')
            THEN created_at + number * interval '10 seconds' END,
        CASE WHEN status IN ('completed', 'failed')
            THEN created_at + number * interval '10 seconds' + interval '9.25 seconds' END,
        CASE WHEN status = 'failed' THEN 'The input cannot be read.' END, created_at,
        created_at + number * interval '10 seconds',
        CASE WHEN status = 'completed' THEN '{{"seconds": 9.25}}'::jsonb END
    FROM (SELECT * FROM loaded ORDER BY n OFFSET 0) AS l
    CROSS JOIN unnest(ARRAY[{stages}]) WITH ORDINALITY AS stage (name, number)
    CROSS JOIN LATERAL (SELECT CASE
        WHEN number = 2 AND skips AND fate NOT IN ('waiting', 'running') THEN 'skipped'
        WHEN fate = 'done' THEN 'completed'
        WHEN number = stop THEN CASE WHEN fate LIKE 'failed%' THEN 'failed'
            WHEN fate = 'running' THEN 'in_progress' ELSE 'pending' END
        WHEN number < stop THEN 'completed' ELSE 'pending' END AS status
        FROM (SELECT CASE fate WHEN 'failed late' THEN 4 WHEN 'failed chunking' THEN 3 ELSE 1 END
            AS stop) AS stopped) AS reached
    """,
    """
    INSERT INTO document_streams (document_id, version, position, run, original_name,
        original_checksum, original_size_bytes, original_mime_type, pipeline)
    SELECT id, 18, n * 18, 1, 'report.pdf', md5(id) || md5(id), 123456, 'application/pdf',
        '[{pipeline}]' FROM loaded ORDER BY n
    """,
)


_STRIPPED = (
    # Checks and keys first: an index of theirs goes with them.
    """
    SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
        format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname,
            pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid = ANY (%s::regclass[]) AND contype IN ('c', 'u', 'p')
        AND conrelid <> 'documents'::regclass
    """,
    """
    SELECT format('DROP INDEX %%s', indexrelid::regclass), pg_get_indexdef(indexrelid)
    FROM pg_index WHERE indrelid = ANY (%s::regclass[]) AND NOT indisunique
    """,
)
_TABLES = ["documents", "processing_workflows", "documents_processing_stages", "document_streams"]


def load(connection: psycopg.Connection[Any], documents: int) -> None:
    """Fill the read models of a migrated database that is empty; `connection` is autocommit."""
    stages = ", ".join(f"'{name}'" for name in STAGES)
    pipeline = ", ".join(f'"{name}"' for name in STAGES)
    values = {"all": documents, "stages": stages, "pipeline": pipeline}
    for setting in (
        "session_replication_role = replica",
        "synchronous_commit = off",
        "maintenance_work_mem = '256MB'",
    ):
        connection.execute(f"SET {setting}".encode())
    stripped = [pair for it in _STRIPPED for pair in connection.execute(it.encode(), [_TABLES])]
    for drop, _ in stripped:
        connection.execute(drop.encode())
    for statement in (_DOCUMENTS, *_FILL):
        connection.execute(statement.format(**values).encode())
    connection.execute("DROP TABLE loaded")
    for _, make in stripped:
        connection.execute(make.encode())
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")
