"""Has a change made the service slower? This checkout beside an older one, and that beside itself.

    python bench/checkouts.py DSN --old CHECKOUT [--documents 100000] [--rounds 9] [--seconds 4]

Three services on one server, each with a database, a projector and an API process of its own: the
older checkout (`git worktree add FOLDER COMMIT`), the older one once more, and this one. wrk takes
each in turn through the same commands and reads. How far the older one is from itself is the noise
of the machine. A row is `slower` when this checkout's median is under 0.97 of the older one's and
below the worst that the older one came to against itself, in requests a second or by processor
time. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from harness.databases import own_database
from harness.figures import emit, interleaved, spread, summary
from harness.ledger import Ledger
from harness.processes import ROOT, end_in_good_order
from harness.requests import in_one_call, one_by_one, reports
from over_http import STAGES_OF, Bench, Round, loaded

SIDES = ("old", "old_again", "new")
_NOT_SLOWER = 0.97
_MOST_CLIENTS = 64

Ratios = dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--old", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=4)
    given = parser.parse_args()
    end_in_good_order()
    with contextlib.ExitStack() as stack:
        benches = {side: stack.enter_context(served(side, given)) for side in SIDES}
        for bench in benches.values():
            bench.reads("docledger", 8)
        rows = measure(benches, given.rounds)
    emit(
        {"documents": given.documents, "rounds": given.rounds, "seconds": given.seconds, **rows}
        | {"slower": [name for name, row in rows.items() if row["slower"]]}
    )


@contextlib.contextmanager
def served(side: str, given: argparse.Namespace) -> Iterator[Bench]:
    """Load a database by the side's checkout and serve it; check log and tables at the end."""
    checkout = ROOT if side == "new" else given.old.resolve()
    with contextlib.ExitStack() as stack:
        dsn = stack.enter_context(own_database(given.dsn, f"bench_{side}"))
        home = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        ledger = Ledger(dsn, Path(home), checkout)
        loaded(ledger, given.documents)
        stack.enter_context(ledger.start("project"))
        api = ledger.serve()
        stack.enter_context(api[0])
        ledger.catch_up()
        yield Bench(given, {}, ledger, [api])
        ledger.catch_up()
        ledger.check()


def measure(benches: Mapping[str, Bench], rounds: int) -> dict[str, Ratios]:
    """Return each row with its ratios to the older checkout."""
    cases: dict[str, Callable[[Bench], Round]] = {
        "reports-1": lambda bench: bench.walked(reports(), 1),
        "reports-64": lambda bench: bench.walked(reports(), _MOST_CLIENTS),
        "one-by-one": lambda bench: bench.walked(one_by_one(), _MOST_CLIENTS, most=STAGES_OF),
        "one-call": lambda bench: bench.walked(in_one_call(), _MOST_CLIENTS, most=STAGES_OF),
        "reads-1": lambda bench: bench.reads("docledger", 1),
        "reads-64": lambda bench: bench.reads("docledger", _MOST_CLIENTS),
    }
    rows = {}
    for name, case in cases.items():
        ways = {side: partial(case, bench) for side, bench in benches.items()}
        rows[name] = compared(interleaved(rounds, ways))
        print(f"{name}: {rows[name]['new']}", file=sys.stderr, flush=True)
    return rows


def compared(given: Mapping[str, list[Round]]) -> Ratios:
    """Return the figures of each side, and of the newer one what it comes to beside the older.

    A ratio above 1 is better: more requests a second, or less processor time a request.
    """
    row: Ratios = {side: ratios(given[side], given["old"]) for side in SIDES if side != "old"}
    row["slower"] = any(
        row["new"][of]["median"] < min(_NOT_SLOWER, row["old_again"][of]["min"])
        for of in ("per_second", "cpu")
    )
    row["figures"] = {side: summary(rounds) for side, rounds in given.items()}
    return row


def ratios(rounds: list[Round], old: list[Round]) -> Ratios:
    """Return the ratios of the same round, by rate and by processor time."""
    pairs = list(zip(rounds, old, strict=True))
    return {
        "per_second": spread([one["per_second"] / other["per_second"] for one, other in pairs]),
        "cpu": spread([cpu_ms(other) / cpu_ms(one) for one, other in pairs]),
        "of_medians": statistics.median(one["per_second"] for one in rounds)
        / statistics.median(other["per_second"] for other in old),
    }


def cpu_ms(one: Round) -> float:
    """Return the milliseconds of processor time a request, of the API and of PostgreSQL."""
    return one["server_cpu_ms"] + one["database_cpu_ms"]


if __name__ == "__main__":
    main()
