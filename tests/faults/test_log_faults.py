"""The log's connection cut, its server stopped, killed, full or blocked: every answer is true."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from msgspec.structs import asdict

from conftest import SERVERS
from domain import commands as c
from domain.decisions.decide import decide
from domain.document_workflow import DocumentWorkflow
from domain.errors import (
    Contention,
    IllegalTransition,
    LogFull,
    LogUnavailable,
    OutcomeUnknown,
    Unavailable,
)
from eventstore.append_round import Committed, Waiting
from eventstore.lost_appends import settle
from eventstore.snapshots import NoView, Snapshots
from faults.cutting_proxy import Cut, CuttingProxy
from faults.log_campaign import campaign
from integration.eventstore.writing import (
    REGISTERED,
    Log,
    add_file,
    opened,
    query_of,
    readable,
    register,
    start,
    wait_for,
)
from postgres.embedded.server import EmbeddedPostgres
from postgres.migrate import Migrator

both_servers = pytest.mark.parametrize("database", SERVERS, indirect=True)


@pytest.fixture
def proxy(database: str) -> Iterator[CuttingProxy]:
    """A way to the server that can be cut."""
    with CuttingProxy(database) as proxy:
        yield proxy


@pytest.fixture
def log(proxy: CuttingProxy) -> Iterator[Log]:
    """The log, reached over the proxy, with documents a and b."""
    with opened(proxy.dsn, patience_seconds=20) as log:
        log.registered("a", "b")
        yield log


def slow_down(database: str, document_id: str, seconds: float) -> None:
    """Have the server take its time over events of this document."""
    query_of(
        database,
        f"""
        CREATE FUNCTION slow_down() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END $$;
        CREATE TRIGGER slow_down AFTER INSERT ON docledger_events FOR EACH ROW
        WHEN (NEW.originator_id = '{document_id}') EXECUTE FUNCTION slow_down()""",
    )


def check(log: Log, futures: Sequence[Future[Committed]], commands: Sequence[c.Command]) -> None:
    """Check that each command landed once, where its answer says."""
    answered = Counter(
        (command.context.command_id, recorded.event.version, recorded.position)
        for future, command in zip(futures, commands, strict=True)
        for recorded in future.result(40).events
    )
    stored = Counter(
        (readable(recorded).command_id, recorded.event.version, recorded.position)
        for recorded in log.history.after(0, 10_000)
        if recorded.event.version > REGISTERED
    )
    assert answered == stored
    for future in futures:
        answer = future.result()
        assert answer.version == answer.events[-1].event.version == answer.state.version


@both_servers
@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.WHILE, Cut.AFTER])
def test_a_lost_acknowledgement_is_found_by_its_command(
    log: Log, proxy: CuttingProxy, database: str, cut: Cut
) -> None:
    slow_down(database, "a", 0.1)
    commands = [add_file("a"), add_file("b"), start("a"), add_file("a")]
    proxy.plan(commands[2].context.command_id, cut)

    futures = log.together(commands)

    check(log, futures, commands)
    assert proxy.cuts == 1


def test_a_lost_acknowledgement_again_and_again(log: Log, proxy: CuttingProxy) -> None:
    command = add_file("a")
    for cut in (Cut.BEFORE, Cut.BEFORE, Cut.AFTER):
        proxy.plan(command.context.command_id, cut)

    answer = log.commit.submit(command)

    check(log, [answer], [command])
    assert proxy.cuts == 3


def test_an_append_that_is_still_under_way_is_waited_for(database: str) -> None:
    slow_down(database, "a", 0.5)
    with opened(database) as log, ThreadPoolExecutor(1) as threads:
        log.registered("b")
        command = register("a")
        waiting = Waiting(command, None, Future(), deadline=0.0, in_doubt_after=0)
        threads.submit(log.application.save, *decide(DocumentWorkflow.unborn("a"), command))
        working = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        wait_for(lambda: query_of(database, working))

        loaded = settle([waiting], log.application, Snapshots(log.history, NoView(), 10))

        assert waiting.future.result(0).version == REGISTERED
        assert loaded.keys() == {"a"}


def test_an_append_that_arrives_after_it_was_given_up_does_no_harm(
    log: Log, proxy: CuttingProxy
) -> None:
    commands = [add_file("a"), add_file("b"), add_file("a")]
    proxy.plan(commands[0].context.command_id, Cut.LATE)

    futures = log.together(commands)
    for future in futures:
        future.result(40)
    proxy.deliver()

    with psycopg.connect(log.dsn) as connection:
        connection.execute("SELECT docledger_lock_log()")
    check(log, futures, commands)
    assert proxy.cuts == 1


def test_what_was_found_is_answered_as_it_was_made(
    log: Log, proxy: CuttingProxy, database: str
) -> None:
    command = add_file("a")
    with opened(database) as other:
        proxy.plan(command.context.command_id, Cut.AFTER, lambda: other.send(add_file("a")))
        answer = log.send(command)

    assert answer.version == answer.state.version == REGISTERED + 1
    assert [recorded.event.version for recorded in answer.events] == [REGISTERED + 1]
    assert log.send(add_file("a")).version == REGISTERED + 3


def test_who_was_refused_in_a_lost_append_is_refused(log: Log, proxy: CuttingProxy) -> None:
    commands = [start("a"), start("a"), add_file("b")]
    proxy.plan(commands[0].context.command_id, Cut.AFTER)

    futures = log.together(commands)

    with pytest.raises(IllegalTransition):
        futures[1].result(40)
    check(log, [futures[0], futures[2]], [commands[0], commands[2]])


def test_a_registration_whose_acknowledgement_is_lost_is_no_conflict_with_itself(
    log: Log, proxy: CuttingProxy
) -> None:
    command = register("new")
    proxy.plan(command.context.command_id, Cut.AFTER)

    answer = log.send(command)

    assert [recorded.event.version for recorded in answer.events] == [1, 2]
    assert log.query("SELECT count(*) FROM document_keys WHERE document_id = 'new'") == [(1,)]
    assert asdict(readable(log.history.of_document("new")[0]))["personal"] is not None


@both_servers
def test_a_backend_ended_while_it_appends(log: Log, database: str) -> None:
    slow_down(database, "a", 0.5)
    commands = [add_file("a"), add_file("b")]
    futures = log.together(commands)

    def end() -> bool:
        working = """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE wait_event = 'PgSleep' AND query LIKE '%docledger_append%'"""
        return query_of(database, working) == [(True,)]

    wait_for(end)
    check(log, futures, commands)


def test_without_the_server_nobody_waits_for_ever(proxy: CuttingProxy) -> None:
    with opened(proxy.dsn, patience_seconds=0.5) as log:
        log.application.append_recorder.datastore.pool.timeout = 1.0
        log.registered("a", "b")
        down_at = time.monotonic()
        doubted = add_file("a")
        proxy.plan(doubted.context.command_id, Cut.AFTER, proxy.down)
        lost = log.commit.submit(doubted)
        with pytest.raises(OutcomeUnknown):
            lost.result(30)
        # Nothing of this one was ever sent.
        never_sent = log.commit.submit(add_file("b"))
        with pytest.raises(LogUnavailable):
            never_sent.result(30)
        with pytest.raises(LogUnavailable):
            log.commit.load("a")
        with pytest.raises(LogUnavailable):
            log.history.last_position()

        # The longer it was away, the later a pool would look again by itself.
        wait_for(
            lambda: not _works(lambda: log.commit.load("a")) and time.monotonic() > down_at + 8
        )
        proxy.up()
        started = time.monotonic()
        wait_for(lambda: _works(lambda: log.send(add_file("b"))))
        assert time.monotonic() - started < 6
        assert len(log.events("a")) == REGISTERED + 1
        assert len(log.events("b")) == REGISTERED + 1


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except Unavailable:
        return False
    return True


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server that this module may stop and kill."""
    home = tmp_path_factory.mktemp("home")
    for folder in (home, *home.parents[:2]):
        folder.chmod(0o755)
    server = EmbeddedPostgres(home)
    Migrator(server.start()).up()
    yield server
    server.stop()


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_a_server_restarted_with_commands_in_flight(own_server: EmbeddedPostgres, how: str) -> None:
    dsn = own_server.start()
    over = threading.Event()
    ids = [f"{how}-{number}" for number in range(4)]

    def send(log: Log, document_id: str) -> list[tuple[c.Command, Future[Committed]]]:
        sent: list[tuple[c.Command, Future[Committed]]] = []
        while not over.is_set():
            command = add_file(document_id)
            sent.append((command, log.commit.submit(command)))
            sent[-1][1].exception(60)
        return sent

    with opened(dsn, patience_seconds=40) as log, ThreadPoolExecutor(8) as threads:
        before = log.history.last_position()
        log.registered(*ids)
        senders = [threads.submit(send, log, i) for i in ids * 2]
        try:
            wait_for(lambda: log.history.last_position() > before + 30)
            _end(own_server, how)
            own_server.start()
            restarted_at = time.monotonic()
            position = _position(dsn)
            wait_for(lambda: _position(dsn) > position + 30, seconds=40)
            assert time.monotonic() - restarted_at < 15
        finally:
            over.set()
        sent = [pair for sender in senders for pair in sender.result(60)]

        stored = Counter(e.command_id for i in ids for e in log.events(i)[REGISTERED:])
        assert Counter(command.context.command_id for command, _ in sent) == stored
        for command, future in sent:
            (own,) = future.result().events
            assert readable(own).command_id == command.context.command_id
        for document_id in ids:
            versions = [event.version for event in log.events(document_id)]
            assert versions == list(range(1, len(versions) + 1))


