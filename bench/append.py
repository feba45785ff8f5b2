"""How fast is the log, and whom do VACUUM and ANALYZE keep waiting?

    python bench/append.py DSN [--rounds 5] [--seconds 1] [--prefill 300000] [--stall-seconds 6]

Side by side, in interleaved rounds: commands one after the other, commands of 64 threads through
group commit, the library's `save()` with docledger's append function, and the library's own
recorder with its EXCLUSIVE table lock, one event and 64 events a call. Then two processes append,
to each log in turn, while VACUUM and ANALYZE run over it without a pause. Prints one JSON line:
events a second (medians over the rounds), and milliseconds an append took. Everything happens in a
database of its own on the server of DSN, dropped in the end.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import multiprocessing
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import make_conninfo

from domain import commands as c
from domain.events import WorkflowPaused
from domain.pipeline import StageDependency
from domain.values import Original, OutputFile
from eventstore.application import WorkflowApplication
from eventstore.datastore import DsnDatastore
from eventstore.group_commit import GroupCommit
from postgres.migrate import Migrator

THREADS = 64
MANY = 64
STATE = b'{"at":"2026-01-01T00:00:00.000000Z","actor":"bench","command_id":"c"}'
PREFILL = """
    INSERT INTO {} (originator_id, originator_version, topic, state)
    SELECT 'old-' || n / 20, n %% 20 + 1, 'WorkflowPaused', %s FROM generate_series(0, %s - 1) AS n
"""

Measure = Callable[[float], float]
"""Work for so many seconds and return events a second."""


class LibraryDatastore(DsnDatastore):
    """The same connections, with the composite types that the library's recorder needs."""

    def register_type_adapters(self) -> None:
        """Do as the library does."""
        PostgresDatastore.register_type_adapters(self)


class LibraryLog:
    """The library's own recorder, as it comes."""

    table = "library_events"

    def __init__(self, dsn: str, *, create: bool = False) -> None:
        self._datastore = LibraryDatastore(dsn)
        self._recorder = PostgresApplicationRecorder(self._datastore, events_table_name=self.table)
        if create:
            self._recorder.create_table()

    def append(self, events: list[StoredEvent]) -> None:
        """Append the events in one call."""
        self._recorder.insert_events(events)

    def close(self) -> None:
        """Close the connections."""
        self._datastore.close()


class OwnLog:
    """docledger's recorder: the append function under an advisory lock."""

    table = "docledger_events"

    def __init__(self, dsn: str) -> None:
        self._application = WorkflowApplication(dsn)

    def append(self, events: list[StoredEvent]) -> None:
        """Append the events in one call."""
        self._application.append_recorder.insert_events(events)

    def close(self) -> None:
        """Close the connections."""
        self._application.close()


