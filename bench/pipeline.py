"""How many documents a second go through five stages that do nothing, and how long does one take?

    python bench/pipeline.py DSN DOCUMENTS [--rounds 3] [--lone 30] [--files] [--without-projector]

Beside an engine whose steps do nothing, on the same server: the stages are five executors of a
plug-in, found by their entry points and run in the worker itself. They make no file; with
`--files` each writes a small one and reads that of the stage before it, which adds an event, a
blob and its sync to each stage.

What runs is what runs in production, in a database of its own on the server of DSN, dropped in the
end: one process `docledger work` (dispatcher, worker, reaper), one process `docledger project`
(read models, uploads tree, sealer), and this process, which registers automatic documents through
group commit as the API does. Documents a second count from the first registration to the last
WorkflowCompleted in the log. Then documents are registered one at a time, each after the one
before it is done: the latency is from its registration to its WorkflowCompleted seen in the log.

Each round is checked: every document has five StageStarted, five StageCompleted and one
WorkflowCompleted, and the read model shows its workflow completed. Prints one JSON line; figures
are [median, least, most] of the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from domain import commands as c
from domain.pipeline import StageDependency
from domain.values import Original, WorkflowType
from eventstore.application import WorkflowApplication
from eventstore.group_commit import GroupCommit
from harness.in_process import adopt
from peers.one_round import PAUSE_SECONDS
from postgres.migrate import Migrator
from projections import fold

STAGES = tuple(f"step-{number}" for number in range(1, 6))
PIPELINE = tuple(
    StageDependency(name, STAGES[n - 1] if n else None, True, n + 1)
    for n, name in enumerate(STAGES)
)
IN_FLIGHT = 256

PLUGIN = '''
"""Five stages that do nothing."""

from stages.executor import Options, ProducedFile, StageOutcome


class NoOp:
    suffix = ".txt"
    mime_type = "text/plain"
    version = "1"
    in_process = True
    options_model = Options

    def __init__(self, number):
        self.stage_name = f"step-{number}"
        self.file_type = f"step_{number}_text"
        self.reads = (f"step_{number - 1}_text",)

    def run(self, task):
        return StageOutcome(files=())


class TinyFile(NoOp):
    def run(self, task):
        path = task.work_dir / "out"
        before = task.inputs[0].path.read_text() if task.inputs else task.document_id
        path.write_text(f"{before} {self.stage_name}")
        return StageOutcome(files=(ProducedFile(path),))
'''

CHECK = """
    SELECT originator_id FROM docledger_events WHERE originator_id LIKE %s GROUP BY originator_id
    HAVING count(*) FILTER (WHERE topic = 'StageStarted') <> 5
        OR count(*) FILTER (WHERE topic = 'StageCompleted') <> 5
        OR count(*) FILTER (WHERE topic = 'WorkflowCompleted') <> 1
"""
COMPLETED = """
    SELECT count(*), max(notification_id) FROM docledger_events
    WHERE notification_id > %s AND topic = 'WorkflowCompleted'
"""
TABLES = """
    SELECT count(*) FROM processing_workflows
    WHERE document_id LIKE %s AND status = 'completed' AND completed_stages = 5
