"""Another application may delete, lock and replace documents; both sides go on undisturbed."""

from __future__ import annotations

import random
import threading
import time

import psycopg
import pytest

from eventstore.history import History
from integration.projections.comparison import assert_tables_are_the_fold
from integration.projections.log_writer import LogWriter, delete_elsewhere
from integration.projections.projecting import (
    eventually,
    is_caught_up,
    make_projector,
    position_of,
    running,
)
from projections.live.careful import LOCKED_ELSEWHERE


def test_events_of_a_document_that_is_gone_stop_nothing(
    database: str, history: History, log: LogWriter
) -> None:
    projector = make_projector(database, history)
    log.register("gone", "stays")
    projector.run_until(history.last_position())
    delete_elsewhere(database, ["gone"])
    log.complete("gone", "markdown-conversion")
    log.complete("stays", "markdown-conversion")
    projector.run_until(history.last_position())
    assert projector.status().parked == ()
    assert_tables_are_the_fold(database, history)
    assert _count(database, "gone") == 0


def test_a_deletion_by_command_leaves_no_row(
    database: str, history: History, log: LogWriter
) -> None:
    projector = make_projector(database, history)
    log.register("doc-1", "doc-2")
    projector.run_until(history.last_position())
    log.delete("doc-1")
    projector.run_until(history.last_position())
    assert _count(database, "doc-1") == 0
    log.register("doc-1")
    log.delete("doc-2")
    log.register("doc-2")
    projector.run_until(history.last_position())
    assert_tables_are_the_fold(database, history)
    assert _count(database, "doc-1") == 5


def test_a_document_deleted_and_made_again_elsewhere_gets_the_rows_of_its_log(
    database: str, history: History, log: LogWriter
) -> None:
    """Its rows went with the delete; the next event finds none and folds all of the stream."""
    projector = make_projector(database, history)
    log.register("doc-1")
    log.restart("doc-1")
    log.complete("doc-1", "markdown-conversion")
    projector.run_until(history.last_position())
    delete_elsewhere(database, ["doc-1"])
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO documents (id) VALUES ('doc-1')")
    log.complete("doc-1", "markdown-optimizer", file_type="optimized_markdown")
    projector.run_until(history.last_position())
    assert_tables_are_the_fold(database, history)


def test_a_delete_under_way_is_waited_for_and_never_a_deadlock_victim(
    database: str, history: History, log: LogWriter
) -> None:
    documents = [f"doc-{number}" for number in range(40)]
    log.register(*documents)
    stop, deleted = threading.Event(), []
    failures: list[psycopg.Error] = []

    def delete_at_random() -> None:
        chance = random.Random(3)
        left = documents.copy()
        with psycopg.connect(database) as connection:
            while left and not stop.is_set():
                chance.shuffle(left)
                taken = [left.pop() for _ in range(2)]
                try:
                    for document_id in taken:
                        connection.execute("DELETE FROM documents WHERE id = %s", (document_id,))
                        time.sleep(0.01)
                    connection.commit()
                except psycopg.Error as error:
                    failures.append(error)
                    connection.rollback()
                deleted.extend(taken)

    deleting = threading.Thread(target=delete_at_random)
    with running(make_projector(database, history, batch_events=20)):
        deleting.start()
        while deleting.is_alive():
            for document_id in documents:
                log.restart(document_id)
        deleting.join()
        stop.set()
        eventually(lambda: is_caught_up(database, history), seconds=30)
    assert failures == []
    assert len(deleted) == len(documents)
    assert_tables_are_the_fold(database, history)


def test_a_short_lock_holds_back_only_what_comes_after_it(
    database: str, history: History, log: LogWriter
) -> None:
    first = log.register("doc-1")[0].position
    log.register("locked")
    last = log.register("doc-2")[0].position
    with psycopg.connect(database) as elsewhere:
        elsewhere.execute("SELECT * FROM documents WHERE id = 'locked' FOR UPDATE")
        with running(make_projector(database, history, patience_seconds=60.0)):
            eventually(lambda: position_of(database) == first)
            time.sleep(0.2)
            assert position_of(database) == first
            elsewhere.rollback()
            assert eventually(lambda: position_of(database) == last) < 5.0
    assert_tables_are_the_fold(database, history)


def test_a_long_lock_puts_its_document_off_and_holds_no_other_back(
    database: str, history: History, log: LogWriter
) -> None:
    projector = make_projector(database, history, patience_seconds=0.2, poll_seconds=0.1)
    log.register("locked", "doc-1")
    with running(projector):
        eventually(lambda: is_caught_up(database, history))
        with psycopg.connect(database) as elsewhere:
            elsewhere.execute("SELECT * FROM documents WHERE id = 'locked' FOR UPDATE")
            log.complete("locked", "markdown-conversion")
            log.complete("doc-1", "markdown-conversion")
            assert eventually(lambda: is_caught_up(database, history)) < 5.0
            [parked] = projector.status().parked
            assert (parked.document_id, parked.reason) == ("locked", LOCKED_ELSEWHERE)
            log.complete("locked", "markdown-optimizer", file_type="optimized_markdown")
            eventually(lambda: is_caught_up(database, history))
        eventually(lambda: projector.status().parked == ())
    assert_tables_are_the_fold(database, history)


@pytest.mark.parametrize("way", ["UPDATE documents SET title = 'new'", "ANALYZE documents"])
def test_other_work_on_documents_holds_nothing_back(
    database: str, history: History, log: LogWriter, way: str
) -> None:
    log.register("doc-1")
    with psycopg.connect(database) as elsewhere:
        elsewhere.execute(way)
        make_projector(database, history).run_until(history.last_position(), timeout_seconds=5.0)


def test_truncating_documents_elsewhere_ends_well(
    database: str, history: History, log: LogWriter
) -> None:
    with running(make_projector(database, history)):
        for number in range(5):
            log.register(f"doc-{number}")
            with psycopg.connect(database) as elsewhere:
                elsewhere.execute("TRUNCATE documents CASCADE")
            log.complete(f"doc-{number}", "markdown-conversion")
        eventually(lambda: is_caught_up(database, history))
    assert_tables_are_the_fold(database, history)


def _count(database: str, document_id: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT count(*) FROM documents_processing_stages WHERE document_id = %s",
            (document_id,),
        ).fetchone()
    assert row is not None
    return int(row[0])
