"""What does it cost that there are more documents?

    python bench/growth.py DSN [--most 1000000] [--rounds 5] [--seconds 3]

Databases of 10,000, 100,000, … documents side by side on one server, each taken in by
`import-documents`, then VACUUM ANALYZE and CHECKPOINT in each, then a round that is not counted, so
that all are warm. In interleaved rounds each has 4,500 events appended through group commit and
then projected, and is sent status reports, reads of documents and first pages of lists over HTTP.

Documents are taken in two ways. Of as many in each database, evenly from among all of it: what is
kept in memory is as large in each, and what is measured is what the others beside it cost. Or of
all at random, so that the larger a database is, the less of what is asked for is in any memory.
Last, each is rebuilt and verified. Costs are told as ratios to the smallest: of the time that a
request, an event and a rebuilt document take. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness.databases import own_database, setting
from harness.figures import emit, interleaved, significant, spread
from harness.in_process import CHANGES, catch_up, changes, opened, send
from harness.ledger import Ledger
from harness.load import Load, WrongAnswers, measured
from harness.processes import Running, end_in_good_order, postmaster
from harness.requests import document_ids, page, reads, reports, walk

SMALLEST = 10_000
APPLIED = 4500
CLIENTS = 16
LISTS = {
    "newest": "?limit=50",
    "of_a_realm": "?realmId=realm-3&limit=50",
    "in_a_stage": "?stage=chunker&status=pending&limit=50",
    "by_a_word": "?q=northern&limit=50",
}


@dataclass
class Size:
    """One database with so many documents."""

    documents: int
    ledger: Ledger
    server: Running
    url: str
    database_pid: int
    shares: int
    share: itertools.count[int] = field(default_factory=itertools.count)

    def sent(self, script: str, seconds: float) -> float:
        """Return the requests that were answered a second."""
        load = Load(self.url, script, CLIENTS)
        (answered,), figures = measured([load], seconds, [self.server], self.database_pid)
        if answered.refused:
            raise WrongAnswers(f"requests were refused: {answered}")
        return figures["per_second"]

    @property
    def every(self) -> int:
        """One in so many documents makes as many as the smallest database has."""
        return self.documents // SMALLEST

    def reported(self, seconds: float, every: int) -> float:
        """Return the status reports a second, each on a document that had none for long."""
        script = walk(self.documents, next(self.share), self.shares * every, reports())
        return self.sent(script, seconds)

    def read(self, seconds: float, every: int) -> float:
        """Return the documents that were read a second."""
        return self.sent(reads("docledger", self.documents, every), seconds)

    def applied(self) -> tuple[float, float]:
        """Return the events a second that were appended in this process, and then projected."""
        with opened(self.ledger) as docledger:
            catch_up(docledger, self.ledger.position())
            ids = document_ids(self.documents, next(self.share), self.shares * self.every)
            # not the last completion of each, which completes the workflow as well
            events = min(APPLIED, SMALLEST // self.shares * (CHANGES - 1))
            appending = send(docledger, itertools.islice(changes(docledger, ids), events))
            if self.ledger.lag() != events:
                raise WrongAnswers(f"{events} events were appended, {self.ledger.lag()} are there")
            return events / appending, events / catch_up(docledger, self.ledger.position())

    def rebuilt(self) -> float:
        """Return the documents a second that a rebuild made."""
        told = json.loads(self.ledger.run("rebuild", "--json"))
        return float(told["documents"] / told["seconds"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    given = parser.parse_args()
    end_in_good_order()
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        sizes = [
            filled(stack, given, Path(home), documents)
            for documents in itertools.takewhile(
                lambda n: n <= given.most, (SMALLEST * 10**n for n in itertools.count())
            )
        ]
        measure(sizes, 1, given.seconds)
        figures = measure(sizes, given.rounds, given.seconds)
        figures["rebuild"] = {str(size.documents): [size.rebuilt()] for size in sizes}
        for size in sizes:
            size.ledger.check()
    smallest = str(SMALLEST)
    buffers, wal = (setting(given.dsn, name) for name in ("shared_buffers", "max_wal_size"))
    emit(
        {
            "sizes": [size.documents for size in sizes],
            "rounds": given.rounds,
            "conditions": "VACUUM ANALYZE and CHECKPOINT before, warm, "
            f"shared_buffers = {buffers}, max_wal_size = {wal}",
            "per_second": {
                case: {size: spread(each) for size, each in figure.items()}
                for case, figure in figures.items()
            },
            "cost": {case: costs(figure, smallest) for case, figure in figures.items()},
            "most": {
                case: max(costs(figure, smallest).values()) for case, figure in figures.items()
            },
        }
    )


def filled(
    stack: contextlib.ExitStack, given: argparse.Namespace, home: Path, documents: int
) -> Size:
    """Make a database of so many documents and serve it."""
    dsn = stack.enter_context(own_database(given.dsn, f"bench_growth_{documents}"))
    ledger = Ledger(dsn, home / str(documents))
    ledger.run("migrate", "up")
    ledger.load(documents)
    server, url = ledger.serve()
    stack.enter_context(server)
    return Size(documents, ledger, server, url, postmaster(given.dsn), 3 * given.rounds + 3)


def measure(sizes: list[Size], rounds: int, seconds: float) -> dict[str, Mapping[str, list[float]]]:
    """Return what was done a second, by case and size."""
    cases: dict[str, Callable[[Size], float]] = {
        "reports": lambda size: size.reported(seconds, size.every),
        "reads": lambda size: size.read(seconds, size.every),
        "reports_at_random": lambda size: size.reported(seconds, 1),
        "reads_at_random": lambda size: size.read(seconds, 1),
    }
    for name, query in LISTS.items():
        cases[f"list_{name}"] = partial(_listed, query, seconds)
    found: dict[str, dict[str, list[float]]] = {
        case: {str(size.documents): [] for size in sizes}
        for case in ("appends", "projector", *cases)
    }
    ways = {str(size.documents): partial(_round, size, cases) for size in sizes}
    for size, given in interleaved(rounds, ways).items():
        for each in given:
            for case, value in each.items():
                found[case][size].append(value)
    return dict(found)


def _round(size: Size, cases: Mapping[str, Callable[[Size], float]]) -> dict[str, float]:
    appends, projector = size.applied()
    applied = {"appends": appends, "projector": projector}
    return applied | {name: case(size) for name, case in cases.items()}


def _listed(query: str, seconds: float, size: Size) -> float:
    return size.sent(page(query), seconds / 2)


def costs(figure: Mapping[str, list[float]], smallest: str) -> dict[str, float]:
    """Return the time of each size as a multiple of that of the smallest."""
    least = spread(figure[smallest])["median"]
    return {size: significant(least / spread(each)["median"]) for size, each in figure.items()}


if __name__ == "__main__":
    main()
