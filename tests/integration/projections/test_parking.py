"""An event that cannot be applied stops its own document and nothing else."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from domain.errors import DocumentNotFound
from eventstore.history import History
from integration.projections.comparison import assert_tables_are_the_fold
from integration.projections.log_writer import LogWriter
from integration.projections.projecting import (
    eventually,
    is_caught_up,
    make_projector,
    position_of,
    running,
)
from projections.errors import StillParked
from projections.live.parking import ParkedDocument

SECRET = "Dr. Faust's diary"


def test_the_rest_goes_on_and_the_parked_document_waits(
    database: str, history: History, log: LogWriter
) -> None:
    projector = make_projector(database, history)
    log.register("bad", "good")
    broken = log.plain_insert("bad", 3, "StageStarted", _state(stage_name="no-such", attempt=1))
    later = log.plain_insert("bad", 4, "WorkflowPaused", _state())
    log.complete("good", "markdown-conversion")
    projector.run_until(history.last_position())
    [parked] = projector.status().parked
    assert (parked.document_id, parked.position) == ("bad", broken)
    assert parked.reason.startswith("StageStarted, version 3: ")
    assert _stream(database, "bad")[:2] == (2, broken - 1 - 2)
    assert _status(database, "bad") == "running", f"event {later} waits as well"
    assert _stages(database, "good")["markdown-conversion"] == "completed"

    log.plain_insert("bad", 5, "WorkflowResumed", _state())
    projector.run_until(history.last_position())
    assert len(projector.status().parked) == 1
    with pytest.raises(StillParked, match=f"stays parked at position {broken}: StageStarted"):
        projector.retry("bad")


@pytest.mark.parametrize(
    ("topic", "state", "reason"),
    [
        ("StageMeltedDown", {}, "StageMeltedDown, version 3, cannot be read: "),
        ("StageStarted", {"stage_name": [SECRET]}, "StageStarted, version 3, cannot be read: "),
    ],
)
def test_what_cannot_be_read_parks_its_document(
    database: str, history: History, log: LogWriter, topic: str, state: Any, reason: str
) -> None:
    projector = make_projector(database, history)
    log.register("bad", "good")
    log.plain_insert("bad", 3, topic, _state(**state))
    projector.run_until(history.last_position())
    [parked] = projector.status().parked
    assert parked.reason.startswith(reason)
    assert SECRET not in parked.reason
    assert len(_stages(database, "good")) == len(_stages(database, "bad")) == 5


@pytest.mark.parametrize("batch_events", [1, 500])
def test_rows_that_the_database_refuses_park_their_document_until_a_retry(
    database: str, history: History, log: LogWriter, batch_events: int
) -> None:
    projector = make_projector(database, history, batch_events=batch_events)
    documents = [f"doc-{number}" for number in range(9)]
    log.register(*documents)
    _execute(
        database,
        "ALTER TABLE stage_output_files ADD CONSTRAINT no_poison CHECK (mime_type <> 'poison')",
    )
    for document_id in documents:
        bad = document_id in ("doc-3", "doc-7")
        log.complete(
            document_id,
            "markdown-conversion",
            mime_type="poison" if bad else "text/plain",
            metadata={"diary": SECRET},
        )
    projector.run_until(history.last_position())
    parked = projector.status().parked
    assert [p.document_id for p in parked] == ["doc-3", "doc-7"]
    assert {p.reason for p in parked} == {
        "the database refuses the rows: CheckViolation (no_poison)"
    }
    for document_id in documents:
        expected = "pending" if document_id in ("doc-3", "doc-7") else "completed"
        assert _stages(database, document_id).get("markdown-conversion", "pending") == expected
    with pytest.raises(StillParked, match="no_poison"):
        projector.retry("doc-3")

    _execute(database, "ALTER TABLE stage_output_files DROP CONSTRAINT no_poison")
    log.complete("doc-3", "markdown-optimizer", file_type="optimized_markdown")
    projector.run_until(history.last_position())
    projector.retry("doc-3")
    projector.retry("doc-7")
    assert projector.status().parked == ()
    assert_tables_are_the_fold(database, history)
    log.complete("doc-3", "chunker", file_type="chunks_json")
    projector.run_until(history.last_position())
    assert_tables_are_the_fold(database, history)


def test_a_document_stays_parked_when_its_workflow_is_started_again(
    database: str, history: History, log: LogWriter
) -> None:
    """Rows that the database refused must not be taken for those that the table holds."""
    projector = make_projector(database, history, batch_events=4)  # the restart is one batch
    log.register("doc-1")
    _execute(
        database,
        "ALTER TABLE stage_output_files ADD CONSTRAINT no_poison CHECK (mime_type <> 'poison')",
    )
    log.complete("doc-1", "markdown-conversion", mime_type="poison")
    log.restart("doc-1")
    projector.run_until(history.last_position())
    assert [p.document_id for p in projector.status().parked] == ["doc-1"]
    assert _stages(database, "doc-1")["markdown-conversion"] != "completed"
    _execute(database, "ALTER TABLE stage_output_files DROP CONSTRAINT no_poison")
    projector.retry("doc-1")
    assert_tables_are_the_fold(database, history)


def test_a_retry_goes_no_further_than_the_projector(
    database: str, history: History, log: LogWriter
) -> None:
    """Else a reader could see one document ahead of the position that is told to readers."""
    projector = make_projector(database, history)
    registered = log.register("doc-1")[0]
    projector.run_until(registered.position)
    log.complete("doc-1", "markdown-conversion")
    projector.retry("doc-1")
    assert _stream(database, "doc-1") == (registered.version, registered.position)
    projector.run_until(history.last_position())
    assert_tables_are_the_fold(database, history)


def test_no_document_is_parked_for_what_is_wrong_with_the_whole_database(
    database: str, history: History, log: LogWriter
) -> None:
    projector = make_projector(database, history)
    log.register("doc-1")
    _execute(
        database,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'disk_full'; END $$; "
        "CREATE TRIGGER refuse BEFORE INSERT ON documents_processing_stages "
        "EXECUTE FUNCTION refuse()",
    )
    with running(projector):
        eventually(lambda: (projector.trouble or "").startswith("DiskFull (53100): "))
        assert position_of(database) == 0
        _execute(database, "DROP TRIGGER refuse ON documents_processing_stages")
        eventually(lambda: is_caught_up(database, history))
        eventually(lambda: projector.trouble is None)
    assert projector.status().parked == ()
    assert_tables_are_the_fold(database, history)


def test_rows_that_were_changed_by_hand_are_repaired_by_a_retry(
    database: str, history: History, log: LogWriter
) -> None:
    projector = make_projector(database, history)
    log.register("doc-1")
    log.complete("doc-1", "markdown-conversion")
    log.restart("doc-1")
    projector.run_until(history.last_position())
    _execute(database, "UPDATE documents_processing_stages SET status = 'failed', attempt = 9")
    _execute(database, "DELETE FROM processing_workflows")
    _execute(
        database,
        "INSERT INTO stage_output_files (id, document_id, stage_name, file_type, file_path) "
        "VALUES ('x', 'doc-1', 'chunker', 'chunks_json', 'x')",
    )
    projector.retry("doc-1")
    assert_tables_are_the_fold(database, history)


def test_the_name_of_a_document_that_is_deleted_while_parked_goes(
    database: str, history: History, log: LogWriter
) -> None:
    projector = make_projector(database, history)
    log.register("bad")
    log.plain_insert("bad", 3, "StageMeltedDown", _state())
    projector.run_until(history.last_position())
    assert _original_name(database, "bad") == "a.pdf"
    log.plain_insert("bad", 4, "DocumentDeleted", _state())
    projector.run_until(history.last_position())
    assert _original_name(database, "bad") is None


def test_retrying_an_unknown_document_is_an_error(database: str, history: History) -> None:
    with pytest.raises(DocumentNotFound):
        make_projector(database, history).retry("unknown")


def test_parked_documents_tell_when_and_why(
    database: str, history: History, log: LogWriter
) -> None:
    projector = make_projector(database, history)
    log.register("bad")
    position = log.plain_insert("bad", 3, "StageMeltedDown", _state())
    projector.run_until(position)
    [parked] = projector.status().parked
    assert parked == ParkedDocument("bad", position, parked.at, parked.reason)
    assert parked.at.tzinfo is not None


def _state(**fields: Any) -> str:
    return '{"at":"2027-01-01T00:00:00.000000Z",' + json.dumps(
        {"actor": "a", "command_id": "c", "correlation_id": "c", **fields}
    ).removeprefix("{")


def _execute(database: str, statement: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(statement)


def _rows(database: str, query: str, document_id: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query, (document_id,)).fetchall()


def _stream(database: str, document_id: str) -> tuple[Any, ...]:
    query = "SELECT version, position FROM document_streams WHERE document_id = %s"
    return _rows(database, query, document_id)[0]


def _original_name(database: str, document_id: str) -> Any:
    query = "SELECT original_name FROM document_streams WHERE document_id = %s"
    return _rows(database, query, document_id)[0][0]


def _status(database: str, document_id: str) -> Any:
    query = "SELECT status FROM processing_workflows WHERE document_id = %s"
    return _rows(database, query, document_id)[0][0]


def _stages(database: str, document_id: str) -> dict[str, str]:
    query = "SELECT stage_name, status FROM documents_processing_stages WHERE document_id = %s"
    return dict(_rows(database, query, document_id))
