"""Events become jobs, each once, whoever dispatches and whatever breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.rows import TupleRow

from domain import commands as c
from domain.values import FailureReason, WorkflowType
from worker_parts import World, running, wait_until
from workers.dispatcher import Dispatcher
from workers.jobs.taker import JobTaker

JOBS = "SELECT convert_from(payload, 'UTF8')::jsonb ->> 0 FROM docledger_queue.pgqueuer ORDER BY id"

TRACKED = "SELECT position FROM tracking WHERE projection = 'dispatcher'"
SCANS = "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'docledger_events'"


@pytest.fixture
def connection(world: World) -> Iterator[psycopg.Connection[TupleRow]]:
    """A dispatcher's connection, its tracking row there."""
    with world.connect() as made:
        made.execute("INSERT INTO tracking VALUES ('dispatcher', 0)")
        yield made


def jobs(world: World) -> list[str]:
    return [row[0] for row in world.query(JOBS)]


def dispatch_all(world: World, connection: psycopg.Connection[TupleRow], batch: int = 500) -> None:
    dispatcher = Dispatcher(world.dsn, batch_size=batch)
    while dispatcher.dispatch(connection):
        pass
    dispatcher.track(connection)


def test_a_job_for_each_automatic_document(
    world: World, connection: psycopg.Connection[TupleRow]
) -> None:
    for number in range(20):
        world.register(f"auto-{number}")
    world.register("told", WorkflowType.MANUAL)
    dispatch_all(world, connection, batch=7)
    dispatch_all(world, connection)
    assert sorted(jobs(world)) == sorted(f"auto-{number}" for number in range(20))
    assert world.query(TRACKED) == [(world.history.last_position(),)]


def test_a_job_for_a_stage_that_is_asked_for(
    world: World, connection: psycopg.Connection[TupleRow]
) -> None:
    world.register("a", WorkflowType.MANUAL)
    dispatch_all(world, connection)
    assert jobs(world) == []
    world.command(c.RequestStage, "a", stage_name="alpha")
    dispatch_all(world, connection)
    assert jobs(world) == ["a"]


def test_a_retry_becomes_a_job_that_waits_its_time(
    world: World, connection: psycopg.Connection[TupleRow]
) -> None:
    world.register("a")
    for _ in range(3):
        world.command(
            c.FailStage, "a", stage_name="alpha", reason=FailureReason.ERROR, retryable=True
        )
    dispatch_all(world, connection)
    retry_at = world.state("a").stages["alpha"].retry_at
    assert retry_at is not None
    assert retry_at > datetime.now(UTC) + timedelta(seconds=1)
    rows = world.query("SELECT execute_after FROM docledger_queue.pgqueuer WHERE status = 'queued'")
    assert retry_at in [row[0] for row in rows]


def test_jobs_and_position_move_together(
    world: World, connection: psycopg.Connection[TupleRow]
) -> None:
    """A dispatcher that dies before its commit leaves neither."""
    world.register("a")
    connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'the power went out'; END $$"
    )
    connection.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE ON tracking FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    with pytest.raises(psycopg.errors.RaiseException):
        dispatch_all(world, connection)
    assert jobs(world) == []
    connection.execute("DROP TRIGGER refuse ON tracking")
    dispatch_all(world, connection)
    assert jobs(world) == ["a"]


def test_what_asks_for_nothing_is_read_once_and_tracked_later(
    world: World, connection: psycopg.Connection[TupleRow]
) -> None:
    dispatcher = Dispatcher(world.dsn)
    world.register("a")
    assert dispatcher.dispatch(connection)
    tracked = world.query(TRACKED)
    world.register("b", WorkflowType.MANUAL)
    assert dispatcher.dispatch(connection)
    assert world.query(TRACKED) == tracked
    assert not dispatcher.dispatch(connection)
    world.register("c")
    dispatcher.dispatch(connection)
    assert world.query(TRACKED) == [(world.history.last_position(),)]
    assert jobs(world) == ["a", "c"]


def test_a_position_that_was_put_back_is_gone_on_from(
    world: World, connection: psycopg.Connection[TupleRow]
) -> None:
    """As is done after the log was restored from a backup and is shorter than it was."""
    world.register("a")
    dispatcher = Dispatcher(world.dsn)
    dispatcher.dispatch(connection)
    connection.execute("DELETE FROM docledger_queue.pgqueuer")
    connection.execute("UPDATE tracking SET position = 0 WHERE projection = 'dispatcher'")
    world.register("b")
    dispatcher.dispatch(connection)
    assert jobs(world) == ["a", "b"]
    connection.execute("DELETE FROM docledger_queue.pgqueuer")
    connection.execute("UPDATE tracking SET position = 0 WHERE projection = 'dispatcher'")
    dispatcher.track(connection)
    dispatcher.dispatch(connection)
    assert jobs(world) == ["a", "b"]