def _end(server: EmbeddedPostgres, how: str) -> None:
    if how == "stopped":
        server.stop()
        return
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    wait_for(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid))


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _position(dsn: str) -> int:
    position: int = query_of(dsn, "SELECT max(notification_id) FROM docledger_events")[0][0]
    return position


def test_closing_answers_whoever_waits(database: str) -> None:
    with opened(database) as log:
        log.registered("a", "b")
        commands = [add_file(document_id) for document_id in "ab" * 100]
        with ThreadPoolExecutor(1) as threads:
            with log.plugged():
                futures = [log.commit.submit(command) for command in commands]
                closing = threads.submit(log.commit.close)
                wait_for(lambda: log.commit._closing)
                with pytest.raises(LogUnavailable):
                    log.commit.submit(add_file("a"))
                assert not closing.done()
            closing.result(20)

        assert all(future.done() for future in futures)
        check(log, futures, commands)


def test_closing_without_a_server_answers_whoever_waits(proxy: CuttingProxy) -> None:
    with opened(proxy.dsn, patience_seconds=0.5) as log:
        log.application.append_recorder.datastore.pool.timeout = 1.0
        log.registered("a")
        proxy.down()
        futures = [log.commit.submit(add_file("a")) for _ in range(10)]
        log.commit.close()

        assert {type(future.exception(0)) for future in futures} <= {LogUnavailable, OutcomeUnknown}
        proxy.up()
        wait_for(lambda: _works(lambda: log.commit.load("a")))
        assert len(log.events("a")) == REGISTERED


