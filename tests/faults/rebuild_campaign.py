"""Kills rebuilds at random moments, over and over under load, and verifies after each.

    python -m tests.faults.rebuild_campaign --seed 7 --count 20

Threads append and read meanwhile, and a projector runs. After each kill `docledger verify` must
find the log, the tables and the tracking positions in order, and what was left behind is left to
the next rebuild. At the end one is let through, after which nothing of any rebuild may be left and
the tables must be a fresh fold. Prints one line of JSON; exits 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

SOURCES = Path(__file__).parents[2]
for folder in ("src", "tests"):
    sys.path.insert(0, str(SOURCES / folder))

from eventstore.application import WorkflowApplication  # noqa: E402
from eventstore.group_commit import GroupCommit  # noqa: E402
from eventstore.history import History  # noqa: E402
from integration.projections.comparison import assert_tables_are_the_fold  # noqa: E402
from integration.projections.log_writer import LogWriter  # noqa: E402
from integration.projections.projecting import (  # noqa: E402
    eventually,
    is_caught_up,
    make_projector,
    running,
)
from postgres.embedded.server import EmbeddedPostgres  # noqa: E402 - the paths come first
from postgres.migrate import Migrator  # noqa: E402
from projections import fold  # noqa: E402

_DOCUMENTS = 150
_FIRST_MOMENT_SECONDS = 0.3
_TRIES_A_KILL = 4
# A rebuild of so little is nearly always folding: half of the kills wait for another moment.
_SHORT_PHASES = ("indexing", "catching_up", "swapping", "cleaning_up")
_MOMENT_OF_A_PHASE_SECONDS = 0.02
_PHASE = """
    SELECT phase FROM read_model_rebuilds WHERE finished_at IS NULL AND started_at > %s
    ORDER BY started_at DESC LIMIT 1
"""
# Histories are random: the contents that they name are nowhere.
_OF_FILES = ("blob-", "tree-")
# Documents whose five stages come and go together.
_OWN = "WHERE document_id ~ '^(busy|new)-' GROUP BY document_id"
_READS = (
    f"SELECT count(*) FROM documents_processing_stages {_OWN}",
    f"SELECT count(*) FROM document_processing_stages {_OWN}",
)


LEAST_LOAD = 10


@dataclass
class Campaign:
    """What came of it: kills by the phase that they met, and all that should not be."""

    kills: collections.Counter[str] = field(default_factory=collections.Counter)
    too_late: int = 0
    verified: int = 0
    differences: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    reads: int = 0
    appends: int = 0

    @property
    def lost(self) -> bool:
        """True if anything is not as it should be."""
        return bool(self.failures or self.differences)

    def told(self) -> dict[str, Any]:
        """Return it as JSON takes it, long lists cut."""
        counts = {"differences": len(self.differences), "failures": len(self.failures)}
        shown = [*self.failures[:20], *self.differences[:20]]
        return {**vars(self), "kills": dict(self.kills), **counts, "shown": shown}


class Load:
    """Appends and reads from threads, `LEAST_LOAD` times at the least; what fails is noted."""

    def __init__(self, url: str, log: LogWriter, campaign: Campaign) -> None:
        self._url = url
        self._log = log
        self._campaign = campaign
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._guarded, args=(act,)) for act in (self._write, self._read)
        ]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _guarded(self, act: Any) -> None:
        try:
            act()
        except Exception as error:
            self._campaign.failures.append(f"{type(error).__name__}: {error}")

    def _write(self) -> None:
        chance = random.Random(1)
        names = [f"busy-{number}" for number in range(10)]
        self._log.register(*names)
        for number in range(1_000_000):
            if self._stop.is_set() and self._campaign.appends >= LEAST_LOAD:
                return
            self._log.restart(chance.choice(names))
            self._log.register(f"new-{number}")
            if number % 3 == 0:
                self._log.delete(f"new-{number}")
            self._campaign.appends += 1
            time.sleep(0.01)

    def _read(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stop.is_set() or self._campaign.reads < LEAST_LOAD:
                for query in _READS:
                    found = connection.execute(query.encode(), prepare=True).fetchall()
                    if any(row[0] != 5 for row in found):
                        self._campaign.failures.append(f"stages are missing: {query}")
                self._campaign.reads += 1
                time.sleep(0.005)


def start(url: str, *arguments: str, output: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start a command as a person does, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "docledger", *arguments, "--json"],
        env=os.environ | {"DOCLEDGER_DATABASE_URL": url, "PYTHONPATH": str(SOURCES / "src")},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        text=True,
        start_new_session=True,
    )


def kill_one(url: str, chance: random.Random, last_moment_seconds: float) -> str | None:
    """Start a rebuild and kill it, all of it or one process, at a random moment.

    Return the phase that it was in, None if it had come to its end before.
    """
    began_at = datetime.now(UTC)
    process = start(url, "rebuild", "--workers", "2", output=subprocess.DEVNULL)
    moment = chance.uniform(_FIRST_MOMENT_SECONDS, last_moment_seconds)
    if chance.random() < 0.5:
        _wait_for_phase(url, process, began_at, chance.choice(_SHORT_PHASES))
        moment = chance.uniform(0, _MOMENT_OF_A_PHASE_SECONDS)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment)
    phase = None if process.poll() is not None else _phase(url, began_at)
    if phase is not None and chance.random() < 0.5:
        process.kill()
    else:
        # In the second half of them, and where only children are left.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return phase


def _wait_for_phase(
    url: str, process: subprocess.Popen[str], began_at: datetime, phase: str
) -> None:
    """Wait until the rebuild is there, or has ended."""
    with psycopg.connect(url, autocommit=True) as connection:
        while process.poll() is None:
            if connection.execute(_PHASE, (began_at,)).fetchone() == (phase,):
                return
            time.sleep(0.001)


def _phase(url: str, began_at: datetime) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(_PHASE, (began_at,)).fetchone()
    return "starting" if row is None else str(row[0])


def verify(url: str, campaign: Campaign) -> None:
    """Have everything checked while everybody goes on."""
    code, out, errors = _ended(start(url, "verify"))
    if code not in (0, 1):
        campaign.failures.append(f"verify ended with {code}: {errors[-500:]}")
        return
    campaign.verified += 1
    found = [d for d in json.loads(out)["differences"] if not d["kind"].startswith(_OF_FILES)]
    campaign.differences += [f"{d['documentId']}: {d['kind']}: {d['detail']}" for d in found]


def rebuild(url: str, campaign: Campaign) -> float:
    """Let a rebuild come to its end; return how many seconds the command took."""
    started = time.monotonic()
    code, _, errors = _ended(start(url, "rebuild", "--workers", "2"))
    if code != 0:
        campaign.failures.append(f"a rebuild ended with {code}: {errors[-500:]}")
    return time.monotonic() - started


def _ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, errors = process.communicate(timeout=300)
    return process.returncode, out, errors


def run(
    server_url: str,
    seed: int,
    count: int,
    campaign: Campaign,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Kill `count` rebuilds on a database of their own; what comes of it goes into `campaign`."""
    chance = random.Random(seed)
    with _database(server_url) as url, contextlib.closing(WorkflowApplication(url)) as application:
        history = History(application)
        commit = GroupCommit(application, fold)
        log = LogWriter(commit, url)
        log.random_histories([f"doc-{number}" for number in range(_DOCUMENTS)], seed, 20)
        with contextlib.closing(commit), running(make_projector(url, history)):
            with Load(url, log, campaign):
                _kill_them(url, chance, count, campaign, say)
            eventually(lambda: is_caught_up(url, history), seconds=60)
        assert_tables_are_the_fold(url, history)
        campaign.failures += [f"left behind: {name}" for name in _left(url)]


