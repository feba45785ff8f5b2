"""Is an import that writes events nearly as fast as the two INSERTs that write rows only?

    python bench/import.py DSN [DOCUMENTS]

makes a database of its own on the server of DSN, with so many documents (200,000 by default), and
gives them their workflow and stages twice: by the two INSERT … SELECT statements of the requirement
into tables as it has them (enums, keys, indexes, foreign keys), and by `docledger import-documents`
into the log and the read models. Prints one line of JSON; the database is dropped.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

ROOT = Path(__file__).parents[1]
NAME = "docledger_bench_import"

DOCUMENTS = """
    INSERT INTO documents (id, title, content, realm_id, created_at, updated_at)
    SELECT 'document-' || lpad(n::text, 8, '0'), 'Report ' || n || ' of the northern branch',
        repeat('Some words that a document may well contain. ', 20), 'realm-' || n %% 7,
        timestamp '2020-01-01' + n * interval '1 minute', timestamp '2024-01-01'
    FROM generate_series(1, %s) n
"""
REQUIRED_TABLES = """
    CREATE SCHEMA required;
    CREATE TYPE required.stage AS ENUM ('markdown-conversion', 'markdown-optimizer', 'chunker',
        'fact-generator', 'ingestor', 'completed');
    CREATE TYPE required.status AS ENUM (
        'pending', 'in_progress', 'completed', 'failed', 'skipped');
    CREATE TYPE required.workflow AS ENUM ('automatic', 'manual');
    CREATE TABLE required.document_processing_stages (
        id varchar(356) PRIMARY KEY,
        document_id varchar(255) NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        stage_name required.stage NOT NULL,
        status required.status NOT NULL DEFAULT 'pending',
        started_at timestamp, completed_at timestamp, error_message text,
        retry_count int DEFAULT 0,
        created_at timestamp DEFAULT CURRENT_TIMESTAMP,
        updated_at timestamp DEFAULT CURRENT_TIMESTAMP,
        UNIQUE (document_id, stage_name)
    );
    CREATE INDEX ON required.document_processing_stages (document_id);
    CREATE INDEX ON required.document_processing_stages (stage_name, status);
    CREATE TABLE required.processing_workflows (
        id varchar(300) PRIMARY KEY,
        document_id varchar(255) NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        workflow_type required.workflow NOT NULL DEFAULT 'manual',
        total_stages int NOT NULL DEFAULT 5, completed_stages int NOT NULL DEFAULT 0,
        current_stage required.stage,
        started_at timestamp DEFAULT CURRENT_TIMESTAMP, completed_at timestamp,
        configuration json,
        created_at timestamp DEFAULT CURRENT_TIMESTAMP,
        updated_at timestamp DEFAULT CURRENT_TIMESTAMP
    );
    CREATE INDEX ON required.processing_workflows (current_stage, workflow_type);
"""
REQUIRED_WORKFLOWS = """
    INSERT INTO required.processing_workflows (id, document_id, workflow_type, current_stage)
    SELECT CONCAT('workflow_', id), id, 'manual', 'markdown-conversion' FROM documents
"""
REQUIRED_STAGES = """
    INSERT INTO required.document_processing_stages (id, document_id, stage_name, status)
    SELECT CONCAT(d.id, '_', stage.name), d.id, stage.name::required.stage, 'pending'
    FROM documents d CROSS JOIN (
        SELECT 'markdown-conversion' AS name, 1 AS order_num
        UNION SELECT 'markdown-optimizer', 2 UNION SELECT 'chunker', 3
        UNION SELECT 'fact-generator', 4 UNION SELECT 'ingestor', 5) stage
"""


def main() -> None:
    """Measure and print."""
    server = sys.argv[1]
    documents = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    execute(server, f"DROP DATABASE IF EXISTS {NAME}")
    execute(server, f"CREATE DATABASE {NAME}")
    dsn = make_conninfo(server, dbname=NAME)
    try:
        print(json.dumps(measured(dsn, documents)))
    finally:
        execute(server, f"DROP DATABASE {NAME} WITH (FORCE)")


def measured(dsn: str, documents: int) -> dict[str, Any]:
    """Return the figures of both ways."""
    docledger(dsn, "migrate", "up")
    execute(dsn, "ALTER TABLE documents DISABLE TRIGGER USER")
    with psycopg.connect(dsn) as connection:
        connection.execute(DOCUMENTS, (documents,))
    execute(dsn, "ALTER TABLE documents ENABLE TRIGGER USER")
    execute(dsn, REQUIRED_TABLES)
    execute(dsn, "VACUUM ANALYZE documents")
    required = seconds_of(dsn, REQUIRED_WORKFLOWS, REQUIRED_STAGES)
    execute(dsn, "CHECKPOINT")
    started = time.monotonic()
    report = json.loads(docledger(dsn, "import-documents", "--json"))
    with_start = time.monotonic() - started
    assert report["documents"] == documents, report
    rows = dict(counts(dsn))
    assert rows == {"stages": 5 * documents, "workflows": documents, "events": 2 * documents}, rows
    return {
        "documents": documents,
        "requirement": {"seconds": round(required, 2), "per_second": round(documents / required)},
        "import": {
            "seconds": round(report["seconds"], 2),
            "with_start_of_the_program": round(with_start, 2),
            "per_second": round(documents / report["seconds"]),
            "events": report["events"],
        },
        "import_to_requirement": round(required / report["seconds"], 2),
    }


def seconds_of(dsn: str, *statements: str) -> float:
    """Run the statements in one transaction; return how long that took."""
    execute(dsn, "CHECKPOINT")
    started = time.monotonic()
    with psycopg.connect(dsn) as connection:
        for statement in statements:
            connection.execute(statement.encode())
    return time.monotonic() - started


def counts(dsn: str) -> list[tuple[str, int]]:
    """Count what the import has written."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT 'stages', count(*) FROM documents_processing_stages "
            "UNION ALL SELECT 'workflows', count(*) FROM processing_workflows "
            "UNION ALL SELECT 'events', count(*) FROM docledger_events"
        ).fetchall()


def docledger(dsn: str, *arguments: str) -> str:
    """Run the command line on this database; return what it prints."""
    with tempfile.TemporaryDirectory() as home:
        return subprocess.run(
            [sys.executable, "-m", "docledger", *arguments],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src")}
            | {"DOCLEDGER_HOME": home, "DOCLEDGER_DATABASE_URL": dsn},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout


def execute(dsn: str, statements: str) -> None:
    """Run statements, each by itself."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statements.encode())


if __name__ == "__main__":
    main()