"""
SYNCS = "SELECT wal_sync FROM pg_stat_wal"
SYNCS_SINCE_18 = "SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'"
LAST = "SELECT coalesce(max(notification_id), 0) FROM docledger_events"


@dataclass
class Round:
    """What one round measured."""

    documents_per_second: float
    worker_cpu_ms_a_document: float
    projector_cpu_ms_a_document: float
    wal_syncs_a_document: float
    events_a_document: float
    lone_ms: list[float] = field(default_factory=list)
    registering_ms: list[float] = field(default_factory=list)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dsn")
    parser.add_argument("documents", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lone", type=int, default=30)
    parser.add_argument("--files", action="store_true")
    parser.add_argument("--without-projector", action="store_true")
    given = parser.parse_args()
    roles = ["work"] if given.without_projector else ["work", "project"]
    with (
        own_database(given.dsn) as dsn,
        tempfile.TemporaryDirectory(prefix="docledger-bench-") as folder,
        running(dsn, Path(folder), roles, files=given.files) as processes,
        contextlib.closing(WorkflowApplication(dsn)) as application,
        contextlib.closing(GroupCommit(application, fold)) as commands,
        psycopg.connect(dsn, autocommit=True) as connection,
        psycopg.connect(dsn, autocommit=True) as listening,
    ):
        listening.execute("LISTEN docledger_events")
        bench = Bench(commands, connection, listening, processes)
        bench.lone("warm", 5)
        rounds = [bench.round(f"r{n}", given.documents, given.lone) for n in range(given.rounds)]
        server = connection.execute("SHOW server_version").fetchone()
    print(json.dumps(figures(rounds, given, ["register", *roles], str(server and server[0]))))


@contextlib.contextmanager
def own_database(dsn: str) -> Iterator[str]:
    """Give a migrated database whose pipeline are the five steps; it is dropped afterwards."""
    name = f"bench_pipeline_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            own = make_conninfo(dsn, dbname=name)
            Migrator(own).up()
            with psycopg.connect(own) as fresh:
                fresh.execute("DELETE FROM stage_dependencies")
                for number, row in enumerate(PIPELINE):
                    fresh.execute(
                        "INSERT INTO stage_dependencies VALUES (%s, %s, %s, %s, %s)",
                        (f"step_{number}", *row),
                    )
            yield own
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def running(
    dsn: str, folder: Path, roles: Sequence[str], *, files: bool
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run the roles, each in a process of its own that finds the plug-in; end them afterwards."""
    plug_in(folder / "packages", files=files)
    path = [str(folder / "packages"), *filter(None, [os.environ.get("PYTHONPATH")])]
    adopt(dsn, folder / "home")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        "DOCLEDGER_HOME": str(folder / "home"),
        "DOCLEDGER_DATABASE_URL": dsn,
    }
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for role in roles:
            processes[role] = subprocess.Popen(
                [sys.executable, "-m", "docledger", role], env=environment
            )
        yield processes
    finally:
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        for process in processes.values():
            process.wait(60)


def plug_in(packages: Path, *, files: bool) -> None:
    """Install a package with the five executors into the folder, as pip would."""
    metadata = packages / "no_op_stages-1.0.dist-info"
    metadata.mkdir(parents=True)
    made = "TinyFile" if files else "NoOp"
    factories = "".join(f"\n\ndef step_{n}():\n    return {made}({n})\n" for n in range(1, 6))
    (packages / "no_op_stages.py").write_text(PLUGIN + factories)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: no-op-stages\nVersion: 1.0\n")
    points = "".join(f"{name} = no_op_stages:{name.replace('-', '_')}\n" for name in STAGES)
    (metadata / "entry_points.txt").write_text(f"[docledger.stages]\n{points}")


