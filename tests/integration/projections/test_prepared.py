"""What is folded while the batch before is written is written only if nothing came between."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from domain import commands as c
from eventstore.history import History
from integration.projections.comparison import assert_tables_are_the_fold
from integration.projections.log_writer import LogWriter, delete_elsewhere
from integration.projections.projecting import make_projector
from projections.errors import NotCaughtUp
from projections.live.prepared import Prepared
from projections.tables import DocumentLocks

FIRST = "markdown-conversion"
DOCUMENTS = [f"doc-{number}" for number in range(20)]
BATCH = 9


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether what was prepared held, each time that it was to be written."""
    seen: list[bool] = []
    holds = Prepared.holds

    def watched(prepared: Prepared, locks: DocumentLocks) -> bool:
        seen.append(holds(prepared, locks))
        return seen[-1]

    monkeypatch.setattr(Prepared, "holds", watched)
    return seen


def project(url: str, history: History, between: Callable[[int], None] = lambda _: None) -> None:
    """Apply the whole log; `between` is called after each batch with the number of batches.

    By then the next one is being folded, or is folded.
    """
    batches = 0

    def observe(_events: int, _seconds: float) -> None:
        nonlocal batches
        batches += 1
        between(batches)

    projector = make_projector(url, history, batch_events=BATCH, observe=observe)
    projector.run_until(history.last_position())


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def lives(log: LogWriter) -> None:
    """Write stages of documents that are at work together, and no later than they begin."""
    for number in range(0, len(DOCUMENTS), 4):
        few = DOCUMENTS[number : number + 4]
        log.register(*few)
        for document_id in few:
            log.complete(document_id, FIRST)
        for document_id in few:
            log.send(c.StartStage, document_id, stage_name="markdown-optimizer")


def test_what_was_folded_ahead_is_written(
    database: str, history: History, log: LogWriter, held: list[bool]
) -> None:
    lives(log)
    project(database, history)
    assert len(held) > 5
    assert all(held)
    assert_tables_are_the_fold(database, history)


def test_a_row_that_went_is_missed(
    database: str, history: History, log: LogWriter, held: list[bool]
) -> None:
    lives(log)

    def delete_stages(_: int) -> None:
        execute(database, "DELETE FROM documents_processing_stages")

    project(database, history, delete_stages)
    assert held
    # All but those of documents that no event was about after they went.
    log.register("another")
    for document_id in DOCUMENTS:
        log.send(c.PauseWorkflow, document_id)
        log.send(c.ResumeWorkflow, document_id)
        log.restart(document_id)
    project(database, history)
    assert_tables_are_the_fold(database, history)


def test_a_document_that_was_inserted_again_lost_its_rows(
    database: str, history: History, log: LogWriter, held: list[bool]
) -> None:
    lives(log)

    def insert_again(batches: int) -> None:
        if batches == 2:
            delete_elsewhere(database, DOCUMENTS)
            execute(database, *(f"INSERT INTO documents (id) VALUES ('{i}')" for i in DOCUMENTS))

    project(database, history, insert_again)
    assert False in held
    for document_id in DOCUMENTS:
        log.send(c.PauseWorkflow, document_id)
    project(database, history)
    assert_tables_are_the_fold(database, history)


def test_a_document_that_is_gone_has_no_rows(
    database: str, history: History, log: LogWriter, held: list[bool]
) -> None:
    lives(log)
    project(
        database,
        history,
        lambda batches: delete_elsewhere(database, DOCUMENTS[batches : batches + 1]),
    )
    assert False in held
    assert_tables_are_the_fold(database, history)


def test_rows_of_a_document_that_is_new_are_no_obstacle(
    database: str, history: History, log: LogWriter, held: list[bool]
) -> None:
    lives(log)
    execute(
        database,
        "INSERT INTO documents_processing_stages (id, document_id, stage_name, status) "
        f"SELECT id || '_{FIRST}', id, '{FIRST}', 'failed' FROM documents",
    )
    project(database, history)
    assert True in held
    with psycopg.connect(database) as connection:
        statuses = connection.execute(
            "SELECT stage_name, status, count(*) FROM documents_processing_stages p "
            "JOIN document_streams s USING (document_id) "
            "WHERE parked_at IS NULL GROUP BY 1, 2 ORDER BY 3, 1"
        ).fetchall()
    assert statuses == [
        ("chunker", "pending", 20),
        ("fact-generator", "pending", 20),
        ("ingestor", "pending", 20),
        (FIRST, "completed", 20),
        ("markdown-optimizer", "in_progress", 20),
    ]


def test_a_document_that_cannot_be_applied_is_parked_alone(
    database: str, history: History, log: LogWriter, held: list[bool]
) -> None:
    lives(log)
    execute(
        database,
        "ALTER TABLE documents_processing_stages ADD CONSTRAINT no_poison "
        "CHECK (document_id <> 'doc-7' OR status <> 'completed')",
    )
    project(database, history)
    assert True in held
    with psycopg.connect(database) as connection:
        parked = connection.execute(
            "SELECT document_id FROM document_streams WHERE parked_at IS NOT NULL"
        ).fetchall()
    assert parked == [("doc-7",)]
    execute(database, "ALTER TABLE documents_processing_stages DROP CONSTRAINT no_poison")
    make_projector(database, history).retry("doc-7")
    assert_tables_are_the_fold(database, history)


def test_a_document_that_is_locked_is_waited_for(
    database: str, history: History, log: LogWriter, held: list[bool]
) -> None:
    lives(log)
    projector = make_projector(database, history, batch_events=BATCH, patience_seconds=60.0)
    with psycopg.connect(database) as locking:
        locking.execute("SELECT FROM documents WHERE id = 'doc-9' FOR UPDATE")
        with pytest.raises(NotCaughtUp):
            projector.run_until(history.last_position(), timeout_seconds=1.0)
    assert held
    projector.run_until(history.last_position())
    assert_tables_are_the_fold(database, history)


def test_another_projector_may_go_on(
    database: str, history: History, log: LogWriter, held: list[bool]
) -> None:
    lives(log)
    other = make_projector(database, history, batch_events=BATCH)

    def take_over(batches: int) -> None:
        if batches == 3:
            other.run_until(history.last_position() // 2)

    project(database, history, take_over)
    assert held
    assert_tables_are_the_fold(database, history)
