"""How fast is the log sealed, held against its seals, and the tables against a fresh fold?

    python bench/verify.py DSN [--documents 5000]

Each document has the 18 events of one that went through five stages, names and title sealed under
its key. Everything happens in a database of its own on the server of DSN, dropped in the end.
Prints one JSON line: events a second of each part, reading the log alone beside them, bytes that
the seals take per event, milliseconds that a proof of one document takes, and the process's
greatest memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import psycopg
from msgspec.structs import replace
from psycopg.conninfo import make_conninfo

from domain import commands as c
from domain.decisions.decide import decide
from domain.document_workflow import DocumentWorkflow, evolve
from domain.events import Event
from domain.pipeline import StageDependency
from domain.values import Original, OutputFile, WorkflowType
from eventstore.application import WorkflowApplication
from eventstore.history import History
from eventstore.mapper import SealedEvent
from eventstore.seals.sealer import prove, seal_all
from eventstore.stored_log import read_between
from postgres.migrate import Migrator
from projections.live.projector import Pace, Projector
from verification.log import LogCheck, log_end
from verification.streams_reader import StreamsUnderCheck
from verification.tables import check_tables

AT = datetime(2026, 1, 1, tzinfo=UTC)
STAGES = ("markdown-conversion", "markdown-optimizer", "chunker", "fact-generator", "ingestor")
PIPELINE = tuple(
    StageDependency(name, STAGES[n - 1] if n else None, True, n + 1)
    for n, name in enumerate(STAGES)
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dsn")
    parser.add_argument("--documents", type=int, default=5000)
    arguments = parser.parse_args()
    with psycopg.connect(arguments.dsn, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS bench_verify")
        connection.execute("CREATE DATABASE bench_verify")
    dsn = make_conninfo(arguments.dsn, dbname="bench_verify")
    try:
        Migrator(dsn).up()
        with closing(WorkflowApplication(dsn)) as application:
            print(json.dumps(measured(dsn, application, arguments.documents)))
    finally:
        with psycopg.connect(arguments.dsn, autocommit=True) as connection:
            connection.execute("DROP DATABASE bench_verify WITH (FORCE)")


def measured(dsn: str, application: WorkflowApplication, documents: int) -> dict[str, Any]:
    """Fill the log, project it, then measure each part."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        events = fill(connection, application, documents)
        history = History(application)
        projector = Projector(lambda: psycopg.connect(dsn), history, pace=Pace(batch_events=5000))
        projector.run_until(history.last_position(), timeout_seconds=3600)
        connection.execute("VACUUM ANALYZE")

        def rate(act: Callable[[], Any]) -> int:
            started = time.perf_counter()
            act()
            return round(events / (time.perf_counter() - started))

        found: dict[str, Any] = {"documents": documents, "events": events}
        found["read_the_log"] = rate(lambda: sum(1 for _ in read_between(connection, 0, 2**60)))
        found["seal"] = rate(lambda: seal_all(connection, lambda: AT))
        differences: list[Any] = []
        check = LogCheck(connection, log_end(connection))
        found["log_against_seals"] = rate(lambda: differences.extend(check.differences()))
        shards = check_tables(connection, StreamsUnderCheck(history))
        found["tables_against_fold"] = rate(
            lambda: differences.extend(d for shard in shards for d in shard.differences)
        )
        found["differences"] = len(differences)
        started = time.perf_counter()
        for number in range(20):
            prove(connection, f"document-{number * documents // 20}", events)
        found["proof_ms"] = round((time.perf_counter() - started) * 1000 / 20, 1)
        row = connection.execute(
            "SELECT pg_total_relation_size('log_seal_tiles') + pg_total_relation_size('log_seals')"
        ).fetchone()
        found["seal_bytes_per_event"] = round((row[0] if row else 0) / events, 1)
        found["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return found


def fill(
    connection: psycopg.Connection[Any], application: WorkflowApplication, documents: int
) -> int:
    """Write the documents' events, keys and rows; return the number of events."""
    template = list(life())
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        keys = {}
        copy = "COPY docledger_events (originator_id, originator_version, topic, state) FROM STDIN"
        with cursor.copy(copy) as rows:
            for number in range(documents):
                document_id = f"document-{number}"
                for event in template:
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
    return documents * len(template)


def life() -> Iterator[Event]:
    """Yield the events of a document that goes through all stages."""
    return chain.from_iterable(appends())


def appends() -> Iterator[tuple[Event, ...]]:
    """Yield the same events, those of one command at a time."""
    state = DocumentWorkflow.unborn("template")
    context = c.Context(at=AT, actor="worker host-1:4711", command_id="0" * 36)
    common: dict[str, Any] = {"document_id": "template", "context": context}
    commands: list[c.Command] = [
        c.RegisterDocument(
            **common,
            title="Quarterly report of the northern branch",
            original=Original(
                file_name="report-2026-q1.pdf",
                checksum="a" * 64,
                size_bytes=123_456,
                mime_type="application/pdf",
            ),
            workflow_type=WorkflowType.AUTOMATIC,
            pipeline=PIPELINE,
        ),
        c.StartStage(**common, stage_name=STAGES[0], lease_id="1" * 36),
    ]
    for name in STAGES:
        file = OutputFile(
            file_type=name.replace("-", "_"),
            suffix=f".{name}.json",
            checksum="b" * 64,
            canonical_checksum="c" * 64,
            size_bytes=4321,
            mime_type="application/json",
            metadata={"pages": 12, "words": 3456},
        )
        commands.append(
            c.CompleteStage(
                **common,
                stage_name=name,
                files=(file,),
                lease_id="1" * 36,
                executor=f"{name}/1.2.0",
                metadata={"seconds": 1.25},
                continue_with_lease=True,
            )
        )
    for command in commands:
        events = decide(state, command)
        for event in events:
            state = evolve(state, event)
        yield events


if __name__ == "__main__":
    main()
