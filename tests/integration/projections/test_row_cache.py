"""A projector remembers rows that it wrote, and finds out when they are not there any more."""

from __future__ import annotations

import psycopg

from domain import commands as c
from domain.values import OutputFile
from eventstore.history import History
from integration.projections.comparison import assert_tables_are_the_fold
from integration.projections.log_writer import LogWriter, delete_elsewhere
from integration.projections.projecting import (
    eventually,
    is_caught_up,
    make_projector,
    running,
)
from postgres.tracking import READ_MODELS, ensure_tracked
from projections import tables
from projections.live.batch import Batch
from projections.live.careful import write_batch
from projections.live.statements import SESSION_SETTINGS
from unit.projections.journeys import FIVE, START

FIRST = "markdown-conversion"
FILE = OutputFile(
    file_type="markdown", suffix=".md", checksum="a" * 64, size_bytes=3, mime_type="text/plain"
)


def test_rows_that_went_with_their_document_are_missed_by_an_event_that_changes_none(
    database: str, history: History, log: LogWriter
) -> None:
    with running(make_projector(database, history)):
        log.register("doc-1")
        log.send(c.StartStage, "doc-1", stage_name=FIRST)
        eventually(lambda: is_caught_up(database, history))
        delete_elsewhere(database, ["doc-1"])
        with psycopg.connect(database) as connection:
            connection.execute("INSERT INTO documents (id) VALUES ('doc-1')")
        # kept with the stream until the stage completes
        log.send(c.RegisterOutputFile, "doc-1", stage_name=FIRST, file=FILE)
        eventually(lambda: is_caught_up(database, history))
    assert_tables_are_the_fold(database, history)


def test_a_row_deleted_by_hand_comes_back_with_the_next_event_about_it(
    database: str, history: History, log: LogWriter
) -> None:
    with running(make_projector(database, history)):
        log.register("doc-1", "doc-2")
        eventually(lambda: is_caught_up(database, history))
        with psycopg.connect(database) as connection:
            connection.execute(
                "DELETE FROM documents_processing_stages WHERE document_id = 'doc-1'"
            )
        for document_id in ("doc-1", "doc-2"):
            log.send(c.StartStage, document_id, stage_name=FIRST)
        eventually(lambda: is_caught_up(database, history))
    assert_tables_are_the_fold(database, history)


def test_files_are_right_although_asked_for_late(
    database: str, history: History, log: LogWriter
) -> None:
    """The last events are met by projectors that have to ask for everything again."""
    with running(make_projector(database, history)):
        log.register("doc-1", "doc-2")
        log.complete("doc-1", FIRST)
        log.send(c.StartStage, "doc-2", stage_name=FIRST)
        log.send(c.RegisterOutputFile, "doc-2", stage_name=FIRST, file=FILE)
        eventually(lambda: is_caught_up(database, history))
    with running(make_projector(database, history)):
        log.send(c.StartStage, "doc-1", stage_name="markdown-optimizer")
        eventually(lambda: is_caught_up(database, history))
        log.complete("doc-1", "markdown-optimizer", file_type="optimized_markdown")
        log.send(c.CompleteStage, "doc-2", stage_name=FIRST)
        eventually(lambda: is_caught_up(database, history))
        log.restart("doc-1")
        eventually(lambda: is_caught_up(database, history))
    assert_tables_are_the_fold(database, history)


def test_a_document_that_was_parked_in_between_stays_as_it_is(
    database: str, history: History, log: LogWriter
) -> None:
    with running(make_projector(database, history)), psycopg.connect(database) as connection:
        connection.autocommit = True
        parked = log.register("doc-1", "doc-2")[0]
        eventually(lambda: is_caught_up(database, history))
        connection.execute(
            "UPDATE document_streams SET parked_at = now(), parked_position = 1 "
            "WHERE document_id = 'doc-1'"
        )
        for document_id in ("doc-1", "doc-2"):
            log.send(c.StartStage, document_id, stage_name=FIRST)
        eventually(lambda: is_caught_up(database, history))
        versions: dict[str, int] = dict(
            connection.execute("SELECT document_id, version FROM document_streams")
        )
    assert versions == {"doc-1": parked.version, "doc-2": parked.version + 1}


def test_nothing_is_remembered_of_a_document_that_is_through(
    database: str, history: History, log: LogWriter
) -> None:
    log.register("doc-1", "doc-2")
    for stage_name in dict.fromkeys(it.stage_name for it in FIVE):
        log.complete("doc-1", stage_name)
    events = history.after(0, 1000)
    with psycopg.connect(database) as connection:
        ensure_tracked(connection, READ_MODELS)
        applied = write_batch(connection, Batch.of(events, START), history.streams)
        assert applied.rows.keys() == {"doc-2"}
    projector = make_projector(database, history)
    projector.run_until(history.last_position())
    log.send(c.StartWorkflow, "doc-1", pipeline=FIVE)
    projector.run_until(history.last_position())
    assert_tables_are_the_fold(database, history)


def test_rows_are_found_by_their_keys_even_if_that_was_planned_on_empty_tables(
    database: str,
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SESSION_SETTINGS)
        for table in (tables.STREAMS, *tables.DOCUMENT_TABLES):
            for columns in table.changing:
                statement = table.write_part(columns, []).text.replace(b"%s", b"$1")
                connection.execute(b"PREPARE change (text) AS " + statement)
                plan = "".join(row[0] for row in connection.execute("EXPLAIN EXECUTE change ('')"))
                connection.execute("DEALLOCATE change")
                assert f"{table.name}_pkey" in plan
                assert f"Index Cond: (({table.key})::text = (new.{table.key})::text)" in plan
