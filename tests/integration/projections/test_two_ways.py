"""Whichever way a batch is applied, the tables hold what the fold makes of it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from domain import commands as c
from eventstore.history import History
from integration.projections.comparison import assert_tables_are_the_fold
from integration.projections.log_writer import LogWriter, delete_elsewhere
from integration.projections.projecting import make_projector
from postgres.tracking import READ_MODELS, ensure_tracked, read_position
from projections.live import projector
from projections.live.batch import Applied, Batch
from projections.live.careful import apply_careful
from projections.live.fast import StaleCache, apply_fast
from projections.live.row_cache import RowCache
from unit.projections.journeys import START

FIRST = "markdown-conversion"
DOCUMENTS = ("doc-1", "doc-2", "doc-3")


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        ensure_tracked(connection, READ_MODELS)
        yield connection


def lives(log: LogWriter) -> None:
    """Write documents that complete, fail and start over, in turn."""
    log.register(*DOCUMENTS)
    for document_id in DOCUMENTS:
        log.complete(document_id, FIRST)
    log.send(c.StartStage, "doc-2", stage_name="markdown-optimizer")
    log.restart("doc-3")


def fast(connection: psycopg.Connection, history: History, position: int) -> Applied | None:
    """Apply all events after the position the fast way, with nothing in the cache."""
    batch = Batch.of(history.after(position, 1000), START)
    return apply_fast(connection, batch, position, RowCache(10), None, lambda _: None)


def test_the_careful_way_alone_makes_the_rows_of_the_fold(
    database: str, history: History, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(*_: object) -> Applied:
        raise StaleCache

    monkeypatch.setattr(projector, "apply_fast", stale)
    lives(log)
    make_projector(database, history, batch_events=7).run_until(history.last_position())
    assert_tables_are_the_fold(database, history)


def test_the_fast_way_alone_makes_the_rows_of_the_fold(
    database: str, history: History, log: LogWriter, connection: psycopg.Connection
) -> None:
    lives(log)
    applied = fast(connection, history, 0)
    assert applied is not None
    assert applied.rows.keys() == set(DOCUMENTS)
    assert_tables_are_the_fold(database, history)


def test_neither_way_applies_anything_where_another_projector_was(
    database: str, history: History, log: LogWriter, connection: psycopg.Connection
) -> None:
    lives(log)
    make_projector(database, history).run_until(history.last_position())
    batch = Batch.of(history.after(0, 5), START)
    assert fast(connection, history, 0) is None
    assert apply_careful(connection, batch, 0, history.streams) is None
    assert_tables_are_the_fold(database, history)


def test_the_fast_way_applies_nothing_while_a_document_is_locked(
    database: str, history: History, log: LogWriter, connection: psycopg.Connection
) -> None:
    lives(log)
    with psycopg.connect(database) as locking:
        locking.execute("SELECT FROM documents WHERE id = 'doc-2' FOR UPDATE")
        with pytest.raises(StaleCache):
            fast(connection, history, 0)
    assert read_position(connection, READ_MODELS) == 0
    assert fast(connection, history, 0)
    assert_tables_are_the_fold(database, history)


def test_the_fast_way_applies_nothing_to_documents_that_lost_rows(
    database: str, history: History, log: LogWriter, connection: psycopg.Connection
) -> None:
    lives(log)
    position = history.last_position()
    make_projector(database, history).run_until(position)
    delete_elsewhere(database, ["doc-1"])
    connection.execute("INSERT INTO documents (id) VALUES ('doc-1')")
    for document_id in DOCUMENTS:
        log.send(c.PauseWorkflow, document_id)
    with pytest.raises(StaleCache):
        fast(connection, history, position)
    assert read_position(connection, READ_MODELS) == position
    batch = Batch.of(history.after(position, 1000), START)
    assert apply_careful(connection, batch, position, history.streams)
    assert_tables_are_the_fold(database, history)


def test_a_row_that_the_database_refuses_is_for_the_careful_way(
    database: str, history: History, log: LogWriter, connection: psycopg.Connection
) -> None:
    lives(log)
    connection.execute(
        "ALTER TABLE documents_processing_stages ADD CONSTRAINT no_poison "
        "CHECK (document_id <> 'doc-2' OR status <> 'completed')"
    )
    with pytest.raises(StaleCache):
        fast(connection, history, 0)
    assert read_position(connection, READ_MODELS) == 0
    batch = Batch.of(history.after(0, 1000), START)
    applied = apply_careful(connection, batch, 0, history.streams)
    assert applied is not None
    assert applied.parked.keys() == {"doc-2"}
    assert applied.rows.keys() == {"doc-1", "doc-3"}
