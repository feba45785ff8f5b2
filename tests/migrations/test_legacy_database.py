"""An existing application's database goes up, down and up again, and comes to no harm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from conftest import SERVERS
from migrations.legacy import DOCUMENTS, make_legacy_database
from migrations.schema import checksum_of_rows, dump_schema
from postgres.migrate import Migrator

pytestmark = pytest.mark.parametrize("empty_database", SERVERS, indirect=True)

HOW_TO = Path(__file__).parents[2] / "docs/how-to/own-postgresql.md"
_SQL = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
OWN_TABLES = ("documents", "owners", "document_processing_stages", "processing_workflows")


@pytest.fixture
def legacy_database(empty_database: str) -> str:
    make_legacy_database(empty_database)
    return empty_database


@pytest.fixture
def _rows_unharmed(legacy_database: str) -> Iterator[None]:
    before = checksum_of_rows(legacy_database, "documents")
    yield
    assert checksum_of_rows(legacy_database, "documents") == before


@pytest.mark.usefixtures("_rows_unharmed")
def test_down_restores_the_schema_and_rows_exactly(legacy_database: str) -> None:
    schema = dump_schema(legacy_database)
    rows = [checksum_of_rows(legacy_database, table) for table in OWN_TABLES]
    migrator = Migrator(legacy_database)

    migrator.up()
    migrator.down(to=0)

    assert dump_schema(legacy_database) == schema
    assert [checksum_of_rows(legacy_database, table) for table in OWN_TABLES] == rows


@pytest.mark.usefixtures("_rows_unharmed")
def test_up_again_gives_the_same_schema_as_up(legacy_database: str) -> None:
    migrator = Migrator(legacy_database)
    migrator.up()
    schema = dump_schema(legacy_database)

    migrator.down(to=0)
    migrator.up()

    assert dump_schema(legacy_database) == schema


def test_every_single_step_can_be_undone(legacy_database: str) -> None:
    migrator = Migrator(legacy_database)
    for step in migrator.status():
        before = dump_schema(legacy_database)
        migrator.up(to=step.number)
        after = dump_schema(legacy_database)
        if step.number > 1:  # the first brings the table of migrations along
            migrator.down()
            assert dump_schema(legacy_database) == before
            migrator.up(to=step.number)
            assert dump_schema(legacy_database) == after


def test_tables_in_the_way_are_readable_in_their_own_schema(legacy_database: str) -> None:
    Migrator(legacy_database).up()

    with psycopg.connect(legacy_database) as connection:
        moved = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'docledger_legacy'::regnamespace"
            " AND relkind IN ('r', 'v') ORDER BY relname"
        ).fetchall()
        stages = connection.execute(
            "SELECT count(*) FROM docledger_legacy.document_processing_stages"
        ).fetchone()
        note = connection.execute("SELECT note FROM notes").fetchone()

    assert [name for (name,) in moved] == [
        "document_processing_stages",
        "processing_workflows",
        "stage_dependencies",
        "stage_output_files",
    ]
    assert stages == (DOCUMENTS,)
    assert note == ("kept",)


def test_documents_keeps_its_own_columns_and_comment(legacy_database: str) -> None:
    with psycopg.connect(legacy_database) as connection:
        connection.execute("DROP VIEW stage_dependencies")
        connection.execute("DROP TABLE document_processing_stages, stage_output_files")
    before = _definition_of_documents(legacy_database)

    Migrator(legacy_database).up()

    assert _definition_of_documents(legacy_database) == before


def test_existing_documents_can_be_processed(legacy_database: str) -> None:
    Migrator(legacy_database).up()

    with psycopg.connect(legacy_database) as connection:
        connection.execute(
            "INSERT INTO documents_processing_stages (id, document_id, stage_name)"
            " SELECT id || '_chunker', id, 'chunker' FROM documents"
        )
        connection.execute("DELETE FROM docledger_legacy.stage_output_files")
        connection.execute("DELETE FROM documents WHERE id = 'doc-1'")
        left = connection.execute("SELECT count(*) FROM documents_processing_stages").fetchone()
        connection.rollback()

    assert left == (DOCUMENTS - 1,)


def test_the_indexes_that_the_how_to_gives_are_those_of_a_table_of_ours(
    legacy_database: str, database: str
) -> None:
    Migrator(legacy_database).up()
    [statements] = [s for s in _SQL.findall(HOW_TO.read_text()) if "CREATE INDEX" in s]

    with psycopg.connect(legacy_database, autocommit=True) as connection:
        for statement in statements.split(";"):
            connection.execute(statement.encode())

    made, ours = _indexes_of_documents(legacy_database), _indexes_of_documents(database)
    assert made.items() >= {k: v for k, v in ours.items() if k.startswith("idx_")}.items()


def _indexes_of_documents(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'documents'"
        )
        return dict(rows.fetchall())


def _definition_of_documents(url: str) -> str:
    """Return what `pg_dump` says of documents alone; others' keys to it are not part of that."""
    blocks = dump_schema(url).partition("\n--\n-- PostgreSQL database dump complete")[0]
    return "\n".join(
        block.strip()
        for block in blocks.split("\n--\n-- Name: ")
        if block.startswith(("documents;", "documents documents"))
    )
