"""How fast does the projector catch up, beside the library's ProjectionRunner?

    python bench/projector.py DSN [--documents 11112] [--rounds 5] [--library-events 3000]

The log holds the 18 events of each document that went through five stages, the appends of 100
documents in turn, names and title sealed under the document's key. docledger's projector applies
all of it, from nothing, with the batches of its settings. In between, over the same log and on the
same server, the library's ProjectionRunner keeps a view with one upsert and one tracking record a
transaction, as its documentation shows; of it only the first events are timed, since its rate does
not change. In the end the tables are held against a fresh fold of the log.

Prints one JSON line: events a second (medians over the rounds), their ratio, the projector's own
processor time and that of its backend in microseconds an event, and its greatest memory in MB after
the first tenth of the log and after all of it. Everything happens in a database of its own on the
server of DSN, dropped in the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import resource
import statistics
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psutil
import psycopg
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.utils import EnvType
from msgspec.structs import replace
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from docledger.settings import Settings
from domain import events as e
from eventstore.application import WorkflowApplication
from eventstore.history import History
from eventstore.mapper import SealedEvent
from postgres.migrate import Migrator
from projections.live.projector import Pace, Projector
from verification.streams_reader import StreamsUnderCheck
from verification.tables import check_tables
from verify import AT, appends

COHORT = 100
"""So many documents are under way at a time."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dsn")
    parser.add_argument("--documents", type=int, default=11_112)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--library-events", type=int, default=3000)
    given = parser.parse_args()
    with own_database(given.dsn, "bench_projector") as dsn:
        events = fill(dsn, given.documents)
        rounds = [measured(dsn, events, given.library_events) for _ in range(given.rounds)]
        differences = differences_of(dsn)
    figures = {name: round(statistics.median(r[name] for r in rounds), 1) for name in rounds[0]}
    ratio = statistics.median(r["docledger"] / r["library"] for r in rounds)
    head = {"events": events, "documents": given.documents, "rounds": given.rounds}
    print(json.dumps({**head, **figures, "ratio": round(ratio, 1), "differences": differences}))


