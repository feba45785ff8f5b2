"""Workers in processes of their own, killed, stopped in their tracks, cut off from the server."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Server
from debian_postgres import DebianPostgres, find_binaries
from domain import events as e
from domain.values import FailureReason
from worker_parts import World, wait_until

ROOT = Path(__file__).parents[2]


class Hosts:
    """Worker processes, ended with the test."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = itertools.count()
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a worker process that dispatches and reaps as well."""
        name = f"host-{next(self._numbers)}"
        path = f"{ROOT / 'src'}:{ROOT / 'tests'}"
        command = [sys.executable, "-m", "worker_host", self._world.dsn, str(self._world.folder)]
        with (self._world.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, name, "--dispatch", "--reap", *options],
                env=os.environ | {"PYTHONPATH": path},
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def end(self) -> None:
        """Kill whatever still runs."""
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def world(database: str, tmp_path: Path) -> Iterator[World]:
    """A log and a storage."""
    made = World(database, tmp_path)
    yield made
    made.close()


@pytest.fixture
def hosts(world: World) -> Iterator[Hosts]:
    """Worker processes on that log."""
    made = Hosts(world)
    yield made
    made.end()


def assert_counted_once(world: World, document_id: str) -> None:
    """Assert that no attempt was started or ended twice, and no two counted at once."""
    running: dict[str, int] = {}
    started: Counter[tuple[str, int]] = Counter()
    for event in world.events(document_id):
        if isinstance(event, e.StageStarted):
            assert event.stage_name not in running
            running[event.stage_name] = event.attempt
            started[event.stage_name, event.attempt] += 1
        elif isinstance(event, e.StageCompleted | e.StageFailed):
            assert running.pop(event.stage_name) == event.attempt
    assert not running
    assert set(started.values()) == {1}


def test_a_stage_of_a_killed_worker_is_taken_up_again(world: World, hosts: Hosts) -> None:
    both = [hosts.start("--lease-seconds", "2"), hosts.start("--lease-seconds", "2")]
    wait_until(lambda: len(listening(world)) == len(both), seconds=30)
    world.register("a", options={"beta": {"sleepSeconds": 1.5}})
    wait_until(lambda: any(line[:3] == ["begin", "a", "beta"] for line in world.journalled()))
    child = int(world.journalled()[-1][4])
    victim = both[int(world.query("SELECT right(worker, 1) FROM stage_leases")[0][0])]
    victim.kill()
    victim.wait()
    killed_at = time.monotonic()
    wait_until(lambda: world.is_done("a"), seconds=60)
    assert time.monotonic() - killed_at < 25
    assert_counted_once(world, "a")
    (failed,) = [event for event in world.events("a") if isinstance(event, e.StageFailed)]
    assert (failed.stage_name, failed.attempt) == ("beta", 1)
    assert failed.reason is FailureReason.LEASE_LOST
    assert world.state("a").stages["beta"].attempt == 2
    assert not Path(f"/proc/{child}").exists()


def listening(world: World) -> list[str]:
    """Return the workers that wait for jobs."""
    rows = world.query(
        "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'docledger worker %%' AND query LIKE 'LISTEN%%'"
    )
    return [row[0] for row in rows]


def test_workers_killed_at_random_forget_no_document(world: World, hosts: Hosts) -> None:
    ids = [f"d-{number:02}" for number in range(24)]
    workers = [hosts.start("--lease-seconds", "1") for _ in range(2)]
    for document_id in ids:
        options = {name: {"sleepSeconds": 0.1} for name in ("alpha", "beta", "gamma")}
        world.register(document_id, options=options, retries=50)
    dice = random.Random(29)
    for _ in range(4):
        time.sleep(dice.uniform(0.5, 1.8))
        victim = workers.pop(dice.randrange(2))
        victim.kill()
        victim.wait()
        workers.append(hosts.start("--lease-seconds", "1"))
    wait_until(lambda: all(world.is_done(i) for i in ids), seconds=90)
    for document_id in ids:
        assert_counted_once(world, document_id)
    wait_until(lambda: not waiting(world), what="jobs are left")


def waiting(world: World) -> bool:
    """Tell whether a job waits or runs."""
    return world.query("SELECT count(*) FROM docledger_queue.pgqueuer") != [(0,)]


def test_a_worker_that_sleeps_finds_its_attempt_taken(world: World, hosts: Hosts) -> None:
    """Stopped for longer than its lease, it lets go; its late report changes nothing."""
    first = hosts.start("--lease-seconds", "1", "--slots", "1")
    world.register("a", options={"alpha": {"sleepSeconds": 1.5}})
    wait_until(lambda: world.journalled() != [])
    first.send_signal(signal.SIGSTOP)
    try:
        hosts.start("--lease-seconds", "1", "--slots", "1")
        wait_until(lambda: world.is_done("a"), seconds=60)
    finally:
        first.send_signal(signal.SIGCONT)
    before = world.state("a").version
    time.sleep(2.5)
    assert world.state("a").version == before
    assert_counted_once(world, "a")


def test_sigterm_hands_over_at_once(world: World, hosts: Hosts) -> None:
    first = hosts.start("--lease-seconds", "60", "--grace-seconds", "0.2")
    world.register("a", options={"alpha": {"sleepSeconds": 4}}, retries=0)
    wait_until(lambda: world.journalled() != [])
    second = hosts.start("--lease-seconds", "60")
    wait_until(lambda: len(listening(world)) == 2, seconds=30)
    first.terminate()
    assert first.wait(20) == 0
    assert wait_until(lambda: world.is_done("a"), seconds=30) < 20
    assert_counted_once(world, "a")
    second.terminate()
    assert second.wait(20) == 0


@pytest.fixture
def own_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Server, Callable[[], None]]]:
    """A server of the test's own, and how to crash and restart it."""
    binaries = find_binaries()
    if binaries is None:
        pytest.fail("no PostgreSQL of the distribution here; `make test` installs one")
    folder = Path(tempfile.mkdtemp(prefix="docledger-test-crash-"))
    server = DebianPostgres(binaries, folder)
    url = server.start()
    control = ("-D", folder / "data", "-w", "-m", "immediate")
    try:
        yield (
            Server(url),
            lambda: server._run("pg_ctl", "restart", *control, "-l", folder / "data/restart.log"),
        )
    finally:
        try:
            server._run("pg_ctl", "stop", *control)
        finally:
            server.stop()


def test_a_crashed_server_is_waited_for(
    own_server: tuple[Server, Callable[[], None]], tmp_path: Path
) -> None:
    server, crash = own_server
    world = World(server.create_migrated_database(), tmp_path)
    hosts = Hosts(world)
    ids = [f"d-{number}" for number in range(10)]
    try:
        hosts.start("--lease-seconds", "3")
        for document_id in ids:
            world.register(document_id, options={"beta": {"sleepSeconds": 0.4}}, retries=20)
        for _ in range(2):
            time.sleep(1.2)
            crash()
        wait_until(lambda: all(world.is_done(i) for i in ids), seconds=60)
        for document_id in ids:
            assert_counted_once(world, document_id)
    finally:
        hosts.end()
        world.close()
