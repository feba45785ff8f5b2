"""Expired leases: what ran under them is failed and retried, once, however many look."""

from __future__ import annotations

import time

import pytest

from domain import commands as c
from domain import events as e
from domain.errors import StaleAttempt
from domain.values import FailureReason, StageStatus, WorkflowType
from worker_parts import World, running, wait_until
from workers.leases import Leases
from workers.reaper import Reaper


def started(world: World, document_id: str, lease_id: str = "lease", **fields: object) -> None:
    world.register(document_id, WorkflowType.MANUAL, **fields)  # type: ignore[arg-type]
    world.command(c.StartStage, document_id, stage_name="alpha", lease_id=lease_id)
    expired(world, document_id, lease_id)


def expired(world: World, document_id: str, lease_id: str) -> None:
    world.query(
        "INSERT INTO stage_leases VALUES (%s, %s, 'dead', now() - interval '1 second')"
        " RETURNING lease_id",
        lease_id,
        document_id,
    )


def reap(world: World) -> int:
    with world.connect() as connection:
        return Reaper(world.dsn, world.commands).reap(connection)


def test_what_ran_under_an_expired_lease_is_failed_and_retried(world: World) -> None:
    started(world, "a")
    assert reap(world) == 1
    failed, retried = world.events("a")[-2:]
    assert isinstance(failed, e.StageFailed)
    assert isinstance(retried, e.StageRetried)
    assert failed.reason is FailureReason.LEASE_LOST
    assert (failed.attempt, retried.attempt) == (1, 2)
    assert failed.command_id == retried.command_id
    assert reap(world) == 0


def test_a_lost_lease_spends_a_retry(world: World) -> None:
    started(world, "a", retries=0)
    reap(world)
    assert world.status("a", "alpha") is StageStatus.FAILED


def test_many_reapers_fail_it_once(world: World) -> None:
    for number in range(20):
        started(world, f"a-{number}", f"lease-{number}")
    reapers = [Reaper(world.dsn, world.commands, look_seconds=0.01) for _ in range(4)]
    with running(*reapers):
        wait_until(
            lambda: all("StageFailed" in world.topics(f"a-{number}") for number in range(20))
        )
        time.sleep(0.3)
    for number in range(20):
        assert world.topics(f"a-{number}").count("StageFailed") == 1


def test_a_report_after_the_lease_expired_is_refused(world: World) -> None:
    started(world, "a")
    reap(world)
    with pytest.raises(StaleAttempt):
        world.command(c.CompleteStage, "a", stage_name="alpha", attempt=1, lease_id="lease")


def test_a_stage_started_under_a_reaped_lease_is_found(world: World) -> None:
    """A worker that slept goes on where it was, under a lease that it has no more."""
    world.register("a", WorkflowType.MANUAL)
    expired(world, "a", "lease")
    assert reap(world) == 0
    world.command(c.StartStage, "a", stage_name="alpha", lease_id="lease")
    leases = Leases(world.dsn, "sleeper", 30)
    leases.open()
    assert leases.renew(["lease"]) == set()
    leases.close()
    world.query("UPDATE stage_leases SET expires_at = now() - interval '1 s' RETURNING lease_id")
    assert reap(world) == 1
    for _ in range(2):
        world.query(
            "UPDATE stage_leases SET expires_at = now() - interval '1 s' RETURNING lease_id"
        )
        assert reap(world) == 0
    assert world.query("SELECT lease_id FROM stage_leases") == []


def test_a_document_that_waits_is_hinted_at_again(world: World) -> None:
    """The worker died after it took the lease and before it started the stage."""
    world.register("a")
    expired(world, "a", "lease")
    assert reap(world) == 0
    assert world.query("SELECT count(*) FROM docledger_queue.pgqueuer") == [(1,)]


def test_a_lease_on_a_deleted_document_goes(world: World) -> None:
    started(world, "a")
    world.command(c.DeleteDocument, "a")
    assert reap(world) == 0
    assert world.query("SELECT lease_id FROM stage_leases") == []


def test_leases_that_live_are_left_alone(world: World) -> None:
    world.register("a", WorkflowType.MANUAL)
    leases = Leases(world.dsn, "w1", 30)
    leases.open()
    lease_id = leases.take("a")
    world.command(c.StartStage, "a", stage_name="alpha", lease_id=lease_id)
    assert reap(world) == 0
    assert leases.renew([lease_id, "another"]) == {lease_id}
    leases.release(lease_id)
    leases.close()
    assert world.query("SELECT lease_id FROM stage_leases") == []


def test_the_queues_own_log_is_pruned(world: World) -> None:
    world.query(
        "INSERT INTO docledger_queue.pgqueuer_log (created, job_id, status, priority, entrypoint)"
        " VALUES (now() - interval '2 hours', 1, 'successful', 0, 'document'),"
        " (now(), 2, 'successful', 0, 'document') RETURNING id"
    )
    with running(Reaper(world.dsn, world.commands, look_seconds=0.05)):
        wait_until(lambda: world.query("SELECT job_id FROM docledger_queue.pgqueuer_log") == [(2,)])