def _kill_them(
    url: str, chance: random.Random, count: int, campaign: Campaign, say: Callable[[str], None]
) -> None:
    seconds = rebuild(url, campaign)
    for _ in range(count * _TRIES_A_KILL):
        phase = kill_one(url, chance, seconds)
        if phase is None:
            campaign.too_late += 1
            continue
        campaign.kills[phase] += 1
        verify(url, campaign)
        say(f"{campaign.kills.total()} of {count}: {phase}; {len(campaign.differences)} differ")
        if campaign.kills.total() == count or campaign.lost:
            break
    rebuild(url, campaign)


@contextlib.contextmanager
def _database(server_url: str) -> Iterator[str]:
    name = f"rebuild_campaign_{os.getpid()}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        try:
            url = _named(server_url, name)
            Migrator(url).up()
            yield url
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _named(url: str, name: str) -> str:
    from urllib.parse import urlsplit, urlunsplit

    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _left(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname ~ '^docledger_(rebuild|replaced)'"
        ).fetchall()
    return [row[0] for row in rows]


def main() -> int:
    """Run the campaign that the arguments name; return 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, required=True, help="decides every moment and choice")
    parser.add_argument("--count", type=int, default=10, help="rebuilds to kill")
    parser.add_argument("--database-url", help="a server to make a database on; unset: our own")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        url = given.database_url
        if url is None:
            home = stack.enter_context(tempfile.TemporaryDirectory(prefix="docledger-campaign-"))
            server = EmbeddedPostgres(Path(home))
            url = server.start()
            stack.callback(server.stop)
        campaign = Campaign()
        try:
            run(url, given.seed, given.count, campaign, _tell)
        except Exception:
            campaign.failures.append(traceback.format_exc())
    _tell(json.dumps({"seed": given.seed, **campaign.told()}))
    return 1 if campaign.lost else 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