class Bench:
    """Registers documents and watches the log."""

    def __init__(
        self,
        commands: GroupCommit,
        connection: psycopg.Connection[Any],
        listening: psycopg.Connection[Any],
        processes: dict[str, subprocess.Popen[bytes]],
    ) -> None:
        self._commands = commands
        self._connection = connection
        self._listening = listening
        self._processes = processes

    def round(self, name: str, documents: int, lone: int) -> Round:
        """Take many documents through at once, then some one at a time; check all of them."""
        before = self._one(LAST)
        cpu, syncs = self._cpu(), self._syncs()
        started = time.perf_counter()
        self._register([f"{name}-{number}" for number in range(documents)])
        self._wait(before, documents)
        seconds = time.perf_counter() - started
        events = self._one(LAST) - before
        self._check(f"{name}-%", documents)
        spent = {role: now - cpu[role] for role, now in self._cpu().items()}
        measured = Round(
            documents_per_second=documents / seconds,
            worker_cpu_ms_a_document=spent["work"] * 1000 / documents,
            projector_cpu_ms_a_document=spent.get("project", 0) * 1000 / documents,
            wal_syncs_a_document=(self._syncs() - syncs) / documents,
            events_a_document=events / documents,
        )
        measured.lone_ms, measured.registering_ms = self.lone(f"lone-{name}", lone)
        return measured

    def lone(self, name: str, documents: int) -> tuple[list[float], list[float]]:
        """Return the milliseconds that each of these documents and its registration took."""
        taken, registering = [], []
        for number in range(documents):
            before = self._one(LAST)
            time.sleep(PAUSE_SECONDS)
            started = time.perf_counter()
            self._commands.execute(register(f"{name}-{number}"))
            registering.append((time.perf_counter() - started) * 1000)
            self._wait(before, 1)
            taken.append((time.perf_counter() - started) * 1000)
        self._check(f"{name}-%", documents)
        return taken, registering

    def _register(self, document_ids: Sequence[str]) -> None:
        answers: deque[Future[Any]] = deque()
        for document_id in document_ids:
            answers.append(self._commands.submit(register(document_id)))
            if len(answers) >= IN_FLIGHT:
                answers.popleft().result()
        for answer in answers:
            answer.result()

    def _wait(self, position: int, documents: int) -> None:
        """Wait until so many workflows were completed after the position."""
        deadline = time.monotonic() + 600
        while True:
            completed, last = self._connection.execute(COMPLETED, (position,)).fetchall()[0]
            documents, position = documents - completed, last or position
            if documents <= 0:
                return
            if time.monotonic() > deadline:
                raise SystemExit(f"{documents} documents are still not done")
            for _ in self._listening.notifies(timeout=1, stop_after=1):
                pass
            if documents > 1:
                time.sleep(0.01)

    def _check(self, pattern: str, documents: int) -> None:
        wrong = self._connection.execute(CHECK, (pattern,)).fetchall()
        if wrong:
            raise SystemExit(f"{len(wrong)} documents did not go through five stages: {wrong[:3]}")
        if "project" not in self._processes:
            return
        deadline = time.monotonic() + 120
        while self._one(TABLES, pattern) != documents:
            if time.monotonic() > deadline:
                raise SystemExit("the read model does not show every workflow completed")
            time.sleep(0.02)

    def _one(self, query: str, *parameters: Any) -> int:
        return int(self._connection.execute(query.encode(), parameters).fetchall()[0][0])

    def _cpu(self) -> dict[str, float]:
        return {role: cpu_seconds(process.pid) for role, process in self._processes.items()}

    def _syncs(self) -> int:
        version = self._connection.info.server_version
        return self._one(SYNCS if version < 180_000 else SYNCS_SINCE_18)


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has had, in its own name."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def register(document_id: str) -> c.RegisterDocument:
    """Return the command that hands an automatic document in."""
    return c.RegisterDocument(
        document_id=document_id,
        context=c.Context(at=datetime.now(UTC), actor="bench", command_id=str(uuid.uuid4())),
        title="A title",
        original=Original(),
        content="Content.",
        workflow_type=WorkflowType.AUTOMATIC,
        pipeline=PIPELINE,
    )


def figures(
    rounds: Sequence[Round], given: argparse.Namespace, running: list[str], server: str
) -> dict[str, Any]:
    """Return what to print."""
    lone = [sorted(measured.lone_ms) for measured in rounds]

    def over(values: Iterator[float]) -> list[float]:
        listed = list(values)
        found = (statistics.median(listed), min(listed), max(listed))
        return [round(value, 2) for value in found]

    names = [name for name in Round.__dataclass_fields__ if not name.endswith("_ms")]
    return {
        "case": "docledger_pipeline",
        "server": server,
        "documents": given.documents,
        "stages": len(STAGES),
        "files_a_stage": int(given.files),
        "rounds": given.rounds,
        "processes": running,
        **{name: over(getattr(measured, name) for measured in rounds) for name in names},
        "registering_p50_ms": over(statistics.median(each.registering_ms) for each in rounds),
        "lone_p50_ms": over(each[len(each) // 2] for each in lone),
        "lone_p99_ms": over(each[min(len(each) - 1, len(each) * 99 // 100)] for each in lone),
    }


if __name__ == "__main__":
    main()
