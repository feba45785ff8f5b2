"""Rebuilds for tests, and the databases that they are tried on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg

from eventstore.history import History
from eventstore.log_shards import LogShards
from integration.projections.log_writer import LogWriter, delete_elsewhere
from integration.projections.projecting import make_projector
from projections.rebuild.differences import RowDifference
from projections.rebuild.progress import Progress
from projections.rebuild.rebuilder import Rebuilder

NAME = "rebuild under test"

DECORATIONS = """
    CREATE ROLE {role}_reader; CREATE ROLE {role}_auditor;
    GRANT SELECT ON documents_processing_stages TO {role}_reader WITH GRANT OPTION;
    GRANT SELECT (id, status), UPDATE (status) ON processing_workflows TO {role}_auditor;
    GRANT SELECT ON document_processing_stages TO PUBLIC;
    GRANT SELECT (document_id) ON document_processing_stages TO {role}_auditor;
    REVOKE DELETE ON stage_output_files FROM CURRENT_USER;
    COMMENT ON TABLE stage_output_files IS 'The operator''s own words';
    COMMENT ON COLUMN stage_output_files.checksum IS 'SHA-256, in hex';
    COMMENT ON COLUMN document_processing_stages.status IS 'a column of the view';
    COMMENT ON CONSTRAINT unique_document_stage ON documents_processing_stages IS 'one row each';
    COMMENT ON CONSTRAINT stage_output_files_document_id_fkey ON stage_output_files IS 'cascades';
    COMMENT ON CONSTRAINT documents_processing_stages_status_check
        ON documents_processing_stages IS 'five of them';
    COMMENT ON INDEX idx_stage_status IS 'for lists';
    COMMENT ON INDEX processing_workflows_pkey IS 'the key';
    CREATE INDEX "an Operator's own" ON stage_output_files (lower(mime_type)) WHERE file_size > 10;
    CREATE UNIQUE INDEX own_unique ON documents_processing_stages (stage_name, document_id)
        INCLUDE (status) WITH (fillfactor = 80);
    ALTER TABLE stage_output_files ADD CONSTRAINT own_key UNIQUE (document_id, id)
        DEFERRABLE INITIALLY DEFERRED;
    ALTER TABLE stage_output_files ADD CONSTRAINT own_check CHECK (file_size >= 0) NOT VALID;
    ALTER TABLE documents_processing_stages ALTER COLUMN status SET STATISTICS 500;
    ALTER TABLE documents_processing_stages ALTER COLUMN stage_name SET (n_distinct = 5);
    ALTER TABLE documents_processing_stages ALTER COLUMN error_message SET STORAGE EXTERNAL;
    ALTER TABLE documents_processing_stages SET (toast.autovacuum_enabled = false);
    ALTER TABLE processing_workflows SET (parallel_workers = 3);
    ALTER TABLE processing_workflows REPLICA IDENTITY FULL;
    ALTER TABLE stage_output_files CLUSTER ON idx_document_files;
    ALTER TABLE documents_processing_stages REPLICA IDENTITY USING INDEX unique_document_stage;
    CREATE PUBLICATION own_rows FOR TABLE processing_workflows (id, status, document_id),
        stage_output_files WHERE (file_size > 5);
    CREATE PUBLICATION own_all FOR ALL TABLES;
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role}_auditor;
"""
"""What operators do to tables, all of which is to be there after a rebuild."""


def rebuilder(
    url: str,
    history: History,
    *,
    workers: int = 2,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_phase: Callable[[str], None] = lambda _: None,
) -> Rebuilder:
    """Return a rebuilder of this database."""
    connect = partial(psycopg.connect, url, application_name=NAME)
    return Rebuilder(
        connect,
        history,
        LogShards(connect),
        workers=workers,
        on_progress=on_progress,
        on_phase=on_phase,
    )


def project_all(url: str, history: History) -> None:
    """Bring the live tables to the end of the log."""
    make_projector(url, history).run_until(history.last_position(), timeout_seconds=60)


def lives(log: LogWriter, url: str, history: History) -> list[str]:
    """Write lives of all kinds: of documents that were deleted, gone, inserted again and parked."""
    documents = [f"doc-{number}" for number in range(30)]
    log.random_histories(documents, seed=11, rounds=25)
    log.register("deleted", "again", "gone", "parked", "parked and deleted", "content")
    log.complete("gone", "markdown-conversion")
    log.restart("again")
    for document_id in ("deleted", "again"):
        log.delete(document_id)
    log.register("again")
    log.plain_insert("parked", 20, "StageCompleted", '{"at":"2026-11-24T01:54:33.000000Z"}')
    log.plain_insert("parked and deleted", 20, "Nonsense", '{"at":"2026-11-24T01:54:33.000000Z"}')
    delete_elsewhere(url, ["gone"])
    project_all(url, history)
    return documents


def rows(url: str, *tables: str) -> dict[str, list[Any]]:
    """Return all rows of these tables, or of all read models, in order, as JSON."""
    names = tables or (
        "processing_workflows",
        "documents_processing_stages",
        "stage_output_files",
        "document_streams",
    )
    with psycopg.connect(url) as connection:
        return {
            name: connection.execute(
                f"SELECT to_jsonb(t) FROM {name} t ORDER BY to_jsonb(t)::text".encode()
            ).fetchall()
            for name in names
        }


def execute(url: str, statement: str, *values: Any) -> list[Any]:
    """Run SQL that no part of docledger knows of."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def assert_nothing_differs(url: str, history: History) -> None:
    """Check by a dry run that the live tables are what a rebuild would make."""
    found: list[RowDifference] = []
    rebuilder(url, history).dry_run(found.append)
    assert found == []
