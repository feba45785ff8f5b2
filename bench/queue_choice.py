"""Compare job queue libraries on the work that docledger gives them.

    python bench/queue_choice.py DSN [--documents 600] [--lone 24] [--queues NAME …]

Five stages that do nothing, end to end on one machine: a log with an ordering lock, a dispatcher
(tracking row and jobs in one transaction), a projector-like reader and one worker process of eight
slots. Once with one job per document, the worker going on through its stages, and once with one
job per stage. Then lone documents, one after the other, each timed from its registration to its
last event. Prints one JSON line. Needs `pip install pgqueuer procrastinate`; everything lives in
the schemas `queue_choice*`, dropped before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import statistics
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import procrastinate
import psycopg
from pgqueuer import QueueManager
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver, SyncPsycopgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder
from pgqueuer.adapters.persistence.queries import Queries, SyncQueries
from pgqueuer.domain.settings import DBSettings
from procrastinate.jobs import DeleteJobCondition
from procrastinate.schema import SchemaManager
from procrastinate.types import JSONDict
from psycopg_pool import AsyncConnectionPool, ConnectionPool

STAGES = 5
SLOTS = 8
QUEUE_SCHEMA = "queue_choice_jobs"

SCHEMA = """
DROP SCHEMA IF EXISTS queue_choice CASCADE; CREATE SCHEMA queue_choice;
DROP SCHEMA IF EXISTS queue_choice_jobs CASCADE; CREATE SCHEMA queue_choice_jobs;
CREATE TABLE queue_choice.log (
    position bigserial PRIMARY KEY, document_id text NOT NULL, version int NOT NULL,
    kind text NOT NULL, stage int NOT NULL, UNIQUE (document_id, version));
