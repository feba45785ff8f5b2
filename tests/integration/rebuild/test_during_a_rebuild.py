"""Reads and writes continue during a rebuild, and nothing of them is lost."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

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
from integration.rebuild.rebuilding import (
    assert_nothing_differs,
    execute,
    lives,
    project_all,
    rebuilder,
    rows,
)
from projections.errors import OtherVersion
from projections.rebuild.progress import Progress
from projections.rebuild.shadow import TABLES
from projections.rebuild_lock import RebuildRunning, rebuild_lock

EVERY_TABLE = [None, *TABLES]


class AtMoment:
    """Does something each time that a moment of the rebuild is reached."""

    def __init__(self, moment: str, act: Callable[[], object]) -> None:
        self._moment = moment
        self._act = act
        self.times = 0

    def __call__(self, moment: str) -> None:
        if moment == self._moment:
            self.times += 1
            self._act()


@contextlib.contextmanager
def load(url: str, log: LogWriter) -> Iterator[list[BaseException]]:
    """Append and read without a pause; what fails is in the list."""
    stop, failures = threading.Event(), list[BaseException]()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        names = [f"busy-{seed}-{number}" for number in range(6)]
        log.register(*names)
        for number in range(100_000):
            if stop.is_set():
                return
            log.restart(chance.choice(names))
            log.register(f"new-{seed}-{number}")
            if number % 3 == 0:
                log.delete(f"new-{seed}-{number}")

    def read(query: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.is_set():
                found = connection.execute(query.encode(), prepare=True).fetchall()
                # a document's five stages come and go together
                assert all(row[0] == 5 for row in found), found

    def guarded(act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:
            failures.append(error)

    by_document = "SELECT count(*) FROM {} WHERE document_id ~ '^(busy|new)-' GROUP BY document_id"
    acts: list[Callable[[], None]] = [
        *(lambda seed=seed: write(seed) for seed in range(2)),
        lambda: read(by_document.format("documents_processing_stages")),
        lambda: read(by_document.format("document_processing_stages")),
    ]
    with ThreadPoolExecutor(len(acts)) as pool:
        for act in acts:
            pool.submit(guarded, act)
        try:
            yield failures
        finally:
            stop.set()


@pytest.mark.parametrize("table", [None, "documents_processing_stages"])
def test_no_read_and_no_write_fails_under_load(
    database: str, history: History, log: LogWriter, table: str | None
) -> None:
    lives(log, database, history)
    with running(make_projector(database, history), make_projector(database, history)):
        with load(database, log) as failures:
            before = history.last_position()
            for _ in range(3):
                rebuilder(database, history).rebuild(table)
            eventually(lambda: history.last_position() > before, seconds=60)
        eventually(lambda: is_caught_up(database, history), seconds=60)
    assert failures == []
    assert_nothing_differs(database, history)


@pytest.mark.parametrize("moment", ["built", "caught up", "about to swap", "swapped"])
@pytest.mark.parametrize("table", [None, "documents_processing_stages"])
def test_what_is_appended_between_is_in_the_tables(
    database: str, history: History, log: LogWriter, table: str | None, moment: str
) -> None:
    """Also between the last catch-up and the swap, with a projector that is only too willing."""
    log.register("doc-1", "doc-2")
    project_all(database, history)
    applied = []

    def between() -> None:
        log.complete("doc-1", "markdown-conversion")
        log.register("doc-3")
        log.delete("doc-2")
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline and not is_caught_up(database, history):
            time.sleep(0.02)
        applied.append(is_caught_up(database, history))

    with running(make_projector(database, history, poll_seconds=0.05)):
        at_moment = AtMoment(moment, between)
        rebuilder(database, history, on_phase=at_moment).rebuild(table)
        eventually(lambda: is_caught_up(database, history))
    assert at_moment.times == 1
    # With the tracking row locked no projector may write to tables that are on their way out.
    assert applied == [moment != "about to swap"]
    assert_tables_are_the_fold(database, history)


@pytest.mark.parametrize("moment", ["built", "caught up"])
def test_documents_deleted_elsewhere_during_it_leave_no_rows(
    database: str, history: History, log: LogWriter, moment: str
) -> None:
    log.register(*(f"doc-{number}" for number in range(20)))
    project_all(database, history)
    delete_elsewhere(database, ["doc-0"])

    def delete() -> None:
        delete_elsewhere(database, ["doc-1", "doc-2"])
        log.restart("doc-2")

    rebuilder(database, history, on_phase=AtMoment(moment, delete)).rebuild()
    project_all(database, history)
    assert_tables_are_the_fold(database, history)
    assert len(execute(database, "SELECT 1 FROM documents_processing_stages")) == 17 * 5


def test_a_document_that_is_being_deleted_is_waited_for(
    database: str, history: History, log: LogWriter
) -> None:
    log.register("doc-1", "doc-2")
    project_all(database, history)
    told: list[Progress] = []
    with psycopg.connect(database, application_name="the legacy application") as legacy:

        def delete() -> None:
            log.restart("doc-1")
            legacy.execute("DELETE FROM documents WHERE id = 'doc-1'")
            threading.Timer(0.7, legacy.commit).start()

        rebuilder(
            database, history, on_phase=AtMoment("built", delete), on_progress=told.append
        ).rebuild()
    waited = [progress.waiting_for for progress in told if progress.waiting_for]
    assert any("the legacy application" in whom for whom in waited)
    assert_tables_are_the_fold(database, history)


def test_an_autovacuum_that_takes_long_is_sent_away(
    database: str, history: History, log: LogWriter
) -> None:
    """At the pace set here it would take minutes; PostgreSQL begins it again some time later."""
    log.register("doc-1", "doc-2")
    log.complete("doc-1", "markdown-conversion")
    project_all(database, history)
    done = threading.Event()

    def read_and_write() -> None:
        """Fail if the request that sends it away, which waits for as long, is in the way."""
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "SELECT set_config('lock_timeout', current_setting('deadlock_timeout'), false)"
            )
            while not done.is_set():
                connection.execute("SELECT title FROM documents WHERE id = 'doc-1'").fetchall()
                connection.execute("UPDATE documents SET title = 'Two' WHERE id = 'doc-2'")

    with slow_autovacuum(database, "documents"), ThreadPoolExecutor(1) as pool:
        others = pool.submit(read_and_write)
        try:
            rebuilder(database, history).rebuild()
        finally:
            done.set()
        others.result()
    [(ended,)] = execute(
        database, "SELECT autovacuum_count FROM pg_stat_user_tables WHERE relname = 'documents'"
    )
    assert ended == 0
    assert_tables_are_the_fold(database, history)


@contextlib.contextmanager
def slow_autovacuum(url: str, table: str) -> Iterator[None]:
    """Have an autovacuum of the table at work when the block begins."""
    every_page = {"autovacuum_naptime": "1s", "vacuum_cost_page_hit": "10000"}
    for name, value in every_page.items():
        execute(url, f"ALTER SYSTEM SET {name} = '{value}'")
    try:
        execute(url, "SELECT pg_reload_conf()")
        execute(
            url,
            f"ALTER TABLE {table} SET (autovacuum_vacuum_threshold = 0, "
            "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100)",
        )
        execute(
            url,
            f"INSERT INTO {table} (id, title) "
            "SELECT 'other-' || n, repeat('A long title. ', 15) FROM generate_series(1, 10000) n",
        )
        execute(url, f"UPDATE {table} SET title = title")
        at_work = f"SELECT 1 FROM pg_stat_progress_vacuum WHERE relid = '{table}'::regclass"
        eventually(lambda: bool(execute(url, at_work)), seconds=60)
        yield
    finally:
        for name in every_page:
            execute(url, f"ALTER SYSTEM RESET {name}")
        execute(url, "SELECT pg_reload_conf()")


def test_a_second_rebuild_is_refused(database: str, history: History, log: LogWriter) -> None:
    log.register("doc-1")
    second = rebuilder(database, history)
    refused = []

    def begin_another() -> None:
        with pytest.raises(RebuildRunning, match="being rebuilt or checked; wait") as caught:
            second.rebuild()
        refused.append(caught.value)
        check = psycopg.connect(database)
        with check, pytest.raises(RebuildRunning), rebuild_lock(check, exclusive=False):
            pass

    rebuilder(database, history, on_phase=AtMoment("caught up", begin_another)).rebuild()
    assert len(refused) == 1
    second.rebuild()
    assert_tables_are_the_fold(database, history)


def test_checks_share_their_lock_and_keep_rebuilds_out(database: str, history: History) -> None:
    with contextlib.ExitStack() as checks:
        for _ in range(2):
            check = checks.enter_context(psycopg.connect(database))
            checks.enter_context(rebuild_lock(check, exclusive=False))
        with pytest.raises(RebuildRunning):
            rebuilder(database, history).rebuild()
    rebuilder(database, history).rebuild()


def test_a_long_reader_puts_the_swap_off_and_is_named(
    database: str, history: History, log: LogWriter
) -> None:
    log.register("doc-1")
    project_all(database, history)
    waits: list[float] = []
    told: list[Progress] = []

    def read_shortly() -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            while not done.is_set():
                began = time.monotonic()
                connection.execute("SELECT * FROM documents_processing_stages").fetchall()
                waits.append(time.monotonic() - began)
                time.sleep(0.005)

    done = threading.Event()
    with psycopg.connect(database, application_name="a long report") as long_reader:
        long_reader.execute("SELECT * FROM document_processing_stages").fetchall()
        long_reader_pid = long_reader.info.backend_pid

        def release() -> None:
            long_reader.rollback()

        short_reader = threading.Thread(target=read_shortly)
        short_reader.start()
        timer = threading.Timer(3.0, release)
        rebuilt = threading.Thread(
            target=rebuilder(database, history, on_progress=told.append).rebuild, args=()
        )
        rebuilt.start()
        waiting: list[tuple[str, str]] = []

        def is_named() -> bool:
            # the short one may happen to be in the way now and then
            waiting[:] = execute(
                database,
                "SELECT phase, waiting_for FROM read_model_rebuilds WHERE finished_at IS NULL "
                "AND waiting_for LIKE '%a long report%'",
            )
            return bool(waiting)

        eventually(is_named, seconds=30)
        during = rows(database)
        # what is appended while the swap is put off gets into the tables in time
        position = log.restart("doc-1").position
        timer.start()
        rebuilt.join(60)
        done.set()
        short_reader.join()
    [(phase, whom)] = waiting
    assert phase == "swapping"
    assert f"process {long_reader_pid} ('a long report', user postgres" in whom
    assert len(during["documents_processing_stages"]) == 5
    assert told[-1].phase == "done"
    assert position_of(database) == position
    assert_tables_are_the_fold(database, history)
    # Not one reader stood behind a request that waited for the long one: 3 s would show.
    assert max(waits) < 2.5


def test_an_autocommitting_reader_sees_old_or_new_tables_never_none(
    database: str, history: History, log: LogWriter
) -> None:
    log.register(*(f"doc-{number}" for number in range(5)))
    project_all(database, history)
    counts: set[int] = set()
    done = threading.Event()

    def read() -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            while not done.is_set():
                for query in (
                    "SELECT count(*) FROM documents_processing_stages",
                    "SELECT count(*) FROM document_processing_stages",
                ):
                    row = connection.execute(query.encode(), prepare=True).fetchone()
                    assert row is not None
                    counts.add(row[0])

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3):
        rebuilder(database, history).rebuild()
    done.set()
    reader.join()
    assert counts == {25}


def test_tables_of_another_version_are_let_be(
    database: str, history: History, log: LogWriter
) -> None:
    """An older program must not write into tables that a newer one has made."""
    log.register("doc-1")
    project_all(database, history)
    before = rows(database)
    execute(database, "INSERT INTO read_model_versions VALUES (2, 'SELECT 1', now())")
    log.complete("doc-1", "markdown-conversion")
    projector = make_projector(database, history, poll_seconds=0.05)
    with running(projector):
        eventually(lambda: projector.trouble is not None)
        time.sleep(0.3)
        assert rows(database) == before
        assert projector.trouble == (
            "The read models' tables are of version 2, this program's are of version 1. "
            "Use the newer program."
        )
        with pytest.raises(OtherVersion):
            projector.retry("doc-1")
        with pytest.raises(OtherVersion, match="Use the newer program"):
            rebuilder(database, history).rebuild()
        execute(database, "DELETE FROM read_model_versions WHERE version = 2")
        eventually(lambda: is_caught_up(database, history))
    assert_tables_are_the_fold(database, history)
