"""How soon is what was appended visible in the tables, while commands keep coming in?

    python bench/visible.py DSN [--rate 500] [--seconds 20] [--documents 2000] [--rounds 5]

One process gives commands at a steady rate through group commit, each the start or the end of a
stage of some document; another runs the projector. A third looks at the tracking position, woken
by the projector's notification: an event is visible once a reader's snapshot has its position.
The time is counted from the moment at which the command's append was answered.

Prints one JSON line: commands a second that were in fact given, p50, p99 and the longest time in
milliseconds, batches a second, and processor time of the projector and of its backend in per cent
of one core; medians over the rounds, each with a database of its own, and the longest of all. In
the end of each the tables are held against a fresh fold of the log.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import random
import statistics
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from typing import Any

import psutil
import psycopg

from docledger.settings import Settings
from domain import commands as c
from domain.pipeline import StageDependency
from domain.values import FailureReason, Original, WorkflowType
from eventstore.application import WorkflowApplication
from eventstore.group_commit import GroupCommit
from eventstore.history import History
from postgres.tracking import READ_MODELS, read_position
from projections.live.projector import Pace, Projector
from projections.statements import READ_MODELS_CHANNEL
from projector import differences_of, own_database

STAGES = ("markdown-conversion", "markdown-optimizer", "chunker", "fact-generator", "ingestor")
PIPELINE = tuple(
    StageDependency(name, STAGES[n - 1] if n else None, True, n + 1)
    for n, name in enumerate(STAGES)
)
Seen = list[tuple[float, int]]
"""When, by the machine's steady clock, which position was reached."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dsn")
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    rounds = []
    for _ in range(given.rounds):
        with own_database(given.dsn, "bench_visible") as dsn:
            rounds.append(measured(dsn, given.rate, given.seconds, given.documents))
            rounds[-1]["differences"] = differences_of(dsn)
    print(json.dumps(summary(rounds)))


def summary(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Return the medians, but of what must not happen the most."""
    figures = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    worst = ("longest_ms", "differences")
    return figures | {name: max(each[name] for each in rounds) for name in worst}


def measured(dsn: str, rate: float, seconds: float, documents: int) -> dict[str, float]:
    """Give commands for so many seconds; return how soon they were visible."""
    spawn = multiprocessing.get_context("spawn")
    stop, projecting, looking = spawn.Event(), spawn.Queue(), spawn.Queue()
    projector = spawn.Process(target=project, args=(dsn, stop, projecting), daemon=True)
    reader = spawn.Process(target=look, args=(dsn, stop, looking), daemon=True)
    with (
        closing(WorkflowApplication(dsn)) as application,
        closing(GroupCommit(application)) as commit,
    ):
        ids = [f"document-{number}" for number in range(documents)]
        for future in [commit.submit(register(document_id)) for document_id in ids]:
            future.result()
        projector.start()
        reader.start()
        before = projecting.get(timeout=60)
        appended = give_commands(commit, ids, rate, seconds)
        wait_for(dsn, History(application).last_position())
    stop.set()
    after, seen = projecting.get(timeout=60), looking.get(timeout=60)
    projector.join()
    reader.join()
    taken = sorted(delays(appended, seen))
    spent = {name: after[name] - before[name] for name in after}
    passed = spent.pop("at")
    return {
        "commands_per_second": round(len(appended) / seconds),
        "p50_ms": round(taken[len(taken) // 2], 1),
        "p99_ms": round(taken[len(taken) * 99 // 100], 1),
        "longest_ms": round(taken[-1], 1),
        "batches_per_second": round(spent.pop("batches") / passed),
        **{name: round(value / passed * 100, 1) for name, value in spent.items()},
    }


def give_commands(
    commit: GroupCommit, ids: list[str], rate: float, seconds: float
) -> list[tuple[float, int]]:
    """Give commands at this rate; return when each was answered, and its position."""
    appended: list[tuple[float, int]] = []
    orders = reports(ids)

    def note(future: Any) -> None:
        appended.append((time.monotonic(), future.result().position))

    started = time.monotonic()
    for number in range(int(rate * seconds)):
        if (early := started + number / rate - time.monotonic()) > 0:
            time.sleep(early)
        commit.submit(next(orders)).add_done_callback(note)
    while len(appended) < int(rate * seconds):
        time.sleep(0.01)
    return appended


def reports(ids: list[str]) -> Iterator[c.Command]:
    """Yield commands about documents in random order, each document's stage failing at last."""
    chance = random.Random(1)
    for turn in itertools.count():
        order = chance.sample(ids, len(ids))
        for document_id in order:
            fields: dict[str, Any] = {
                "document_id": document_id, "context": context(), "stage_name": STAGES[0]
            }  # fmt: skip
            if turn % 3 == 0:
                yield c.StartStage(**fields)
            elif turn % 3 == 1:
                yield c.FailStage(**fields, reason=FailureReason.ERROR)
            else:
                yield c.ResetStage(**fields)


def delays(appended: list[tuple[float, int]], seen: Seen) -> Iterator[float]:
    """Yield for each append the milliseconds until a reader saw its position."""
    looks = iter(seen)
    at, reached = next(looks)
    for answered_at, position in sorted(appended, key=lambda pair: pair[1]):
        while reached < position:
            at, reached = next(looks)
        yield max(0.0, at - answered_at) * 1000


def project(dsn: str, stop: Event, told: Any) -> None:
    """Run the projector; tell what it spent once it runs and in the end."""
    backends: list[psutil.Process] = []
    batches: list[int] = []

    def connect() -> psycopg.Connection[Any]:
        connection = psycopg.connect(dsn)
        backends.append(psutil.Process(connection.info.backend_pid))
        return connection

    def note(events: int, _: float) -> None:
        batches.append(events)

    def spent() -> dict[str, float]:
        times = [backend.cpu_times() for backend in backends]
        backend = sum(used.user + used.system for used in times)
        own = time.process_time()
        return {
            "at": time.monotonic(), "batches": len(batches), "own_cpu": own, "backend_cpu": backend
        }  # fmt: skip

    pace = Pace(poll_seconds=Settings.model_fields["poll_seconds"].default)
    with closing(WorkflowApplication(dsn)) as application:
        history = History(application)
        projector = Projector(connect, history, pace=pace, observe=note)
        thread = threading.Thread(target=projector.run)
        thread.start()
        wait_for(dsn, history.last_position())
        told.put(spent())
        stop.wait()
        told.put(spent())
        projector.stop()
        thread.join()


def look(dsn: str, stop: Event, told: Any) -> None:
    """Note which position is visible when, until stopped."""
    seen: Seen = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"LISTEN {READ_MODELS_CHANNEL}".encode())
        while not stop.is_set():
            position = read_position(connection, READ_MODELS)
            seen.append((time.monotonic(), position))
            for _ in connection.notifies(timeout=0.005, stop_after=1):
                pass
    told.put(seen)


def wait_for(dsn: str, position: int) -> None:
    """Wait until the tables are at this position."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        while read_position(connection, READ_MODELS) < position:
            time.sleep(0.02)


def register(document_id: str) -> c.RegisterDocument:
    """Return the command that hands a document in."""
    return c.RegisterDocument(
        document_id=document_id,
        context=context(),
        title="A title",
        original=Original(file_name="a.pdf"),
        workflow_type=WorkflowType.MANUAL,
        pipeline=PIPELINE,
    )


def context() -> c.Context:
    """Return the context of a command of its own."""
    return c.Context(at=datetime.now(UTC), actor="bench", command_id=str(uuid.uuid4()))


if __name__ == "__main__":
    main()
