"""How fast are commands and reads over HTTP, beside what a user would pick instead?

    python bench/over_http.py DSN [--documents 100000] [--rounds 5] [--seconds 4]

Three services of one process each, on one server, each with a database of its own and as many
documents of five stages: plain tables, the obvious way with the eventsourcing library, and
docledger with its projector beside it as a process of its own. wrk sends them status reports and
reads from 1 and 64 clients, in interleaved rounds. Then docledger against itself: a stage's start,
four files and completion as six calls and as one, and one API process against two. It must answer
every request well, the log must have grown by what was answered, versions must be gapless, and
`docledger verify` must find log and tables the same. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness.databases import own_database, settle
from harness.figures import emit, interleaved, significant, spread, summary
from harness.ledger import Ledger
from harness.load import Answered, Load, WrongAnswers, measured
from harness.processes import (
    BENCH,
    Running,
    at_zero,
    end_in_good_order,
    free_port,
    peak_megabytes,
    postmaster,
)
from harness.requests import (
    STORED_FILE,
    Way,
    in_one_call,
    one_by_one,
    peer_reports,
    reads,
    reports,
    walk,
)
from peers import obvious

PEERS = ("plain_tables", "obvious")
CLIENTS = (1, 64)
SHARES_A_ROUND = 7
# Few enough that stages get done in the time that there is, and not only their starts: both ways of
# calling must come to the same work.
STAGES_OF = 500
_UNDER_WAY = 2 * max(CLIENTS)
_TRANSITIONS = ("StageStarted", "StageCompleted", "StageReset", "OutputFileRegistered")

Round = dict[str, float]


@dataclass
class Peer:
    """A peer that is served."""

    name: str
    dsn: str
    url: str
    server: Running


class Bench:
    """The services, loaded and running, and the load that they are put under."""

    def __init__(
        self, given: argparse.Namespace, peers: dict[str, Peer], ledger: Ledger, apis: list[Any]
    ) -> None:
        self._given = given
        self._peers = peers
        self._ledger = ledger
        self._apis: list[tuple[Running, str]] = apis
        self._database_pid = postmaster(given.dsn)
        self._shares = itertools.count()
        self.answered = 0

    def sides(self, once: Callable[..., Round], clients: int) -> dict[str, Any]:
        """Return the figures of every side over all rounds."""
        names = [*self._peers, "docledger"]
        ways = {name: partial(once, name, clients) for name in names}
        return {n: summary(each) for n, each in interleaved(self._given.rounds, ways).items()}

    def reports(self, side: str, clients: int) -> Round:
        """Send status reports for a while."""
        if side == "docledger":
            return self.walked(reports(), clients)
        peer = self._peers[side]
        load = Load(peer.url, peer_reports(side, self._given.documents), clients)
        _, figures = self._measured([load], [peer.server])
        if side == "obvious":
            figures["behind_events"] = obvious.backlog(peer.dsn)
            figures["catch_up_seconds"] = at_zero(partial(obvious.backlog, peer.dsn))
        return figures

    def reads(self, side: str, clients: int) -> Round:
        """Read documents for a while."""
        if side == "docledger":
            server, url = self._apis[0]
        else:
            server, url = self._peers[side].server, self._peers[side].url
        _, figures = self._measured(
            [Load(url, reads(side, self._given.documents), clients)], [server]
        )
        return figures

    def walked(self, way: Way, clients: int, apis: int = 1, most: int | None = None) -> Round:
        """Take documents that nobody has touched yet through the steps; check what was appended."""
        before = self._standing_still()
        documents = self._given.documents
        loads = [
            Load(url, walk(documents, next(self._shares), self.shares, way, most), clients)
            for _, url in self._apis[:apis]
        ]
        each, figures = self._measured(loads, [server for server, _ in self._apis[:apis]])
        figures["behind_events"] = self._ledger.lag()
        figures["catch_up_seconds"] = self._ledger.catch_up()
        figures["transitions_per_second"] = figures["per_second"] * self._appended(
            before, each, way.events_a_request
        )
        if apis > 1:
            told = [one.answered for one in each]
            figures["smallest_share"] = min(told) / sum(told)
        return figures

    def _standing_still(self) -> int:
        """Return the log's end once what the last clients left under way is in it."""
        before, position = -1, self._ledger.position()
        while position != before:
            time.sleep(0.5)
            before, position = position, self._ledger.position()
        return position

    def _appended(self, position: int, each: list[Answered], events_a_request: int) -> float:
        """Return the transitions a request; raises WrongAnswers if the log has not what it must."""
        topics = self._ledger.topics_after(position)
        appended = sum(topics.get(topic, 0) for topic in _TRANSITIONS)
        answered = sum(one.answered for one in each)
        # What was under way when the clients left may have come in too.
        most = answered + _UNDER_WAY
        resets = topics.get("StageReset", 0)
        if any(one.refused for one in each):
            raise WrongAnswers(f"requests were refused: {each}")
        least = answered * events_a_request - (events_a_request - 1) * resets
        if not least <= appended <= most * events_a_request:
            raise WrongAnswers(f"{answered} requests were answered, the log has {topics}")
        self.answered += answered
        return min(appended / answered, events_a_request)

    @property
    def shares(self) -> int:
        """How many shares the documents are in: each measurement walks one of its own."""
        return SHARES_A_ROUND * int(self._given.rounds)

    def _measured(self, loads: list[Load], servers: list[Running]) -> tuple[list[Answered], Round]:
        return measured(loads, self._given.seconds, servers, self._database_pid)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    given = parser.parse_args()
    end_in_good_order()
    with contextlib.ExitStack() as stack:
        peers = {name: stack.enter_context(served(name, given)) for name in PEERS}
        dsn = stack.enter_context(own_database(given.dsn, "bench_docledger"))
        home = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        ledger = Ledger(dsn, Path(home))
        imported = loaded(ledger, given.documents)
        projector = stack.enter_context(ledger.start("project"))
        apis = [ledger.serve() for _ in range(2)]
        for server, _ in apis:
            stack.enter_context(server)
        bench = Bench(given, peers, ledger, apis)
        ledger.catch_up()
        for side in (*PEERS, "docledger"):
            bench.reads(side, 8)
        figures = measure(bench, given.rounds)
        memory = {
            name: significant(peak_megabytes(peer.server.pid)) for name, peer in peers.items()
        }
        memory["docledger"] = significant(peak_megabytes(apis[0][0].pid))
        memory["docledger_projector"] = significant(peak_megabytes(projector.pid))
        checks = {"answered": bench.answered, "events": ledger.events()} | ledger.check()
    emit(
        {
            "documents": given.documents,
            "rounds": given.rounds,
            "seconds": given.seconds,
            **figures,
            "peak_megabytes": memory,
            "imported_per_second": round(given.documents / imported["seconds"]),
            "checks": checks,
        }
    )


