"""State from old tables in the requirement's layout comes in as events, and shows as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from conftest import SERVERS
from domain import commands as c
from domain import events as e
from domain.values import OutputFile, StageStatus, WorkflowStatus
from importing.legacy_state import LegacyState, NoLegacyState, StateImport
from importing.pipeline import DocumentImport, Imported
from integration.importing.importing import STAGES, Installation, installed
from postgres.migrate import Migrator
from unit.projections.journeys import FIVE

TABLES = """
    CREATE TYPE stage AS ENUM ('markdown-conversion', 'markdown-optimizer', 'chunker',
        'fact-generator', 'ingestor', 'completed', 'chunker_opt');
    CREATE TYPE status AS ENUM ('pending', 'in_progress', 'completed', 'failed', 'skipped');
    CREATE TYPE workflow AS ENUM ('automatic', 'manual');
    CREATE TYPE file_type AS ENUM ('markdown', 'optimized_markdown', 'chunks_json');
    CREATE TABLE documents (
        id varchar(255) PRIMARY KEY, title varchar(255), content text, realm_id varchar(255),
        created_at timestamp, updated_at timestamp
    );
    CREATE TABLE document_processing_stages (
        id varchar(255) PRIMARY KEY,
        document_id varchar(255) NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        stage_name stage NOT NULL, status status NOT NULL DEFAULT 'pending',
        started_at timestamp, completed_at timestamp, error_message text,
        retry_count int DEFAULT 0,
        created_at timestamp DEFAULT '2024-01-01', updated_at timestamp DEFAULT '2024-01-02',
        UNIQUE (document_id, stage_name)
    );
    CREATE TABLE stage_output_files (
        id varchar(255) PRIMARY KEY,
        document_id varchar(255) NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        stage_name stage NOT NULL, file_type file_type NOT NULL, file_path varchar(500) NOT NULL,
        file_size bigint, mime_type varchar(100), checksum varchar(64), metadata json,
        created_at timestamp DEFAULT '2024-01-03', UNIQUE (document_id, stage_name, file_type)
    );
    CREATE TABLE processing_workflows (
        id varchar(255) PRIMARY KEY,
        document_id varchar(255) NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        workflow_type workflow NOT NULL DEFAULT 'manual', total_stages int NOT NULL DEFAULT 5,
        completed_stages int NOT NULL DEFAULT 0, current_stage stage,
        started_at timestamp DEFAULT '2024-01-01', completed_at timestamp, configuration json,
        created_at timestamp DEFAULT '2024-01-01', updated_at timestamp DEFAULT '2024-01-02'
    );
"""
ROWS = """
    INSERT INTO documents (id, title) VALUES
        ('fresh', 'No state'), ('done', 'All done'), ('failed', 'One failed'),
        ('half', 'On its way'), ('odd', 'What fits nowhere');
    INSERT INTO document_processing_stages (id, document_id, stage_name, status, started_at,
        completed_at, error_message, retry_count)
    SELECT 'done_' || s, 'done', s, CASE s WHEN 'markdown-optimizer' THEN 'skipped'::status
        ELSE 'completed' END, '2024-02-01 10:00:00.123456', '2024-02-01 10:05', NULL, NULL
    FROM unnest(ARRAY['markdown-conversion', 'markdown-optimizer', 'chunker', 'fact-generator',
        'ingestor']::stage[]) s;
    INSERT INTO document_processing_stages (id, document_id, stage_name, status, started_at,
        completed_at, error_message, retry_count)
    VALUES
        ('f1', 'failed', 'markdown-conversion', 'failed', '2024-02-01', '2024-02-02',
            'Ada''s page 7 is torn', 3),
        ('h1', 'half', 'markdown-conversion', 'completed', '2024-02-01', '2024-02-02', NULL, 1),
        ('h2', 'half', 'chunker', 'in_progress', '2024-02-03', NULL, NULL, 0);
    INSERT INTO stage_output_files (id, document_id, stage_name, file_type, file_path, file_size,
        mime_type, checksum, metadata)
    VALUES
        ('x1', 'done', 'markdown-conversion', 'markdown',
            'uploads/documents/done/stages/markdown-conversion/All done.md', 1234,
            'text/markdown', repeat('a1', 32), '{"pages": 7}'),
        ('x2', 'half', 'markdown-conversion', 'markdown', '/srv/elsewhere/half.md', NULL, NULL,
            'd41d8cd98f00b204e9800998ecf8427e', NULL);
    INSERT INTO processing_workflows (id, document_id, workflow_type, completed_stages,
        current_stage, completed_at, configuration, created_at)
    VALUES
        ('w1', 'done', 'automatic', 5, 'completed', '2024-02-02', '{"model": "small"}',
            '2024-01-01'),
        ('w2', 'failed', 'manual', 0, 'markdown-conversion', NULL, '{"retries": 7}', '2024-01-01'),
        ('w0', 'half', 'manual', 3, 'fact-generator', NULL, NULL, '2023-01-01'),
        ('w3', 'half', 'automatic', 1, 'chunker', NULL, NULL, '2024-01-01');
