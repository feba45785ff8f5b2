"""Kill rebuilds at random moments under load: rebuild_campaign.py URL SEED COUNT.

URL names a server on which a database may be made. After each kill the live tables are compared
with a fresh fold of the log, and at the end nothing of any rebuild is left. Prints one JSON line;
exits 1 if anything was lost.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

SOURCES = Path(__file__).parents[2]
for folder in ("src", "tests"):
    sys.path.insert(0, str(SOURCES / folder))

from docledger.migrate import Migrator  # noqa: E402 - the paths above come first
from eventstore.application import WorkflowApplication  # noqa: E402
from eventstore.group_commit import GroupCommit  # noqa: E402
from eventstore.history import History  # noqa: E402
from eventstore.log_shards import LogShards  # noqa: E402
from integration.projections.comparison import assert_tables_are_the_fold  # noqa: E402
from integration.projections.log_writer import LogWriter  # noqa: E402
from integration.projections.projecting import (  # noqa: E402
    eventually,
    is_caught_up,
    make_projector,
    running,
)
from projections import fold  # noqa: E402
from projections.rebuild import Rebuilder  # noqa: E402
from projections.rebuild_differences import Difference  # noqa: E402

_DOCUMENTS = 150
_FIRST_MOMENT_SECONDS = 0.4
_LAST_MOMENT_SECONDS = 4.0
# Documents whose five stages come and go together.
_OWN = "WHERE document_id ~ '^(busy|new)-' GROUP BY document_id"
_READS = (
    f"SELECT count(*) FROM documents_processing_stages {_OWN}",
    f"SELECT count(*) FROM document_processing_stages {_OWN}",
)


@dataclass
class Campaign:
    """What came of it: kills by the phase that they met, and all that should not be."""

    kills: collections.Counter[str] = field(default_factory=collections.Counter)
    differences: int = 0
    failures: list[str] = field(default_factory=list)
    reads: int = 0
    appends: int = 0


class Load:
    """Appends and reads from threads; what fails is noted."""

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
            if self._stop.is_set():
                return
            self._log.restart(chance.choice(names))
            self._log.register(f"new-{number}")
            if number % 3 == 0:
                self._log.delete(f"new-{number}")
            self._campaign.appends += 1
            time.sleep(0.01)

    def _read(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stop.is_set():
                for query in _READS:
                    found = connection.execute(query.encode(), prepare=True).fetchall()
                    if any(row[0] != 5 for row in found):
                        self._campaign.failures.append(f"stages are missing: {query}")
                self._campaign.reads += 1
                time.sleep(0.005)


def kill_one(url: str, chance: random.Random, campaign: Campaign) -> None:
    """Start a rebuild and kill it, all of it or one process, at a random moment."""
    process = subprocess.Popen(
        [sys.executable, "-m", "docledger", "rebuild", "--json", "--workers", "2"],
        env=os.environ | {"DOCLEDGER_DATABASE_URL": url, "PYTHONPATH": str(SOURCES / "src")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    moment = chance.uniform(_FIRST_MOMENT_SECONDS, _LAST_MOMENT_SECONDS)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment)
    if process.poll() is not None:
        campaign.kills["after the end"] += 1
        return
    campaign.kills[_phase(url)] += 1
    if chance.random() < 0.5:
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _phase(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT phase FROM read_model_rebuilds WHERE finished_at IS NULL "
            "ORDER BY started_at DESC LIMIT 1"
        ).fetchone()
    return "starting" if row is None else str(row[0])


def check(url: str, history: History, campaign: Campaign) -> None:
    """Compare the live tables with a fresh fold while everybody goes on."""
    found: list[Difference] = []
    connect = partial(psycopg.connect, url)
    Rebuilder(connect, history, LogShards(connect), workers=2).dry_run(found.append)
    campaign.differences += len(found)
    campaign.failures += [f"{it.table}: {it.row_id}: {it.kind}" for it in found[:5]]


def run(server_url: str, seed: int, count: int) -> Campaign:
    """Kill `count` rebuilds on a database of their own."""
    chance = random.Random(seed)
    campaign = Campaign()
    with _database(server_url) as url, contextlib.closing(WorkflowApplication(url)) as application:
        history = History(application)
        commit = GroupCommit(application, fold)
        log = LogWriter(commit, url)
        log.random_histories([f"doc-{number}" for number in range(_DOCUMENTS)], seed, 20)
        with running(make_projector(url, history)):
            with Load(url, log, campaign):
                for _ in range(count):
                    kill_one(url, chance, campaign)
                    check(url, history, campaign)
            eventually(lambda: is_caught_up(url, history), seconds=60)
        commit.close()
        assert_tables_are_the_fold(url, history)
        campaign.failures += [f"left behind: {name}" for name in _left(url)]
    return campaign


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
            "SELECT nspname FROM pg_namespace "
            "WHERE nspname IN ('docledger_rebuild', 'docledger_replaced')"
        ).fetchall()
    return [row[0] for row in rows]


def main() -> int:
    """Run the campaign that the arguments name; return 1 if anything was lost."""
    url, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    campaign = run(url, seed, count)
    told = vars(campaign) | {"seed": seed, "failures": campaign.failures[:20]}
    sys.stdout.write(json.dumps(told) + "\n")
    return 1 if campaign.failures or campaign.differences else 0


if __name__ == "__main__":
    sys.exit(main())
