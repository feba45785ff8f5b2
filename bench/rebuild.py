"""How near does a rebuild come to the least that it can take, and how far ahead is it of a runner?

    python bench/rebuild.py DSN [--events 1000000] [--rounds 5] [--runner-events 2000]

Fills a log of documents with ten events each in a database of its own on the server of DSN, and
in each round rebuilds the read models, measures the floor (the log by COPY, sealed parts opened,
the events decoded, the rows by COPY, indexes and keys, each part on all cores) and has the
library's ProjectionRunner project the first events of the same log. Tables that a rebuild made are
vacuumed before anything else is measured. In the end a rebuild goes on while others read and
append, and the tables are held against a fresh fold. Prints one line of JSON, medians of
the rounds; `to_floor` is the floor's time divided by ours, `open_floor` is a floor that is handed
its events with nothing sealed. The databases are dropped.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from statistics import median
from typing import Any

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from eventstore.application import WorkflowApplication
from eventstore.history import History
from eventstore.log_shards import LogShards
from postgres.migrate import Migrator
from projections.rebuild.rebuilder import Rebuilder
from rebuild_parts import runner
from rebuild_parts.floor import UNSEAL, Floor
from rebuild_parts.log import EVENTS_EACH, document_id, fill
from rebuild_parts.onlookers import longest_ms, onlookers
from verification.streams_reader import StreamsUnderCheck
from verification.tables import check_document

NAME, RUNNER_NAME = "bench_rebuild", "bench_rebuild_runner"
FILES_OF_TWENTY = 10 * 3 + 4 * 2 + 3 * 1 + 3 * 2
CHECKED_DOCUMENTS = 2000
# To look through all processes of the machine takes some milliseconds of what is measured.
_LOOKED_AT_SECONDS = 1.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dsn")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runner-events", type=int, default=2000)
    arguments = parser.parse_args()
    dsn = make_conninfo(arguments.dsn, dbname=NAME)
    runner_dsn = make_conninfo(arguments.dsn, dbname=RUNNER_NAME)
    try:
        for name in (NAME, RUNNER_NAME):
            execute(arguments.dsn, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
        for url, events in ((dsn, arguments.events), (runner_dsn, arguments.runner_events)):
            Migrator(url).up()
            fill(url, events // EVENTS_EACH)
        print(json.dumps(measured(dsn, runner_dsn, arguments)))
    finally:
        for name in (NAME, RUNNER_NAME):
            execute(arguments.dsn, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def measured(dsn: str, runner_dsn: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return all figures."""
    documents = arguments.events // EVENTS_EACH
    events = documents * EVENTS_EACH
    cores = os.cpu_count() or 1
    with closing(WorkflowApplication(dsn)) as application:
        history = History(application)
        rebuild(dsn, history)  # the first one finds the log's pages on disk
        execute(dsn, "VACUUM")
        check_counts(dsn, documents)
        floor = Floor(dsn, events, cores)
        ours, memory, rates, floors = [], [], [], []
        for _ in range(arguments.rounds):
            with greatest_memory() as greatest:
                ours.append(rebuild(dsn, history))
            memory += greatest
            # autovacuum would come to the new tables while something else is measured
            execute(dsn, "VACUUM")
            floors.append(floor.measure())
            rates.append(runner.run(runner_dsn, arguments.runner_events))
        swap = swap_among_others(dsn, history, documents)
        differences = check_documents(dsn, history, documents)
    seconds, least = median(ours), median(sum(parts.values()) for parts in floors)
    opened = median(sum(parts.values()) - parts[UNSEAL] for parts in floors)
    rate = median(rates)
    return {
        "events": events,
        "documents": documents,
        "cores": cores,
        "rounds": arguments.rounds,
        "rebuild": {"seconds": spread(ours), "events_per_second": round(events / seconds)},
        "floor": {
            "seconds": spread([sum(parts.values()) for parts in floors]),
            "events_per_second": round(events / least),
            **{part: round(median(it[part] for it in floors), 2) for part in floors[0]},
        },
        "open_floor": {"seconds": round(opened, 2), "events_per_second": round(events / opened)},
        "projection_runner": {"events_per_second": spread(rates)},
        "to_floor": round(least / seconds, 2),
        "to_open_floor": round(opened / seconds, 2),
        "to_runner": round(events / seconds / rate, 1),
        "memory_mb": round(max(memory) / 1024**2),
        "swap": swap,
        "checked": {"documents": min(documents, CHECKED_DOCUMENTS), "differences": differences},
    }


def rebuild(dsn: str, history: History, on_phase: Any = lambda _: None) -> float:
    """Rebuild all tables; return the seconds."""
    connect = partial(psycopg.connect, dsn)
    started = time.perf_counter()
    Rebuilder(connect, history, LogShards(connect), on_phase=on_phase).rebuild()
    return time.perf_counter() - started


@contextmanager
def greatest_memory() -> Iterator[list[int]]:
    """Put the most bytes that this process's children had, all together, into the list."""
    greatest = [0]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOKED_AT_SECONDS):
            now = 0
            for process in psutil.Process().children(recursive=True):
                try:
                    now += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            greatest[0] = max(greatest[0], now)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield greatest
    finally:
        over.set()
        thread.join()


def swap_among_others(dsn: str, history: History, documents: int) -> dict[str, Any]:
    """Rebuild while others read and append; return how long they were kept waiting."""
    moments: dict[str, float] = {}

    def reached(moment: str) -> None:
        moments[moment] = time.monotonic()

    with onlookers(dsn, documents) as seen:
        rebuild(dsn, history, reached)
    swap = moments["caught up"], moments["swapped"]
    before = 0.0, moments["caught up"]
    return {
        "longest_read_ms": longest_ms(seen.reads, swap),
        "longest_append_ms": longest_ms(seen.appends, swap),
        "longest_read_before_ms": longest_ms(seen.reads, before),
        "longest_append_before_ms": longest_ms(seen.appends, before),
        "reads": len(seen.reads),
        "appends": len(seen.appends),
    }


def check_counts(dsn: str, documents: int) -> None:
    """Raise unless every table has the rows that it should."""
    twenties, rest = divmod(documents, 20)
    assert not rest, "a multiple of 20 documents has every kind of life in its share"
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM processing_workflows), "
            "(SELECT count(*) FROM documents_processing_stages), "
            "(SELECT count(*) FROM stage_output_files), "
            "(SELECT count(*) FROM document_streams WHERE parked_at IS NULL)"
        ).fetchone()
    expected = (documents, documents * 5, twenties * FILES_OF_TWENTY, documents)
    assert row == expected, (row, expected)


def check_documents(dsn: str, history: History, documents: int) -> int:
    """Hold documents from all of the log, those appended to first, against a fresh fold."""
    streams = StreamsUnderCheck(history)
    numbers = range(0, documents, max(1, documents // CHECKED_DOCUMENTS))
    with psycopg.connect(dsn, autocommit=True) as connection:
        return sum(
            len(check_document(connection, streams, document_id(number)))
            for number in sorted({*range(min(20, documents)), *numbers})
        )


def spread(values: list[float]) -> list[float]:
    """Return median, least and greatest."""
    return [round(it, 2) for it in (median(values), min(values), max(values))]


def execute(dsn: str, *statements: str) -> None:
    """Run statements, each by itself."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


if __name__ == "__main__":
    main()
