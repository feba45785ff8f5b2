"""Jobs are taken at once, no more than there are slots, and none is ever dropped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from worker_parts import World, running, wait_until
from workers.connections import Connection
from workers.errors import JobPutOff
from workers.hints import Hint
from workers.jobs.queue import Job, defer
from workers.jobs.taker import JobTaker


def put(world: World, *hints: Hint) -> None:
    with world.connect() as connection, connection.transaction():
        defer(connection, hints)


def taker(world: World, take: Callable[[Job], None], slots: int = 2) -> JobTaker:
    return JobTaker(world.dsn, take, slots=slots, stale_seconds=1, poll_seconds=0.5)


def left(world: World) -> int:
    return int(world.query("SELECT count(*) FROM docledger_queue.pgqueuer")[0][0])


def test_a_job_says_what_asked_for_it(world: World) -> None:
    taken: list[Job] = []
    with running(taker(world, taken.append)):
        put(world, Hint("a", 3, None, "cause", "correlation"))
        wait_until(lambda: left(world) == 0)
    assert taken == [Job("a", "cause", "correlation")]


def test_jobs_are_taken_in_the_transaction_that_puts_them_in(world: World) -> None:
    taken: list[str] = []
    own = JobTaker(world.dsn, lambda job: taken.append(job.document_id), slots=2)
    with world.connect() as connection, running(own):
        put(world, Hint("from elsewhere", 1))
        wait_until(lambda: taken == ["from elsewhere"])
        with own.taking() as take, connection.transaction():
            defer(connection, [Hint("of our own", 1)])
            take(connection)
            time.sleep(0.2)
            assert taken == ["from elsewhere"]
        wait_until(lambda: taken == ["from elsewhere", "of our own"])
        wait_until(lambda: left(world) == 0)
        defer(connection, [Hint("not worth telling", 1)])
        time.sleep(0.5)
        assert left(world) == 1
        own.hear_of_all()
        wait_until(lambda: left(world) == 0)
        defer(connection, [Hint("by another of that id", 1)])
        wait_until(lambda: left(world) == 0, seconds=2)


def test_what_is_undone_was_never_taken(world: World) -> None:
    taken: list[str] = []
    own = JobTaker(world.dsn, lambda job: taken.append(job.document_id), slots=1)

    def fail(connection: Connection) -> None:
        with own.taking() as take, connection.transaction():
            defer(connection, [Hint("a", 1)])
            take(connection)
            raise ZeroDivisionError

    with world.connect() as connection, running(own):
        with pytest.raises(ZeroDivisionError):
            fail(connection)
        put(world, Hint("b", 1))
        wait_until(lambda: taken == ["b"])


def test_no_more_are_taken_in_a_transaction_than_there_is_room_for(world: World) -> None:
    go, taken = threading.Event(), []

    def work(job: Job) -> None:
        taken.append(job.document_id)
        go.wait(10)

    own = JobTaker(world.dsn, work, slots=2)
    with world.connect() as connection, running(own):
        for number in range(3):
            with own.taking() as take, connection.transaction():
                defer(connection, [Hint(f"{number}-{n}", 1) for n in range(2)])
                take(connection)
        time.sleep(0.3)
        assert sorted(taken) == ["0-0", "0-1"]
        go.set()
        wait_until(lambda: left(world) == 0, seconds=4)
    assert len(taken) == 6


def test_who_stops_takes_no_more(world: World) -> None:
    own = taker(world, lambda _: None)
    own.stop()
    with world.connect() as connection, own.taking() as take, connection.transaction():
        defer(connection, [Hint("a", 1)])
        take(connection)
    assert world.query("SELECT status::text FROM docledger_queue.pgqueuer") == [("queued",)]
    own.run()


def test_no_more_jobs_than_slots_are_taken(world: World) -> None:
    go, taken = threading.Event(), []

    def take(job: Job) -> None:
        taken.append(job.document_id)
        go.wait(10)

    with running(taker(world, take, slots=3)):
        put(world, *(Hint(f"a-{number}", 1) for number in range(7)))
        wait_until(lambda: len(taken) == 3)
        time.sleep(0.8)
        assert len(taken) == 3
        picked = "SELECT count(*) FROM docledger_queue.pgqueuer WHERE status = 'picked'"
        assert world.query(picked) == [(3,)]
        go.set()
        wait_until(lambda: left(world) == 0)
    assert taken == [f"a-{number}" for number in range(7)]


def test_a_job_that_fails_is_taken_again(world: World) -> None:
    taken: list[float] = []

    def take(job: Job) -> None:
        taken.append(time.monotonic())
        if len(taken) == 1:
            raise ValueError("a defect")
        if len(taken) == 2:
            raise JobPutOff(delay_seconds=0.5)

    with running(taker(world, take)):
        put(world, Hint("a", 1))
        wait_until(lambda: left(world) == 0)
    assert len(taken) == 3
    assert taken[2] - taken[1] >= 0.5


def test_a_delayed_job_is_on_time(world: World) -> None:
    taken: list[datetime] = []
    with running(taker(world, lambda _: taken.append(datetime.now(UTC)))):
        due = datetime.now(UTC) + timedelta(seconds=1.3)
        put(world, Hint("a", 1, due))
        wait_until(lambda: bool(taken))
    assert timedelta(0) <= taken[0] - due < timedelta(seconds=1)


def test_the_same_event_is_queued_once_and_another_beside_it(world: World) -> None:
    put(world, Hint("a", 1))
    put(world, Hint("a", 1), Hint("b", 1))
    assert left(world) == 2
    put(world, Hint("a", 2))
    assert left(world) == 3


def test_a_job_of_a_dead_worker_is_taken_up_again(world: World) -> None:
    put(world, Hint("a", 1))
    world.query(
        "UPDATE docledger_queue.pgqueuer SET status = 'picked', heartbeat = now(),"
        " queue_manager_id = gen_random_uuid() RETURNING id"
    )
    taken: list[float] = []
    began = time.monotonic()
    with running(taker(world, lambda _: taken.append(time.monotonic()))):
        wait_until(lambda: left(world) == 0)
    assert taken[0] - began > 0.8


def test_a_long_job_keeps_its_claim(world: World) -> None:
    """Heartbeats go on while a job runs for longer than a dead worker's job is left alone."""
    taken: list[str] = []

    def take(job: Job) -> None:
        taken.append(job.document_id)
        time.sleep(3)

    with running(taker(world, take), taker(world, take)):
        put(world, Hint("a", 1))
        wait_until(lambda: left(world) == 0)
    assert taken == ["a"]