def measure(bench: Bench, rounds: int) -> dict[str, Any]:
    """Return the figures of every case."""
    calls = {
        "one_by_one": partial(bench.walked, one_by_one(), 64, most=STAGES_OF),
        "in_one_call": partial(bench.walked, in_one_call(), 64, most=STAGES_OF),
    }
    processes = {
        "one": partial(bench.walked, reports(), 64),
        "two": partial(bench.walked, reports(), 32, 2),
    }
    figures: dict[str, Any] = {
        "reports": {str(clients): bench.sides(bench.reports, clients) for clients in CLIENTS},
        "reads": {str(clients): bench.sides(bench.reads, clients) for clients in CLIENTS},
    }
    for case, ways in (("calls", calls), ("processes", processes)):
        given = interleaved(rounds, ways)
        figures[case] = {name: summary(each) for name, each in given.items()}
        if case == "processes":
            pairs = zip(given["two"], given["one"], strict=True)
            figures[case]["gain"] = spread([t["per_second"] / o["per_second"] for t, o in pairs])
    return figures


@contextlib.contextmanager
def served(name: str, given: argparse.Namespace) -> Iterator[Peer]:
    """Load a peer's database and serve it."""
    with own_database(given.dsn, f"bench_{name}") as dsn:
        command = (sys.executable, "-m", f"peers.{name}")
        subprocess.run(
            [*command, "load", dsn, str(given.documents)], check=True, cwd=BENCH, timeout=600
        )
        settle(dsn)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with Running([*command, "serve", dsn, str(port)], url=f"{url}/healthz") as server:
            yield Peer(name, dsn, url, server)


def loaded(ledger: Ledger, documents: int) -> dict[str, Any]:
    """Migrate, take the documents in, and put a file into the storage for stages to register."""
    ledger.run("migrate", "up")
    stored = ledger.home / "uploads" / STORED_FILE
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_text("# A result\n\n" + "Some words that a stage may well write.\n" * 80)
    return ledger.load(documents)


if __name__ == "__main__":
    main()