"""
ODD = """
    INSERT INTO document_processing_stages (id, document_id, stage_name, status)
        VALUES ('o1', 'odd', 'chunker_opt', 'completed');
    INSERT INTO stage_output_files (id, document_id, stage_name, file_type, file_path)
        VALUES ('o2', 'odd', 'chunker', 'chunks_json', '');
"""


@pytest.fixture
def installation(empty_database: str) -> Iterator[Installation]:
    """A migrated database with the tables of an application that followed the requirement."""
    with psycopg.connect(empty_database) as connection:
        connection.execute(TABLES)
        connection.execute(ROWS)
    Migrator(empty_database).up()
    with installed(empty_database) as installation:
        yield installation


def import_with_state(
    installation: Installation, state: LegacyState | None = None
) -> tuple[Imported, list[dict[str, str]]]:
    """Import documents and their state; return the differences that it finds itself."""
    parts = installation.parts()
    importing = StateImport(parts.connect, FIVE, state or LegacyState())
    importing.check()
    result = DocumentImport(parts, lambda _: None, importing.commands).everything()
    return result, importing.differences()


def shown(installation: Installation, table: str, columns: str) -> tuple[list[Any], list[Any]]:
    """Return what the old table shows, and what ours shows of the same rows."""
    old = "document_processing_stages" if "stages" in table else table
    theirs, ours = (
        installation.query(
            f"SELECT document_id::text, {columns} FROM {name} "
            f"WHERE document_id NOT IN ('fresh', 'odd') AND {condition} ORDER BY 1, 2, 3, 4"
        )
        for name, condition in (
            (f"docledger_legacy.{old}", "true"),
            (
                f"public.{table}",
                "true"
                if table != "documents_processing_stages"
                else (
                    "(document_id, stage_name) IN (SELECT document_id::text, stage_name::text "
                    "FROM docledger_legacy.document_processing_stages)"
                ),
            ),
        )
    )
    return theirs, ours


@pytest.mark.parametrize("empty_database", SERVERS, indirect=True)
def test_the_tables_show_what_they_showed(installation: Installation) -> None:
    result, differences = import_with_state(installation)
    assert (result.documents, result.left, differences) == (5, {}, [])
    times = ", ".join(f"extract(epoch FROM {n})" for n in ("created_at", "updated_at"))
    began = ", ".join(f"extract(epoch FROM {n})" for n in ("started_at", "completed_at"))
    theirs, ours = shown(
        installation,
        "documents_processing_stages",
        "stage_name::text, status::text, error_message, coalesce(retry_count, 0), "
        f"{began}, {times}",
    )
    assert theirs == ours
    assert len(ours) == 8
    theirs, ours = shown(
        installation,
        "stage_output_files",
        "stage_name::text, file_type::text, file_path, file_size, mime_type, checksum, "
        "metadata::jsonb, extract(epoch FROM created_at)",
    )
    assert theirs == ours
    assert len(ours) == 2
    theirs, ours = shown(
        installation,
        "processing_workflows",
        "workflow_type::text, completed_stages, total_stages, "
        f"current_stage::text, coalesce(configuration::jsonb, '{{}}'), {began}, {times}",
    )
    assert theirs == ours
    assert len(ours) == 4
    installation.assert_true()


def test_the_state_goes_on_from_there(installation: Installation) -> None:
    import_with_state(installation)
    half = installation.commit.load("half").state
    assert half.statuses["chunker"] is StageStatus.IN_PROGRESS
    assert (half.run, half.workflow_status) == (2, WorkflowStatus.PAUSED)
    assert installation.commit.load("done").state.workflow_status is WorkflowStatus.COMPLETED
    failed = installation.commit.load("failed").state
    assert failed.workflow_status is WorkflowStatus.FAILED
    assert failed.configuration.retries == 7
    stage = failed.stages[STAGES[0]]
    assert (stage.attempt, stage.retry_count) == (4, 3)

    installation.send(c.ResetStage, "failed", stage_name=STAGES[0])
    file = OutputFile(
        file_type="markdown",
        suffix=".md",
        checksum="b" * 64,
        size_bytes=3,
        mime_type="text/markdown",
    )
    installation.send(c.CompleteStage, "failed", stage_name=STAGES[0], files=(file,))
    installation.send(c.RegisterOutputFile, "done", stage_name=STAGES[0], file=file)
    installation.catch_up()

    assert installation.query(
        "SELECT status, attempt FROM documents_processing_stages WHERE id = 'failed_' || %s",
        STAGES[0],
    ) == [("completed", 5)]
    [(path, versions)] = installation.query(
        "SELECT f.file_path, s.file_versions FROM stage_output_files f "
        "JOIN document_streams s USING (document_id) WHERE document_id = 'done'"
    )
    assert path == "documents/done/stages/markdown-conversion/done.md"
    assert versions == {"markdown-conversion:markdown": 1}
    installation.assert_true()


def test_names_of_people_are_sealed(installation: Installation) -> None:
    import_with_state(installation)
    states = b"".join(
        bytes(row[0]) for row in installation.query("SELECT state FROM docledger_events")
    )
    for word in (b"Ada", b"All done", b"elsewhere", b"small"):
        assert word not in states
    failed = next(x for x in installation.events("failed") if isinstance(x, e.StageStateImported))
    assert failed.personal is not None
    assert failed.personal.error_message == "Ada's page 7 is torn"


def test_what_cannot_be_taken_over_is_named(installation: Installation) -> None:
    installation.query("INSERT INTO documents (id) VALUES ('late')")
    installation.query("SET search_path = docledger_legacy, public;" + ODD)
    result, differences = import_with_state(installation)
    assert result.documents == 6
    assert {(d["documentId"], d["kind"], d["detail"]) for d in differences} == {
        ("odd", "stage missing", "chunker_opt"),
        ("odd", "file missing", "chunker chunks_json"),
    }
    installation.assert_true()


def test_a_row_that_was_changed_afterwards_is_found(installation: Installation) -> None:
    import_with_state(installation)
    installation.query(
        "UPDATE documents_processing_stages SET error_message = 'x' WHERE document_id = 'failed'"
    )
    _, differences = import_with_state(installation)
    assert differences == [
        {
            "documentId": "failed",
            "kind": "stage differs",
            "detail": "markdown-conversion: error_message",
        }
    ]


def test_documents_that_went_on_are_not_compared(installation: Installation) -> None:
    import_with_state(installation)
    installation.send(c.ResetStage, "failed", stage_name=STAGES[0])
    installation.catch_up()
    assert import_with_state(installation)[1] == []


def test_an_import_with_state_can_be_taken_back(installation: Installation) -> None:
    from integration.importing.test_undo import undo

    import_with_state(installation)
    assert undo(installation) == (5, {})
    assert installation.count("documents_processing_stages") == 0
    result, differences = import_with_state(installation)
    assert (result.documents, differences) == (5, [])
    installation.assert_true()


def test_another_schema_can_be_named_and_one_without_tables_is_refused(
    installation: Installation,
) -> None:
    with pytest.raises(NoLegacyState, match="--state-schema"):
        import_with_state(installation, LegacyState("nowhere"))
    installation.query("ALTER SCHEMA docledger_legacy RENAME TO old")
    result, differences = import_with_state(installation, LegacyState("old"))
    assert (result.documents, differences) == (5, [])