def test_stopping_is_quick_and_waits_for_the_jobs_at_hand(world: World) -> None:
    ended: list[str] = []

    def take(job: Job) -> None:
        time.sleep(0.7)
        ended.append(job.document_id)

    with running(taker(world, take)):
        put(world, Hint("a", 1))
        wait_until(
            lambda: (
                world.query("SELECT status::text FROM docledger_queue.pgqueuer") == [("picked",)]
            )
        )
    assert ended == ["a"]
    assert left(world) == 0
    idle = taker(world, take)
    began = time.monotonic()
    with running(idle):
        time.sleep(0.5)
    assert time.monotonic() - began < 4


def test_jobs_put_in_one_by_one_fill_every_slot(world: World) -> None:
    go, taken = threading.Event(), []

    def work(job: Job) -> None:
        taken.append(job.document_id)
        go.wait(10)

    own = JobTaker(world.dsn, work, slots=3)
    with world.connect() as connection, running(own):
        for number in range(4):
            with own.taking() as take, connection.transaction():
                defer(connection, [Hint(f"a-{number}", 1)])
                take(connection)
        wait_until(lambda: len(taken) == 3, seconds=3)
        go.set()
        wait_until(lambda: left(world) == 0, seconds=4)


def test_jobs_for_an_executor_are_taken_by_workers_that_have_it(world: World) -> None:
    """A worker that knows of no such jobs, one of an earlier version say, leaves them alone."""
    taken: list[tuple[str, str]] = []

    def named(name: str, *stages: str) -> JobTaker:
        def take(job: Job) -> None:
            taken.append((name, job.document_id))

        return JobTaker(world.dsn, take, slots=1, poll_seconds=0.1, stages=lambda: stages)

    with running(named("without"), named("with", "beta", "gamma")):
        put(world, Hint("a", 1, stage_name="beta"), Hint("b", 1, stage_name="unknown"))
        wait_until(lambda: taken == [("with", "a")])
    waiting = "SELECT entrypoint, headers FROM docledger_queue.pgqueuer"
    assert world.query(waiting) == [("stage:unknown", {"documentId": "b"})]
    with running(named("later", "unknown")):
        wait_until(lambda: taken == [("with", "a"), ("later", "b")])


def test_a_document_waits_once_for_each_stage_and_version(world: World) -> None:
    for _ in range(3):
        put(world, Hint("a", 1, stage_name="beta"), Hint("a", 1, stage_name="gamma"))
    assert left(world) == 2
