"""The projector brings the tables to where the log is, a batch and its position at a time."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from conftest import SERVERS
from eventstore.application import WorkflowApplication
from eventstore.group_commit import GroupCommit
from eventstore.history import History
from integration.projections.comparison import assert_tables_are_the_fold
from integration.projections.log_writer import LogWriter
from integration.projections.projecting import (
    end_connections,
    eventually,
    is_caught_up,
    make_projector,
    position_of,
    running,
)
from postgres.embedded.server import EmbeddedPostgres
from postgres.migrate import Migrator
from postgres.tracking import READ_MODELS, read_position
from projections.errors import NotCaughtUp
from projections.live.status import projection_status
from projections.statements import READ_MODELS_CHANNEL
from unit.projections.journeys import START


@pytest.mark.parametrize("database", SERVERS, indirect=True)
@pytest.mark.parametrize("batch_events", [1, 17, 500])
def test_tables_are_what_a_fresh_fold_gives(
    database: str, history: History, log: LogWriter, batch_events: int
) -> None:
    projector = make_projector(database, history, batch_events=batch_events)
    documents = [f"doc-{n}" for n in range(12)]
    for seed in (1, 2):
        log.random_histories([f"{i}-{seed}" for i in documents], seed, rounds=40)
        projector.run_until(history.last_position())
        assert_tables_are_the_fold(database, history)


def test_rows_and_position_move_together_or_not_at_all(
    database: str, history: History, log: LogWriter
) -> None:
    log.register("doc-1")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'serialization_failure'; END $$"
        )
        connection.execute(
            "CREATE TRIGGER refuse BEFORE UPDATE ON tracking FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
        with pytest.raises(psycopg.errors.SerializationFailure):
            make_projector(database, history).run_until(1)
        rows = connection.execute("SELECT * FROM documents_processing_stages").fetchall()
        assert (rows, read_position(connection, READ_MODELS)) == ([], 0)
        connection.execute("DROP TRIGGER refuse ON tracking")
    make_projector(database, history).run_until(history.last_position())
    assert_tables_are_the_fold(database, history)


def test_it_is_woken_by_appends_and_tells_the_position(
    database: str, history: History, log: LogWriter
) -> None:
    projector = make_projector(database, history, poll_seconds=30.0)
    with running(projector), psycopg.connect(database, autocommit=True) as waiting:
        waiting.execute(f"LISTEN {READ_MODELS_CHANNEL}")
        log.register("doc-1")
        eventually(lambda: is_caught_up(database, history))
        time.sleep(0.3)
        appended = time.monotonic()
        position = log.complete("doc-1", "markdown-conversion").position
        heard = next(n for n in waiting.notifies(timeout=5) if n.payload == str(position))
        assert heard.channel == READ_MODELS_CHANNEL
        assert time.monotonic() - appended < 5.0
        assert position_of(database) == position


def test_it_polls_where_no_notification_comes(
    database: str, history: History, log: LogWriter
) -> None:
    with running(make_projector(database, history, poll_seconds=0.1)):
        log.register("doc-1")
        eventually(lambda: is_caught_up(database, history))
        time.sleep(0.3)
        state = (
            '{"at":"2027-01-01T00:00:00.000000Z","actor":"a","command_id":"c","correlation_id":"c"}'
        )
        position = log.plain_insert("doc-1", 3, "WorkflowPaused", state)
        eventually(lambda: position_of(database) == position)
    assert_tables_are_the_fold(database, history)


def test_it_goes_on_after_losing_its_connections(
    database: str, history: History, log: LogWriter
) -> None:
    projector = make_projector(database, history)
    with running(projector):
        for number in range(3):
            log.register(f"doc-{number}")
            eventually(lambda: is_caught_up(database, history))
            assert end_connections(database) == 2
            log.complete(f"doc-{number}", "markdown-conversion")
            eventually(lambda: is_caught_up(database, history))
        eventually(lambda: projector.trouble is None)
    assert_tables_are_the_fold(database, history)


def test_it_goes_on_when_the_server_was_restarted(own_server: EmbeddedPostgres) -> None:
    url = own_server.start()
    Migrator(url).up()
    with contextlib.closing(WorkflowApplication(url)) as application:
        history = History(application)
        with contextlib.closing(GroupCommit(application)) as commit:
            log = LogWriter(commit, url)
            with running(make_projector(url, history)):
                log.register("doc-1")
                eventually(lambda: is_caught_up(url, history))
                own_server.stop()
                time.sleep(0.3)
                assert own_server.start() == url
                log.register("doc-2")
                assert eventually(lambda: is_caught_up(url, history)) < 10.0
        assert_tables_are_the_fold(url, history)


@pytest.fixture
def own_server() -> Iterator[EmbeddedPostgres]:
    # not under pytest's folder, which the server's account may not enter
    with tempfile.TemporaryDirectory(prefix="docledger-test-") as home:
        server = EmbeddedPostgres(Path(home))
        try:
            yield server
        finally:
            server.stop()


def test_it_ends_at_once_when_told(database: str, history: History, log: LogWriter) -> None:
    projector = make_projector(database, history, poll_seconds=60.0)
    with running(projector):
        log.register("doc-1")
        eventually(lambda: is_caught_up(database, history))
        time.sleep(0.1)
        told = time.monotonic()
    assert time.monotonic() - told < 5.0


def test_a_projector_told_to_stop_before_it_runs_does_not_run(
    database: str, history: History, log: LogWriter
) -> None:
    log.register("doc-1")
    projector = make_projector(database, history)
    projector.stop()
    projector.run()
    assert position_of(database) == 0


def test_it_rests_only_once_the_log_has_no_more(
    database: str, history: History, log: LogWriter
) -> None:
    for number in range(30):
        log.register(f"doc-{number}")
    last = history.last_position()
    with running(make_projector(database, history, batch_events=4, poll_seconds=5.0)):
        assert eventually(lambda: position_of(database) == last) < 4.0
    assert_tables_are_the_fold(database, history)


def test_a_position_that_is_not_reached_is_told(database: str, history: History) -> None:
    with pytest.raises(NotCaughtUp, match="are at 0 and not at 1"):
        make_projector(database, history).run_until(1, timeout_seconds=0.1)


def test_status_tells_how_far_behind_it_is(database: str, history: History, log: LogWriter) -> None:
    last = log.register("doc-1")[0]
    now = START
    with psycopg.connect(database) as connection:
        behind = projection_status(connection, history, now.replace(year=now.year + 1))
        assert (behind.position, behind.last_position) == (0, last.position)
        assert behind.lag_events == last.position
        assert behind.lag_seconds == pytest.approx(365 * 86400)
        projector = make_projector(database, history)
        projector.run_until(last.position)
        status = projector.status()
        assert (status.position, status.lag_events, status.lag_seconds) == (last.position, 0, 0.0)
        assert status.parked == ()


def test_earlier_runs_keep_their_rows_although_both_changed_in_one_batch(
    database: str, history: History, log: LogWriter
) -> None:
    log.register("doc-1")
    log.complete("doc-1", "markdown-conversion")
    log.restart("doc-1")
    log.restart("doc-1")
    make_projector(database, history, batch_events=100_000).run_until(history.last_position())
    assert_tables_are_the_fold(database, history)
    with psycopg.connect(database) as connection:
        runs = connection.execute("SELECT id, status FROM processing_workflows")
        assert sorted(runs) == [
            ("workflow-2_doc-1", "cancelled"),
            ("workflow-3_doc-1", "running"),
            ("workflow_doc-1", "cancelled"),
        ]
