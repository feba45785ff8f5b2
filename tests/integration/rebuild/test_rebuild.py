"""Rebuilt tables are the live ones again, to the last name and the last row."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import urlsplit

import psycopg
import pytest

from conftest import EVERY_SERVER, SERVERS
from domain.errors import InvalidValue
from eventstore.history import History
from integration.projections.comparison import assert_tables_are_the_fold
from integration.projections.log_writer import LogWriter, delete_elsewhere
from integration.projections.projecting import position_of
from integration.rebuild.rebuilding import (
    DECORATIONS,
    execute,
    lives,
    project_all,
    rebuilder,
    rows,
)
from migrations.schema import dump_schema
from projections.errors import RebuildRefused
from projections.rebuild.progress import Progress
from projections.rebuild.shadow import TABLES


@pytest.mark.parametrize(
    ("database", "table"),
    [
        *((server, None) for server in EVERY_SERVER),
        *((server, table) for server in SERVERS for table in TABLES),
    ],
    indirect=["database"],
)
def test_rows_and_schema_are_the_same_after_it(
    database: str, history: History, log: LogWriter, table: str | None
) -> None:
    lives(log, database, history)
    role = PurePosixPath(urlsplit(database).path).name
    execute(database, DECORATIONS.format(role=role))
    before, schema, position = rows(database), dump_schema(database), position_of(database)
    oids = execute(database, "SELECT 'stage_output_files'::regclass::oid::int8")
    try:
        made = rebuilder(database, history).rebuild(table)
        assert rows(database) == before
        assert dump_schema(database) == schema
    finally:
        execute(database, f"DROP OWNED BY {role}_reader, {role}_auditor")
        execute(database, f"DROP ROLE {role}_reader, {role}_auditor")
    assert made.position == position_of(database) == position
    assert made.tables == ((table,) if table else tuple(TABLES))
    moved = execute(database, "SELECT 'stage_output_files'::regclass::oid::int8") != oids
    assert moved == (table in (None, "stage_output_files"))


def test_rows_are_those_of_a_fresh_fold(database: str, history: History, log: LogWriter) -> None:
    """From nothing: the tables are empty, and no projector has ever run."""
    documents = [f"doc-{number}" for number in range(60)]
    log.random_histories(documents, seed=5, rounds=30)
    delete_elsewhere(database, documents[:3])
    made = rebuilder(database, history, workers=3).rebuild()
    assert_tables_are_the_fold(database, history)
    assert made.position == history.last_position() == position_of(database)
    assert made.documents == len(documents)
    assert made.events == len(history.after(0, 1_000_000))


def test_what_was_damaged_by_hand_is_whole_again(
    database: str, history: History, log: LogWriter
) -> None:
    lives(log, database, history)
    before = rows(database)
    execute(database, "UPDATE documents_processing_stages SET status = 'skipped', attempt = 9")
    execute(database, "DELETE FROM stage_output_files")
    execute(database, "UPDATE document_streams SET version = version + 1")
    rebuilder(database, history).rebuild()
    assert rows(database) == before


def test_the_projector_goes_on_from_there(database: str, history: History, log: LogWriter) -> None:
    log.register("doc-1", "doc-2")
    rebuilder(database, history).rebuild()
    log.complete("doc-1", "markdown-conversion")
    log.delete("doc-2")
    project_all(database, history)
    assert_tables_are_the_fold(database, history)


def test_one_table_stays_where_the_others_are(
    database: str, history: History, log: LogWriter
) -> None:
    """No projector runs: what came since is not to be in one table alone."""
    log.register("doc-1")
    project_all(database, history)
    before, position = rows(database), position_of(database)
    log.complete("doc-1", "markdown-conversion")
    made = rebuilder(database, history).rebuild("documents_processing_stages")
    assert made.position == position == position_of(database)
    assert rows(database) == before
    project_all(database, history)
    assert_tables_are_the_fold(database, history)


def test_rows_that_the_database_refuses_park_their_document_alone(
    database: str, history: History, log: LogWriter
) -> None:
    log.register("doc-1", "too long", "doc-2")
    log.complete("too long", "markdown-conversion", mime_type="x" * 300)
    log.complete("doc-2", "markdown-conversion")
    project_all(database, history)
    parked = rows(database)
    assert len(execute(database, "SELECT 1 FROM document_streams WHERE parked_at NOTNULL")) == 1
    rebuilder(database, history).rebuild()
    assert rows(database) == parked
    execute(database, "UPDATE document_streams SET parked_at = NULL, parked_position = NULL")
    rebuilder(database, history).rebuild()
    reason = execute(
        database, "SELECT document_id, parked_error FROM document_streams WHERE parked_at NOTNULL"
    )
    assert [(row[0], "StringDataRightTruncation" in row[1]) for row in reason] == [
        ("too long", True)
    ]


def test_a_document_that_can_be_applied_now_is_parked_no_more(
    database: str, history: History, log: LogWriter
) -> None:
    log.register("doc-1")
    project_all(database, history)
    before = rows(database)
    execute(
        database,
        "UPDATE document_streams SET parked_at = now(), parked_position = 1, parked_error = 'x'",
    )
    rebuilder(database, history).rebuild()
    assert rows(database) == before


def test_what_is_personal_and_erased_stays_away(
    database: str, history: History, log: LogWriter
) -> None:
    log.register("doc-1", "doc-2")
    execute(database, "DELETE FROM document_keys WHERE document_id = 'doc-1'")
    rebuilder(database, history).rebuild()
    names = execute(database, "SELECT original_name FROM document_streams ORDER BY document_id")
    assert names == [(None,), ("a.pdf",)]


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CREATE VIEW own AS SELECT id FROM stage_output_files", "view own"),
        ("CREATE VIEW own AS SELECT id FROM document_processing_stages", "view own"),
        (
            """CREATE FUNCTION own() RETURNS SETOF stage_output_files LANGUAGE sql
                AS 'SELECT * FROM stage_output_files'""",
            "function own()",
        ),
        ("CREATE STATISTICS own ON status, attempt FROM documents_processing_stages", "own"),
        (
            """CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER own AFTER INSERT ON processing_workflows EXECUTE FUNCTION t()""",
            "trigger own",
        ),
        ("CREATE TABLE own (id text REFERENCES processing_workflows (id))", "own_id_fkey"),
        ("ALTER TABLE stage_output_files ENABLE ROW LEVEL SECURITY", "row security"),
        ("ALTER TABLE stage_output_files ADD COLUMN own int", "own"),
    ],
)
def test_nothing_begins_that_would_lose_what_an_operator_made(
    database: str, history: History, statement: str, named: str
) -> None:
    execute(database, statement)
    schema = dump_schema(database)
    with pytest.raises(RebuildRefused, match=named.replace("(", r"\(").replace(")", r"\)")):
        rebuilder(database, history).rebuild()
    assert dump_schema(database) == schema


def test_a_table_that_is_none_of_ours_is_refused(database: str, history: History) -> None:
    with pytest.raises(InvalidValue, match="'documents' is no table of the read models"):
        rebuilder(database, history).rebuild("documents")


def test_progress_is_told_and_kept(database: str, history: History, log: LogWriter) -> None:
    log.random_histories([f"doc-{number}" for number in range(10)], seed=1, rounds=10)
    told: list[Progress] = []
    rebuilder(database, history, on_progress=told.append).rebuild(rebuild_id="the-one")
    phases = list(dict.fromkeys(progress.phase for progress in told))
    assert (
        phases
        == [
            "preparing",
            "folding",
            "indexing",
            "catching_up",
            "swapping",
            "cleaning_up",
            "done",
        ][phases[0] != "preparing" :]
    )
    last = told[-1]
    assert last.events_done == last.events_total == len(history.after(0, 100_000))
    assert last.documents == 10
    assert last.position == history.last_position()
    kept = execute(
        database,
        "SELECT id, phase, events_done, events_total, documents, position, error,"
        " finished_at >= started_at FROM read_model_rebuilds",
    )
    assert kept == [
        ("the-one", "done", last.events_done, last.events_total, 10, last.position, None, True)
    ]


def test_an_empty_log_makes_empty_tables(database: str, history: History) -> None:
    made = rebuilder(database, history).rebuild()
    assert (made.position, made.events, made.documents) == (0, 0, 0)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT FROM document_streams").fetchall() == []