CREATE TABLE queue_choice.tracking (name text PRIMARY KEY, position bigint NOT NULL);
INSERT INTO queue_choice.tracking VALUES ('dispatcher', 0), ('projector', 0);
CREATE TABLE queue_choice.rows (document_id text PRIMARY KEY, version int, kind text, stage int);
CREATE FUNCTION queue_choice.append(ids text[], versions int[], kinds text[], stages int[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(6029, 1);
    INSERT INTO queue_choice.log (document_id, version, kind, stage)
    SELECT * FROM unnest(ids, versions, kinds, stages);
    PERFORM pg_notify('queue_choice', '');
END $$;
"""


Job = tuple[str, int]


def _elsewhere(document_id: str, stage: int) -> None:
    """Stand for the task on the side that only defers it."""


class Queue(Protocol):
    """What both libraries are asked for."""

    def install(self, dsn: str) -> None: ...
    def defer(
        self, connection: psycopg.Connection[Any], jobs: list[Job], delay: timedelta | None = None
    ) -> None: ...
    async def work(self, dsn: str, run: Callable[[str, int], None]) -> None: ...


class Procrastinate:
    """procrastinate with an open pool, jobs deleted when done, the default poll of 5 s."""

    def __init__(self) -> None:
        self.app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())
        self.task = self.app.task(name="run")(_elsewhere)

    def install(self, dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"SET search_path = {QUEUE_SCHEMA}")
            connection.execute(SchemaManager.get_schema().encode())

    def defer(
        self, connection: psycopg.Connection[Any], jobs: list[Job], delay: timedelta | None = None
    ) -> None:
        connection.execute(f"SET LOCAL search_path = {QUEUE_SCHEMA}")
        at = None if delay is None else datetime.now(UTC) + delay
        arguments: list[JSONDict] = [{"document_id": job[0], "stage": job[1]} for job in jobs]
        self.task.configure(connection=connection, queue="stages", schedule_at=at).batch_defer(
            *arguments
        )

    async def work(self, dsn: str, run: Callable[[str, int], None]) -> None:
        options = {"options": f"-c search_path={QUEUE_SCHEMA}"}
        pool = AsyncConnectionPool(dsn, kwargs=options, open=False, min_size=2, max_size=4)
        await pool.open(wait=True)
        app = procrastinate.App(connector=procrastinate.PsycopgConnector())
        app.task(name="run")(run)
        await app.open_async(pool)
        await app.run_worker_async(
            queues=["stages"],
            concurrency=SLOTS,
            delete_jobs=DeleteJobCondition.ALWAYS,
            install_signal_handlers=False,
        )


def pgqueuer_settings() -> DBSettings:
    return DBSettings(db_schema=QUEUE_SCHEMA)


class TwoConnections(PsycopgDriver):
    """pgqueuer's driver with LISTEN on a connection of its own.

    The library's driver holds its one connection while it waits for notifications, up to a second
    during which no query gets through.
    """

    def __init__(self, connection: Any, listening: Any) -> None:
        super().__init__(listening)
        self._queries = PsycopgDriver(connection)

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return await self._queries.fetch(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        return await self._queries.execute(query, *args)


class Pgqueuer:
    """pgqueuer as it comes: one psycopg connection, batches of four."""

    def install(self, dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                QueryBuilderEnvironment(pgqueuer_settings()).build_install_query().encode()
            )

    def defer(
        self, connection: psycopg.Connection[Any], jobs: list[Job], delay: timedelta | None = None
    ) -> None:
        SyncQueries(SyncPsycopgDriver(connection), QueryQueueBuilder(pgqueuer_settings())).enqueue(
            ["run"] * len(jobs),
            [json.dumps(job).encode() for job in jobs],
            [0] * len(jobs),
            [delay] * len(jobs),
        )

    async def driver(self, dsn: str) -> PsycopgDriver:
        return PsycopgDriver(await psycopg.AsyncConnection.connect(dsn, autocommit=True))

    async def work(self, dsn: str, run: Callable[[str, int], None]) -> None:
        settings = pgqueuer_settings()
        queries = Queries(
            await self.driver(dsn), QueryBuilderEnvironment(settings), QueryQueueBuilder(settings)
        )
        jobs = QueueManager(queries)

        @jobs.entrypoint("run")
        async def execute(job: Any) -> None:
            await asyncio.to_thread(run, *json.loads(job.payload))

        await jobs.run(batch_size=SLOTS // 2, max_concurrent_tasks=SLOTS)


class PgqueuerTwo(Pgqueuer):
    """pgqueuer with LISTEN on a connection of its own."""

    async def driver(self, dsn: str) -> PsycopgDriver:
        connect = psycopg.AsyncConnection.connect
        return TwoConnections(
            await connect(dsn, autocommit=True), await connect(dsn, autocommit=True)
        )


QUEUES: dict[str, Callable[[], Queue]] = {
    "procrastinate": Procrastinate,
    "pgqueuer": Pgqueuer,
    "pgqueuer_two_connections": PgqueuerTwo,
}


def append(connection: psycopg.Connection[Any], events: list[tuple[str, int, str, int]]) -> None:
    connection.execute(
        "SELECT queue_choice.append(%s, %s, %s, %s)",
        [list(column) for column in zip(*events, strict=True)],
    )


def run_document(pool: ConnectionPool[Any], document_id: str, stage: int) -> None:
    """Take the document through every stage, completion and next start in one append."""
    if stage == STAGES:
        run_stage(pool, document_id, stage)
        return
    with pool.connection() as connection:
        append(connection, [(document_id, 2, "started", 1)])
        for number in range(1, STAGES + 1):
            version = 1 + 2 * number
            events = [(document_id, version, "completed", number)]
            if number < STAGES:
                events.append((document_id, version + 1, "started", number + 1))
            append(connection, events)


def run_stage(pool: ConnectionPool[Any], document_id: str, stage: int) -> None:
    """Run one stage; the dispatcher makes the job of the next one."""
    with pool.connection() as connection:
        append(connection, [(document_id, 2 * stage, "started", stage)])
        append(connection, [(document_id, 2 * stage + 1, "completed", stage)])


def worker(name: str, dsn: str, per_stage: bool) -> None:
    """Host one worker until the process is ended."""
    with ConnectionPool(
        dsn, min_size=SLOTS, max_size=SLOTS, kwargs={"autocommit": True}, open=True
    ) as pool:
        pool.wait()
        body = run_stage if per_stage else run_document

        def run(document_id: str, stage: int) -> None:
            body(pool, document_id, stage)

        asyncio.run(QUEUES[name]().work(dsn, run))


def follow(dsn: str, name: str, stop: threading.Event, handle: Callable[..., None]) -> None:
    """Handle the log in batches behind a locked tracking row, woken by NOTIFY."""
    with (
        psycopg.connect(dsn, autocommit=True) as connection,
        psycopg.connect(dsn, autocommit=True) as listening,
    ):
        listening.execute("LISTEN queue_choice")
        while not stop.is_set():
            with connection.transaction():
                row = connection.execute(
                    "SELECT position FROM queue_choice.tracking WHERE name = %s FOR UPDATE", [name]
                ).fetchone()
                events = connection.execute(
                    "SELECT position, document_id, version, kind, stage FROM queue_choice.log"
                    " WHERE position > %s ORDER BY position LIMIT 500",
                    row,
                ).fetchall()
                if events:
                    handle(connection, events)
                    connection.execute(
                        "UPDATE queue_choice.tracking SET position = %s WHERE name = %s",
                        [events[-1][0], name],
                    )
            if not events:
                for _ in listening.notifies(timeout=0.5, stop_after=1):
                    pass


def project(connection: psycopg.Connection[Any], events: list[tuple[Any, ...]]) -> None:
    last = {event[1]: event[1:] for event in events}
    connection.cursor().executemany(
        "INSERT INTO queue_choice.rows VALUES (%s, %s, %s, %s) ON CONFLICT (document_id) DO UPDATE"
        " SET version = excluded.version, kind = excluded.kind, stage = excluded.stage",
        [last[key] for key in sorted(last)],
    )


def dispatch(queue: Queue, per_stage: bool) -> Callable[..., None]:
    def handle(connection: psycopg.Connection[Any], events: list[tuple[Any, ...]]) -> None:
        last = {event[1]: event for event in events}
        ready = ("registered", "completed") if per_stage else ("registered",)
        jobs = [
            (document_id, stage + 1)
            for _, document_id, _, kind, stage in last.values()
            if kind in ready and stage < STAGES
        ]
        if jobs:
            queue.defer(connection, jobs)

    return handle


def wait_for(connection: psycopg.Connection[Any], document_ids: list[str]) -> None:
    while True:
        row = connection.execute(
            "SELECT count(*) FROM queue_choice.log WHERE document_id = ANY(%s) AND version = %s",
            [document_ids, 1 + 2 * STAGES],
        ).fetchone()
        if row and row[0] == len(document_ids):
            return
        time.sleep(0.002)


def writes(connection: psycopg.Connection[Any]) -> int:
    """Return how many transactions have written anything so far."""
    row = connection.execute("SELECT txid_current()").fetchone()
    return int(row[0]) if row else 0


def wal_bytes(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    return int(row[0]) if row else 0


def register(connection: psycopg.Connection[Any], document_ids: list[str]) -> None:
    for first in range(0, len(document_ids), 100):
        batch = document_ids[first : first + 100]
        append(connection, [(document_id, 1, "registered", 0) for document_id in batch])


def measure(dsn: str, name: str, per_stage: bool, documents: int, lone: int) -> dict[str, Any]:
    queue = QUEUES[name]()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
        queue.install(dsn)
        stop = threading.Event()
        followers = [
            threading.Thread(target=follow, args=(dsn, role, stop, handle))
            for role, handle in (("dispatcher", dispatch(queue, per_stage)), ("projector", project))
        ]
        process = multiprocessing.get_context("spawn").Process(
            target=worker, args=(name, dsn, per_stage), daemon=True
        )
        process.start()
        for thread in followers:
            thread.start()
        try:
            figures = _run(connection, documents, lone)
            return figures | {"delayed_late_ms": _delayed(connection, queue)}
        finally:
            stop.set()
            process.terminate()
            process.join(10)
            for thread in followers:
                thread.join(10)


def _run(connection: psycopg.Connection[Any], documents: int, lone: int) -> dict[str, Any]:
    register(connection, ["warm-up"])
    wait_for(connection, ["warm-up"])
    crowd = [f"crowd-{number}" for number in range(documents)]
    before, wal_before = writes(connection), wal_bytes(connection)
    started = time.perf_counter()
    register(connection, crowd)
    wait_for(connection, crowd)
    seconds = time.perf_counter() - started
    wal, after = wal_bytes(connection) - wal_before, writes(connection)
    waits = []
    for number in range(lone):
        time.sleep(random.uniform(0.1, 0.6))
        began = time.perf_counter()
        register(connection, [f"lone-{number}"])
        wait_for(connection, [f"lone-{number}"])
        waits.append(time.perf_counter() - began)
    return {
        "documents_per_second": round(documents / seconds, 1),
        "commits_per_document": round((after - before) / documents, 1),
        "wal_bytes_per_document": wal // documents,
        "lone_ms": {
            "median": round(statistics.median(waits) * 1000, 1),
            "max": round(max(waits) * 1000, 1),
            "over_500": sum(wait > 0.5 for wait in waits),
        },
    }


def _delayed(connection: psycopg.Connection[Any], queue: Queue) -> list[float]:
    """Return by how much jobs of stage 5 put off by 1.5 s began too late."""
    late = []
    for number in range(3):
        name = f"delayed-{number}"
        append(connection, [(name, version, "elsewhere", 0) for version in range(1, 10)])
        with connection.transaction():
            queue.defer(connection, [(name, STAGES)], timedelta(seconds=1.5))
        began = time.perf_counter()
        wait_for(connection, [name])
        late.append(round((time.perf_counter() - began - 1.5) * 1000, 1))
    return late


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--documents", type=int, default=600)
    parser.add_argument("--lone", type=int, default=24)
    parser.add_argument("--queues", nargs="+", default=list(QUEUES), choices=list(QUEUES))
    arguments = parser.parse_args()
    results = {
        f"{name}, job per {'stage' if per_stage else 'document'}": measure(
            arguments.dsn, name, per_stage, arguments.documents, arguments.lone
        )
        for name in arguments.queues
        for per_stage in (False, True)
    }
    with psycopg.connect(arguments.dsn, autocommit=True) as connection:
        connection.execute(
            "DROP SCHEMA queue_choice CASCADE; DROP SCHEMA queue_choice_jobs CASCADE"
        )
    print(json.dumps({"stages": STAGES, "slots": SLOTS, **results}))


if __name__ == "__main__":
    main()