def test_a_full_disk_is_named_and_nothing_is_stored(log: Log, database: str) -> None:
    query_of(
        database,
        """
        CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk AFTER INSERT ON docledger_events FOR EACH STATEMENT
        EXECUTE FUNCTION full_disk()""",
    )
    for future in [log.commit.submit(add_file(i)) for i in "abab"]:
        with pytest.raises(LogFull):
            future.result(20)

    query_of(database, "DROP TRIGGER full_disk ON docledger_events")
    assert log.send(add_file("a")).version == REGISTERED + 1


def test_a_log_that_is_held_for_long_keeps_nobody_for_ever(database: str) -> None:
    with opened(database, lock_seconds=0.2, patience_seconds=1) as log:
        ids = [f"d{number}" for number in range(30)]
        log.registered(*ids)
        with psycopg.connect(database) as somebody:
            somebody.execute("SELECT docledger_lock_log()")
            started = time.monotonic()
            futures = {document_id: log.commit.submit(add_file(document_id)) for document_id in ids}
            errors = {each: type(future.exception(30)) for each, future in futures.items()}
            assert time.monotonic() - started < 6
        assert set(errors.values()) <= {LogUnavailable, Contention, OutcomeUnknown}
        log.send(add_file("d0"))
        versions = dict(
            log.query(
                "SELECT originator_id, max(originator_version) FROM docledger_events GROUP BY 1"
            )
        )
        refused = {each for each, error in errors.items() if error is not OutcomeUnknown} - {"d0"}
        assert {versions[each] for each in refused} == {REGISTERED}


@both_servers
def test_a_short_campaign(database: str) -> None:
    told = campaign(database, seed=20261124, count=150)

    lone = 2 * len(Cut)
    assert told["commands"] == 150 + lone
    assert told["cuts"] >= lone  # each of the commands that were sent alone