@contextlib.contextmanager
def own_database(dsn: str, prefix: str) -> Iterator[str]:
    """Give a migrated database that is dropped afterwards."""
    name = f"{prefix}_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            own = make_conninfo(dsn, dbname=name)
            Migrator(own).up()
            yield own
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def fill(dsn: str, documents: int) -> int:
    """Write the documents' events, keys and rows of `documents`; return the number of events."""
    lives = list(appends())
    keys: dict[str, Any] = {}
    copy = "COPY docledger_events (originator_id, originator_version, topic, state) FROM STDIN"
    with (
        closing(WorkflowApplication(dsn)) as application,
        psycopg.connect(dsn, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SET session_replication_role = replica")
        with cursor.copy(copy) as rows:
            for first in range(0, documents, COHORT):
                ids = [f"document-{n}" for n in range(first, min(first + COHORT, documents))]
                for event, document_id in (
                    (event, i) for append in lives for i in ids for event in append
                ):
                    own = replace(event, document_id=document_id)
                    stored = application.event_mapper.stored_event(own, 1)
                    if isinstance(stored, SealedEvent):
                        keys[document_id] = stored.sealing.key
                    version = stored.originator_version
                    rows.write_row((document_id, version, stored.topic, stored.state))
        with cursor.copy(
            "COPY document_keys (document_id, key_id, key, created_at) FROM STDIN"
        ) as rows:
            for document_id, key in keys.items():
                rows.write_row((document_id, key.key_id, key.key, AT))
        cursor.execute(
            "INSERT INTO documents (id, title, created_at, updated_at) "
            "SELECT document_id, 'A title', created_at, created_at FROM document_keys"
        )
        cursor.execute("VACUUM ANALYZE docledger_events, document_keys, documents")
    return documents * sum(map(len, lives))


def measured(dsn: str, events: int, library_events: int) -> dict[str, float]:
    """Return the figures of one round, each projector in a process of its own."""
    reset(dsn)
    with multiprocessing.get_context("spawn").Pool(1) as process:
        ours = process.apply(catch_up, (dsn, events))
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return {**ours, "library": process.apply(library_catches_up, (dsn, library_events))}


def reset(dsn: str) -> None:
    """Empty every table that a projector writes."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "TRUNCATE documents_processing_stages, stage_output_files, processing_workflows, "
            "document_streams, tracking"
        )
        connection.execute("DROP TABLE IF EXISTS library_stages, library_files, library_tracking")
        connection.execute("CHECKPOINT")


def catch_up(dsn: str, events: int) -> dict[str, float]:
    """Let the projector apply the whole log; return what that took."""
    backends: list[psutil.Process] = []
    figures: dict[str, float] = {}
    done = 0

    def connect() -> psycopg.Connection[Any]:
        connection = psycopg.connect(dsn)
        backends.append(psutil.Process(connection.info.backend_pid))
        return connection

    def observe(applied: int, _: float) -> None:
        nonlocal done
        done += applied
        if done >= events / 10:
            figures.setdefault("memory_mb_at_first", memory_mb())
        if done >= events:
            spent = sum(b.cpu_times().user + b.cpu_times().system for b in backends)
            figures["backend_us"] = spent / events * 1e6

    pace = Pace(batch_events=Settings.model_fields["projector_batch_events"].default)
    with closing(WorkflowApplication(dsn)) as application:
        history = History(application)
        last = history.last_position()
        projector = Projector(connect, history, pace=pace, observe=observe)
        started, busy = time.perf_counter(), time.process_time()
        projector.run_until(last, timeout_seconds=3600)
        figures["own_us"] = (time.process_time() - busy) / events * 1e6
        figures["docledger"] = events / (time.perf_counter() - started)
    return {**figures, "memory_mb_at_last": memory_mb()}


def memory_mb() -> float:
    """Return the greatest memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class LibraryApplication(WorkflowApplication):
    """The same log as the library's runner makes an application: from an environment."""

    name = WorkflowApplication.name

    def __init__(self, env: EnvType | None = None) -> None:
        super().__init__(dict(env or {})["DSN"])


class LibraryView(PostgresTrackingRecorder):
    """Stages and files, each change one transaction with its tracking record."""

    def create_table(self) -> None:
        """Make the view's tables with those of the library."""
        super().create_table()
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS library_stages (document_id text, stage_name text, "
                "status text, updated_at timestamptz, PRIMARY KEY (document_id, stage_name))"
            )
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS library_files (document_id text, stage_name text, "
                "file_type text, checksum text, size bigint, "
                "PRIMARY KEY (document_id, stage_name, file_type))"
            )

    def put_stage(self, event: Any, status: str, tracking: Tracking) -> None:
        """Keep a stage's status."""
        self._put(
            "INSERT INTO library_stages VALUES (%s, %s, %s, %s) ON CONFLICT "
            "(document_id, stage_name) DO UPDATE SET status = excluded.status, "
            "updated_at = excluded.updated_at",
            (event.document_id, event.stage_name, status, event.at),
            tracking,
        )

    def put_file(self, event: e.OutputFileRegistered, tracking: Tracking) -> None:
        """Keep a file."""
        self._put(
            "INSERT INTO library_files VALUES (%s, %s, %s, %s, %s) ON CONFLICT "
            "(document_id, stage_name, file_type) DO UPDATE SET checksum = excluded.checksum, "
            "size = excluded.size",
            (event.document_id, event.stage_name, event.file_type, event.checksum,
             event.size_bytes),
            tracking,
        )  # fmt: skip

    def put_nothing(self, tracking: Tracking) -> None:
        """Keep the position."""
        self._put(None, (), tracking)

    def _put(self, statement: str | None, values: tuple[Any, ...], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            if statement is not None:
                cursor.execute(statement.encode(), values, prepare=True)
            self._insert_tracking(cursor, tracking)


class LibraryProjection(Projection[LibraryView]):
    """One event after the other."""

    name = "library"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Apply an event."""
        match domain_event:
            case e.StageStarted():
                self.view.put_stage(domain_event, "in_progress", tracking)
            case e.StageCompleted():
                self.view.put_stage(domain_event, "completed", tracking)
            case e.OutputFileRegistered():
                self.view.put_file(domain_event, tracking)
            case _:
                self.view.put_nothing(tracking)


def library_catches_up(dsn: str, events: int) -> float:
    """Let the library's runner apply the first events; return how many a second."""
    given = conninfo_to_dict(dsn)
    env = {
        "DSN": dsn,
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(given["dbname"]),
        "POSTGRES_HOST": str(given.get("host") or ""),
        "POSTGRES_PORT": str(given.get("port") or ""),
        "POSTGRES_USER": str(given.get("user") or ""),
        "POSTGRES_PASSWORD": str(given.get("password") or "none"),
    }
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT notification_id FROM docledger_events ORDER BY 1 OFFSET %s LIMIT 1",
            (events - 1,),
        ).fetchone()
    assert row is not None
    started = time.perf_counter()
    with ProjectionRunner(
        application_class=LibraryApplication,
        projection_class=LibraryProjection,
        view_class=LibraryView,
        env=env,
    ) as runner:
        runner.wait(row[0], timeout=3600)
        return events / (time.perf_counter() - started)


def differences_of(dsn: str) -> int:
    """Return how many rows of the tables a fresh fold does not give."""
    with (
        closing(WorkflowApplication(dsn)) as application,
        psycopg.connect(dsn, autocommit=True) as connection,
    ):
        shards = check_tables(connection, StreamsUnderCheck(History(application)))
        return sum(len(shard.differences) for shard in shards)


if __name__ == "__main__":
    main()