LOGS: dict[str, type[LibraryLog] | type[OwnLog]] = {
    "advisory_lock": OwnLog,
    "exclusive_table_lock": LibraryLog,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--prefill", type=int, default=300_000)
    parser.add_argument("--stall-seconds", type=float, default=6.0)
    given = parser.parse_args()
    with own_database(given.dsn) as dsn:
        figures = {
            "server": version(dsn),
            "events_per_second": throughput(dsn, given.rounds, given.seconds),
            "milliseconds_an_append_under_vacuum": {
                name: stalls(dsn, name, given.prefill, given.stall_seconds) for name in LOGS
            },
        }
    print(json.dumps(figures))


@contextlib.contextmanager
def own_database(dsn: str) -> Iterator[str]:
    """Give a migrated database that is dropped afterwards."""
    name = f"bench_append_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            own = make_conninfo(dsn, dbname=name)
            Migrator(own).up()
            LibraryLog(own, create=True).close()
            yield own
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def version(dsn: str) -> str:
    """Return the server's version."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return str(row[0]) if row else ""


def throughput(dsn: str, rounds: int, seconds: float) -> dict[str, float]:
    """Return events a second, the median over the rounds, each round taking every way once."""
    with contextlib.ExitStack() as stack:
        application = stack.enter_context(contextlib.closing(WorkflowApplication(dsn)))
        commit = stack.enter_context(contextlib.closing(GroupCommit(application)))
        library = stack.enter_context(contextlib.closing(LibraryLog(dsn)))
        own = stack.enter_context(contextlib.closing(OwnLog(dsn)))
        threads = stack.enter_context(ThreadPoolExecutor(THREADS))
        ids = [f"document-{number}" for number in range(THREADS)]
        for future in [commit.submit(register(document_id)) for document_id in ids]:
            future.result()
        ways: dict[str, Measure] = {
            "commands_one_by_one": lambda s: run(s, lambda: commit.execute(add_file(ids[0]))),
            "commands_of_64_threads": lambda s: sum(
                threads.map(lambda i: run(s, lambda: commit.execute(add_file(i))), ids)
            ),
            "save_one_by_one": saving(application),
            "library_recorder_one_by_one": appending(library, 1),
            "own_recorder_64_a_call": appending(own, MANY),
            "library_recorder_64_a_call": appending(library, MANY),
        }
        measured: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                measured[name].append(way(seconds))
    return {name: round(statistics.median(each)) for name, each in measured.items()}


def run(seconds: float, once: Callable[[], object], events: int = 1) -> float:
    """Do it over and over; return events a second."""
    started = time.perf_counter()
    for number in itertools.count(1):
        once()
        passed = time.perf_counter() - started
        if passed >= seconds:
            return number * events / passed
    raise AssertionError


def saving(application: WorkflowApplication) -> Measure:
    """Save events of one document through the library's application."""
    versions = itertools.count(1)

    def once() -> None:
        at = datetime.now(UTC)
        application.save(
            WorkflowPaused(
                document_id="saved", version=next(versions), at=at, actor="b", command_id="c"
            )
        )

    return lambda seconds: run(seconds, once)


def appending(log: LibraryLog | OwnLog, events: int) -> Measure:
    """Append events of as many documents in one call."""
    name, versions = uuid.uuid4().hex, itertools.count(1)

    def once() -> None:
        version = next(versions)
        log.append(
            [StoredEvent(f"{name}-{i}", version, "WorkflowPaused", STATE) for i in range(events)]
        )

    return lambda seconds: run(seconds, once, events)


def stalls(dsn: str, log: str, prefill: int, seconds: float) -> dict[str, float]:
    """Return how long appends of two processes took while VACUUM and ANALYZE ran."""
    table = LOGS[log].table
    over = threading.Event()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(PREFILL.format(table).encode(), (STATE, prefill))
        connection.execute(f"VACUUM (ANALYZE) {table}")
        with (
            multiprocessing.get_context("spawn").Pool(2) as pool,
            ThreadPoolExecutor(1) as threads,
        ):
            pending = pool.starmap_async(append_for, [(dsn, log, n, seconds) for n in range(2)])
            tending = threads.submit(tend, connection, table, over)
            taken = sorted(itertools.chain(*pending.get(timeout=120 + seconds)))
            over.set()
            rounds = tending.result()
    return {
        "appends": len(taken),
        "vacuums": rounds,
        "median": round(statistics.median(taken), 1),
        "p99": round(taken[len(taken) * 99 // 100], 1),
        "max": round(taken[-1], 1),
    }


def append_for(dsn: str, log: str, number: int, seconds: float) -> list[float]:
    """Append one event after the other; return the milliseconds that each took."""
    opened = LOGS[log](dsn)
    taken: list[float] = []
    until = time.perf_counter() + seconds
    for version in itertools.count(1):
        started = time.perf_counter()
        if started > until:
            break
        opened.append([StoredEvent(f"{log}-{number}", version, "WorkflowPaused", STATE)])
        taken.append((time.perf_counter() - started) * 1000)
    opened.close()
    return taken[1:]


def tend(connection: psycopg.Connection[Any], table: str, over: threading.Event) -> int:
    """Vacuum and analyse until it is over; return how often."""
    rounds = 0
    while not over.is_set():
        connection.execute(f"ANALYZE {table}")
        connection.execute(f"VACUUM {table}")
        rounds += 1
    return rounds


def register(document_id: str) -> c.RegisterDocument:
    """Return the command that hands a document in."""
    pipeline = (StageDependency("markdown-conversion", None, True, 1),)
    return c.RegisterDocument(
        document_id=document_id,
        context=context(),
        title="A title",
        original=Original(file_name="a.pdf"),
        pipeline=pipeline,
    )


def add_file(document_id: str) -> c.RegisterOutputFile:
    """Return a command that a document takes any number of times."""
    file = OutputFile(
        file_type="markdown", suffix=".md", checksum="a" * 64, size_bytes=3, mime_type="text/plain"
    )
    return c.RegisterOutputFile(
        document_id=document_id, context=context(), stage_name="markdown-conversion", file=file
    )


def context() -> c.Context:
    """Return the context of a command of its own."""
    return c.Context(at=datetime.now(UTC), actor="bench", command_id=str(uuid.uuid4()))


if __name__ == "__main__":
    main()