def test_that_there_is_nothing_new_shows_without_reading_the_log(
    world: World, connection: psycopg.Connection[TupleRow]
) -> None:
    connection.execute(
        "INSERT INTO docledger_events (originator_id, originator_version, topic, state)"
        " SELECT 'a', n, 'OutputFileRegistered', %s FROM generate_series(1, 5000) AS n",
        (b'{"at":"2026-11-24T01:54:33.000000Z"}',),
    )
    connection.execute("ANALYZE docledger_events")
    dispatch_all(world, connection)
    dispatcher = Dispatcher(world.dsn)
    for _ in range(8):  # more often than the server makes a plan for the values at hand
        with connection.transaction():
            assert not dispatcher.dispatch(connection)
            assert connection.execute(SCANS).fetchall() == [(0,)]


def test_two_at_once_make_each_job_once(world: World) -> None:
    """Also without the queue's own guard, which helps only while the first job is there."""
    with world.connect() as connection:
        connection.execute("INSERT INTO tracking VALUES ('dispatcher', 0)")
        connection.execute(
            "CREATE FUNCTION unguard() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.dedupe_key := NULL; RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER unguard BEFORE INSERT ON docledger_queue.pgqueuer"
            " FOR EACH ROW EXECUTE FUNCTION unguard()"
        )
    stop = threading.Event()

    def follow() -> None:
        dispatcher = Dispatcher(world.dsn, batch_size=3)
        with world.connect() as own:
            while not stop.is_set():
                if not dispatcher.dispatch(own):
                    time.sleep(0.001)

    threads = [threading.Thread(target=follow) for _ in range(3)]
    for thread in threads:
        thread.start()
    ids = [f"d-{number:03}" for number in range(60)]
    for document_id in ids:
        world.register(document_id)
    wait_until(lambda: len(jobs(world)) >= len(ids))
    stop.set()
    for thread in threads:
        thread.join()
    assert jobs(world) == ids


def test_an_event_wakes_the_dispatcher(world: World) -> None:
    dispatcher = Dispatcher(world.dsn, poll_seconds=300)  # no test waits for that
    with running(dispatcher):
        assert dispatcher.leads.wait(10)
        time.sleep(0.3)
        for number in range(5):
            world.register(f"a-{number}")
            wait_until(lambda n=number: len(jobs(world)) > n)  # type: ignore[misc]
        dispatcher.stop()
        world.register("wakes it to see that it is to stop")


def test_a_worker_beside_it_takes_the_jobs_as_they_are_put_in(world: World) -> None:
    taken: list[str] = []
    beside = JobTaker(world.dsn, lambda job: taken.append(job.document_id), slots=2)
    dispatcher = Dispatcher(world.dsn, beside=beside)
    with running(dispatcher):
        assert dispatcher.leads.wait(10)
        world.register("before the worker")
        wait_until(lambda: taken == ["before the worker"])
        with running(beside):
            world.register("a")
            wait_until(lambda: taken[1:] == ["a"])
            wait_until(lambda: jobs(world) == [])


def test_one_leads_and_another_takes_over(world: World) -> None:
    first, second = Dispatcher(world.dsn), Dispatcher(world.dsn)
    with running(second):
        assert second.leads.wait(10)
        with running(first):
            time.sleep(1.5)
            assert not first.leads.is_set()
            terminate(world, "docledger dispatcher")
            wait_until(lambda: first.leads.is_set() != second.leads.is_set())
            world.register("a")
            wait_until(lambda: jobs(world) == ["a"])


def test_lost_connections_are_made_anew(world: World) -> None:
    dispatcher = Dispatcher(world.dsn)
    with running(dispatcher):
        for number in range(3):
            assert dispatcher.leads.wait(10)
            terminate(
                world, "docledger dispatcher" if number % 2 else "docledger dispatcher listening"
            )
            world.register(f"a-{number}")
            wait_until(lambda n=number: len(jobs(world)) == n + 1)  # type: ignore[misc]


def test_an_event_that_cannot_be_read_stops_nothing(
    world: World, connection: psycopg.Connection[TupleRow]
) -> None:
    world.register("a", WorkflowType.MANUAL)
    connection.execute(
        "INSERT INTO docledger_events (originator_id, originator_version, topic, state)"
        " VALUES ('broken', 1, 'StageRequested', %s)",
        (b'{"at":"2026-11-24T01:54:33.000000Z",not JSON',),
    )
    world.register("b")
    dispatch_all(world, connection)
    assert sorted(jobs(world)) == ["b", "broken"]


def terminate(world: World, application_name: str) -> None:
    world.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = %s AND datname = current_database()",
        application_name,
    )
