"""The tables of the read models have the requirement's columns, keys and indexes."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from conftest import SERVERS
from domain.pipeline import Pipeline

pytestmark = pytest.mark.parametrize("database", SERVERS, indirect=True)

COLUMNS = {
    "documents": {
        "id": "character varying(255)",
        "title": "character varying(255)",
        "content": "text",
        "realm_id": "character varying(255)",
        "created_at": "timestamp with time zone",
        "updated_at": "timestamp with time zone",
    },
    "documents_processing_stages": {
        "id": "character varying(356)",
        "document_id": "character varying(255)",
        "stage_name": "text",
        "status": "text",
        "started_at": "timestamp with time zone",
        "completed_at": "timestamp with time zone",
        "error_message": "text",
        "retry_count": "integer",
        "created_at": "timestamp with time zone",
        "updated_at": "timestamp with time zone",
        "attempt": "integer",
        "metadata": "jsonb",
    },
    "stage_output_files": {
        "id": "character varying(457)",
        "document_id": "character varying(255)",
        "stage_name": "text",
        "file_type": "text",
        "file_path": "character varying(1024)",
        "file_size": "bigint",
        "mime_type": "character varying(255)",
        "checksum": "character varying(64)",
        "metadata": "jsonb",
        "created_at": "timestamp with time zone",
    },
    "processing_workflows": {
        "id": "character varying(300)",
        "document_id": "character varying(255)",
        "workflow_type": "text",
        "total_stages": "integer",
        "completed_stages": "integer",
        "current_stage": "text",
        "started_at": "timestamp with time zone",
        "completed_at": "timestamp with time zone",
        "configuration": "jsonb",
        "created_at": "timestamp with time zone",
        "updated_at": "timestamp with time zone",
        "status": "text",
    },
    "stage_dependencies": {
        "id": "character varying(255)",
        "stage_name": "text",
        "depends_on_stage": "text",
        "is_required": "boolean",
        "execution_order": "integer",
    },
}

INDEXES = {
    "idx_document_stages": ("documents_processing_stages", ["document_id"]),
    "idx_stage_status": ("documents_processing_stages", ["stage_name", "status"]),
    "unique_document_stage": ("documents_processing_stages", ["document_id", "stage_name"]),
    "idx_document_files": ("stage_output_files", ["document_id"]),
    "idx_stage_files": ("stage_output_files", ["stage_name", "file_type"]),
    "unique_document_stage_file": (
        "stage_output_files",
        ["document_id", "stage_name", "file_type"],
    ),
    "idx_workflow_status": ("processing_workflows", ["current_stage", "workflow_type"]),
    "unique_dependency": ("stage_dependencies", ["stage_name", "depends_on_stage"]),
    "idx_stage_order": ("stage_dependencies", ["execution_order"]),
}

# The two statements that the requirement gives for documents that exist already.
REQUIREMENT_WORKFLOWS = """
INSERT INTO processing_workflows (id, document_id, workflow_type, current_stage)
SELECT
  CONCAT('workflow_', id) as id,
  id as document_id,
  'manual' as workflow_type,
  'markdown-conversion' as current_stage
FROM documents;
"""
REQUIREMENT_STAGES = """
INSERT INTO document_processing_stages (id, document_id, stage_name, status)
SELECT
  CONCAT(d.id, '_', stage.name) as id,
  d.id as document_id,
  stage.name as stage_name,
  'pending' as status
