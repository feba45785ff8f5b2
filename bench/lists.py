"""How long does a page of each list take, beside the best query by hand behind a bare route?

    python bench/lists.py DSN [--documents 1000000] [--rounds 11] [--keep]

The documents are written straight into the read models of a database of its own on the server of
DSN, dropped in the end unless --keep, which also takes up one that is there. `docledger serve`, one
process, and a FastAPI app with one route and one query for each filter are asked in turn over one
connection each, for the first page, for page 300, and for page 10,000, or the last where there are
fewer; a page's cursor is made of the row ahead of it. Both must show the same documents. The newest
documents wait and have little to tell; from page 300 on they are through.

Prints one JSON line: for each filter how many documents match, for each page milliseconds of both
(medians over the rounds) and how many times as fast docledger is (1 is alike), and how long the far
page takes against the other two; for scale, milliseconds that one document takes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from operator import truediv
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.conninfo import make_conninfo

from api.http import cursors
from harness.in_process import adopt
from listed.cases import CASES, PAGE, Case
from listed.documents import load
from postgres.migrate import Migrator

DATABASE = "bench_lists"
NEAR_PAGE, FAR_PAGE = 300, 10_000
BENCH = Path(__file__).parent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dsn")
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    with own_database(given.dsn, given.documents, keep=given.keep) as dsn, servers(dsn) as clients:
        lists = {case.name: measured(dsn, case, clients, given.rounds) for case in CASES}
        document_ms = one_document(dsn, clients[0], given.rounds)
    head = {"documents": given.documents, "rounds": given.rounds}
    print(json.dumps({**head, "document_ms": document_ms, "lists": lists}))


@contextlib.contextmanager
def own_database(dsn: str, documents: int, *, keep: bool) -> Iterator[str]:
    """Give a database with the documents; one that was kept is used again."""
    name = f"{DATABASE}_{documents}"
    own = make_conninfo(dsn, dbname=name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        there = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [name]
        ).fetchone()
        if not there:
            connection.execute(f"CREATE DATABASE {name}".encode())
            Migrator(own).up()
            with psycopg.connect(own, autocommit=True) as filling:
                load(filling, documents)
        try:
            yield own
        finally:
            if not keep:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextlib.contextmanager
def servers(dsn: str) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Run docledger's API and the bare route; give a client of each."""
    ports = free_port(), free_port()
    with (
        tempfile.TemporaryDirectory(prefix="docledger-bench-") as home,
        contextlib.ExitStack() as stack,
    ):
        adopt(dsn, Path(home))
        ours = {"DOCLEDGER_DATABASE_URL": dsn, "DOCLEDGER_HOME": home}
        bare = {"PYTHONPATH": str(BENCH)}
        serve = [sys.executable, "-m", "docledger", "serve", "--port", str(ports[0])]
        stack.enter_context(process(serve, ours))
        stack.enter_context(
            process([sys.executable, str(BENCH / "listed/bare.py"), dsn, str(ports[1])], bare)
        )
        first, second = (
            stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120))
            for port in ports
        )
        wait_for(first, "/v1/documents?limit=1")
        wait_for(second, "/documents?case=none")
        yield first, second


@contextlib.contextmanager
def process(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    """Run a process until the context is left."""
    running = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        running.terminate()
        running.wait(30)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(client: httpx.Client, path: str) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            client.get(path).raise_for_status()
            return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def measured(dsn: str, case: Case, clients: Clients, rounds: int) -> dict[str, Any]:
    """Return the figures of one filter."""
    values = {"realmId": None, "stage": None, "status": None, "q": None, **case.query}
    with psycopg.connect(dsn) as connection:
        (matches,) = connection.execute(case.rank().encode(), values).fetchone() or (0,)
        last = max(0, matches - 1) // PAGE + 1
        numbers = {"near": NEAR_PAGE, "far": min(FAR_PAGE, last)}
        keys = {
            name: connection.execute(case.key((number - 1) * PAGE).encode(), values).fetchone()
            for name, number in numbers.items()
            if 1 < number <= last
        }
    asked = {name: requests(case, clients, keys.get(name)) for name in ("first", *keys)}
    rows = {name: checked(case, clients, each) for name, each in asked.items()}
    # In each round every page of both, so that a slow moment is one of all that are compared.
    rounds_taken = [
        {name: both(clients, each, turn=number) for name, each in asked.items()}
        for number in range(rounds)
    ]
    pages: dict[str, Any] = {}
    for name in asked:
        ours, bare = zip(*(taken[name] for taken in rounds_taken), strict=True)
        pages[name] = {
            **({"number": numbers[name]} if name in numbers else {}),
            "docledger_ms": round(statistics.median(ours), 2),
            "bare_ms": round(statistics.median(bare), 2),
            "ratio": round(statistics.median(map(truediv, bare, ours)), 2),
            "rows": rows[name],
        }
    for name in asked.keys() - {"far"} if "far" in asked else ():
        quotients = (taken["far"][0] / taken[name][0] for taken in rounds_taken)
        pages[f"far_over_{name}"] = round(statistics.median(quotients), 2)
    print(case.name, matches, pages, file=sys.stderr, flush=True)
    return {"matches": matches, **pages}


Clients = tuple[httpx.Client, httpx.Client]
Requests = tuple[httpx.Request, httpx.Request]


def requests(case: Case, clients: Clients, key: Any) -> Requests:
    """Return what asks docledger, and the bare route, for the page behind this row."""
    cursor = {"cursor": cursors.encode(*key)} if key else {}
    after = {"after_at": key[0], "after_id": key[1]} if key else {}
    ours, bare = clients
    return (
        ours.build_request("GET", "/v1/documents", params={**case.query, **cursor}),
        bare.build_request("GET", "/documents", params={**case.query, **after, "case": case.name}),
    )


def checked(case: Case, clients: Clients, asked: Requests) -> int:
    """Ask until statements are prepared; return how many rows there are, alike on both sides."""
    # Each connection prepares a statement when it has seen it five times.
    for _ in range(6):
        both(clients, asked, turn=0)
    shown = [
        [item["id"] for item in client.send(one).json()["items"]]
        for client, one in zip(clients, asked, strict=True)
    ]
    if shown[0] != shown[1]:
        raise RuntimeError(f"{case.name}: {shown[0]} is not {shown[1]}")
    return len(shown[0])


def both(clients: Clients, asked: Requests, *, turn: int) -> tuple[float, float]:
    """Return the milliseconds that docledger and the bare route take, who begins by the turn."""
    taken = [0.0, 0.0]
    for side in (0, 1) if turn % 2 else (1, 0):
        taken[side] = timed(lambda side=side: clients[side].send(asked[side]).raise_for_status())
    return taken[0], taken[1]


def timed(act: Callable[[], Any]) -> float:
    """Return the milliseconds that it takes."""
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1000


def one_document(dsn: str, client: httpx.Client, rounds: int) -> float:
    """Return the milliseconds that a read of one document takes, in the median."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT id FROM documents TABLESAMPLE SYSTEM (1) LIMIT 2000")
        ids = random.Random(1).choices([row[0] for row in rows], k=40 * rounds)
    return round(
        statistics.median(timed(lambda i=i: client.get(f"/v1/documents/{i}")) for i in ids), 2
    )


if __name__ == "__main__":
    main()
