"""What does `docledger process` add to the work of the executors themselves?

    python bench/process.py [FILES...] [--corpus DIR] [--rounds 3] [--set NAME=VALUE...]

FILES are files or folders, DIR where bench/conversion.py keeps its documents. In turns: `docledger
process` with `docledger up` running on a new home, and the same five executors in a bare process
pool on all cores (process_parts/pool.py), which writes to the search store of another database of
the same server. Seconds are those of the commands from start to end; processor time is that of the
command, its children and the service's processes, PostgreSQL's left out. A round counts if both
completed the same number of files. Prints one JSON line; figures are [median, least, most] of the
rounds, and ratios are of pairs of one round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from conversion import corpus
from docledger.bootstrap import Docledger
from docledger.commands.file_search import find_files
from docledger.settings import Settings

BENCH = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("docledger")
_READY = "docledger is ready at "


@dataclass(frozen=True)
class Took:
    """How long a command took, and how much processor time went into it."""

    seconds: float
    cpu_seconds: float
    completed: int


def main() -> None:
    given = _arguments()
    files = find_files(given.files, follow_links=False).files if given.files else []
    files += corpus(given.corpus) if given.corpus else []
    rounds = [_round(files, given.set) for _ in range(given.rounds)]
    told = {
        "files": len(files),
        "completed": rounds[0][0].completed,
        "cores": os.cpu_count(),
        "process": _figures([ours for ours, _ in rounds]),
        "pool": _figures([theirs for _, theirs in rounds]),
        "secondsRatio": _spread([ours.seconds / theirs.seconds for ours, theirs in rounds]),
        "cpuRatio": _spread([ours.cpu_seconds / theirs.cpu_seconds for ours, theirs in rounds]),
    }
    print(json.dumps(told))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    return parser.parse_args()


def _round(files: Sequence[Path], settings: Sequence[str]) -> tuple[Took, Took]:
    with tempfile.TemporaryDirectory(prefix="dl-") as folder:
        home = Path(folder) / "home"
        environment = {
            **os.environ,
            "DOCLEDGER_HOME": str(home),
            "DOCLEDGER_LOG_LEVEL": "error",
            **dict(each.split("=", 1) for each in settings),
        }
        with _service(environment) as service:
            ours = _processed(files, environment, service)
            theirs = _pooled(files, home)
    if ours.completed != theirs.completed:
        print(f"{ours.completed} and {theirs.completed} files were completed", file=sys.stderr)
    return ours, theirs


@contextmanager
def _service(environment: dict[str, str]) -> Iterator[psutil.Process]:
    command = [str(COMMAND), "up", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            while not (line := process.stdout.readline()).startswith(_READY):
                if not line:
                    raise SystemExit("docledger up did not start")
            time.sleep(3)  # until the sandbox's children have imported everything
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def _processed(files: Sequence[Path], environment: dict[str, str], service: psutil.Process) -> Took:
    before = _cpu_seconds(service)
    took, printed = _timed([str(COMMAND), "process", "--json", *map(str, files)], environment, "")
    documents = json.loads(printed)["documents"]
    done = [d for d in documents if d["processingWorkflow"]["status"] == "completed"]
    return Took(took[0], took[1] + _cpu_seconds(service) - before, len(done))


def _pooled(files: Sequence[Path], home: Path) -> Took:
    with Docledger(Settings.load(home=home)) as docledger:
        dsn = make_conninfo(docledger.database_url, dbname="bare")
        with psycopg.connect(docledger.database_url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE bare")
        with Docledger(Settings.load(home=home, database_url=dsn)) as bare:
            bare.migrator.up()
        command = [sys.executable, str(BENCH / "process_parts" / "pool.py"), dsn]
        command.append(str(os.cpu_count()))
        took, printed = _timed(command, dict(os.environ), "".join(f"{f}\n" for f in files))
    return Took(*took, json.loads(printed)["completed"])


def _timed(
    command: Sequence[str], environment: dict[str, str], given: str
) -> tuple[tuple[float, float], str]:
    before, started = os.times(), time.monotonic()
    done = subprocess.run(
        command, env=environment, input=given, stdout=subprocess.PIPE, text=True, check=False
    )
    took, after = time.monotonic() - started, os.times()
    cpu = after.children_user + after.children_system
    return (took, cpu - before.children_user - before.children_system), done.stdout


def _cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time of a process and all below it, but for PostgreSQL."""
    found = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            if each.name() != "postgres":
                times = each.cpu_times()
                found += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return found


def _figures(took: Sequence[Took]) -> dict[str, Any]:
    return {
        "seconds": _spread([each.seconds for each in took]),
        "cpuSeconds": _spread([each.cpu_seconds for each in took]),
    }


def _spread(values: Sequence[float]) -> list[float]:
    return [round(each, 3) for each in (statistics.median(values), min(values), max(values))]


if __name__ == "__main__":
    main()