FROM documents d
CROSS JOIN (
  SELECT 'markdown-conversion' as name, 1 as order_num
  UNION SELECT 'markdown-optimizer', 2
  UNION SELECT 'chunker', 3
  UNION SELECT 'fact-generator', 4
  UNION SELECT 'ingestor', 5
) stage;
"""


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database) as connection:
        yield connection
        connection.rollback()


def test_columns_are_the_requirements(connection: psycopg.Connection) -> None:
    for table, expected in COLUMNS.items():
        rows = connection.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [table],
        )
        assert dict(rows.fetchall()) == expected, table


def test_indexes_are_the_requirements(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT c.relname, i.indrelid::regclass::text, array("
        "   SELECT a.attname FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)"
        "   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY n)"
        " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = ANY (%s)",
        [list(INDEXES)],
    ).fetchall()
    assert {name: (table, columns) for name, table, columns in rows} == INDEXES


def test_no_value_comes_from_the_databases_clock(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = ANY (%s)"
        " AND data_type LIKE 'timestamp%%' AND column_default IS NOT NULL",
        [list(COLUMNS)],
    )
    assert rows.fetchall() == []


def test_dependencies_make_the_pipeline(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT stage_name, depends_on_stage, is_required, execution_order FROM stage_dependencies"
    )

    pipeline = Pipeline.of(rows.fetchall())

    assert [(stage.name, stage.optional) for stage in pipeline.stages] == [
        ("markdown-conversion", False),
        ("markdown-optimizer", True),
        ("chunker", False),
        ("fact-generator", False),
        ("ingestor", False),
    ]


def test_a_dependency_on_nothing_is_unique_too(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation, match="unique_dependency"):
        connection.execute(
            "INSERT INTO stage_dependencies VALUES ('x', 'markdown-conversion', NULL, true, 1)"
        )


def test_the_requirements_own_statements_run(connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO documents (id) VALUES ('a'), (repeat('b', 255))")

    connection.execute(REQUIREMENT_WORKFLOWS)
    connection.execute(REQUIREMENT_STAGES)

    workflows = connection.execute("SELECT count(*) FROM processing_workflows").fetchone()
    stages = connection.execute("SELECT count(*) FROM documents_processing_stages").fetchone()
    assert (workflows, stages) == ((2,), (10,))


def test_the_longest_ids_fit(connection: psycopg.Connection) -> None:
    document_id, stage, file_type = "d" * 255, "s" * 100, "t" * 100
    connection.execute("INSERT INTO documents (id) VALUES (%s)", [document_id])
    connection.execute(
        "INSERT INTO documents_processing_stages (id, document_id, stage_name) VALUES (%s, %s, %s)",
        [f"{document_id}_{stage}", document_id, stage],
    )
    connection.execute(
        "INSERT INTO stage_output_files (id, document_id, stage_name, file_type, file_path)"
        " VALUES (%s, %s, %s, %s, %s)",
        [
            f"{document_id}_{stage}:{file_type}",
            document_id,
            stage,
            file_type,
            f"documents/{document_id}/stages/{stage}/{'f' * 255}",
        ],
    )
    connection.execute(
        "INSERT INTO processing_workflows (id, document_id) VALUES (%s, %s)",
        [f"workflow-{2**63}_{document_id}", document_id],
    )


def test_rows_go_with_their_document(connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO documents (id) VALUES ('a')")
    connection.execute(REQUIREMENT_WORKFLOWS)
    connection.execute(REQUIREMENT_STAGES)
    connection.execute(
        "INSERT INTO document_streams (document_id, version, position) VALUES ('a', 1, 1)"
    )

    connection.execute("DELETE FROM documents")

    left = connection.execute(
        "SELECT (SELECT count(*) FROM processing_workflows),"
        " (SELECT count(*) FROM documents_processing_stages),"
        " (SELECT count(*) FROM document_streams)"
    ).fetchone()
    assert left == (0, 0, 1)


@pytest.mark.parametrize(
    ("table", "columns", "values"),
    [
        (
            "documents_processing_stages",
            "id, document_id, stage_name, status",
            "'x','a','s','done'",
        ),
        ("documents_processing_stages", "id, document_id, stage_name", "'x','a','Two Words'"),
        ("processing_workflows", "id, document_id, workflow_type", "'x','a','robot'"),
        ("processing_workflows", "id, document_id, status", "'x','a','asleep'"),
        (
            "stage_output_files",
            "id, document_id, stage_name, file_type, file_path",
            "'x','a','s','T','p'",
        ),
    ],
)
def test_values_outside_the_contract_are_refused(
    connection: psycopg.Connection, table: str, columns: str, values: str
) -> None:
    connection.execute("INSERT INTO documents (id) VALUES ('a')")
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({values})".encode())
