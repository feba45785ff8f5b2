"""Random commands over connections that are cut at random, and every answer checked.

    cd tests && python -m faults.log_campaign --seed 1 --count 5000 [--database-url URL]

Two writers, each with group commit of its own and behind a proxy of its own, race on a few
documents. Connections are cut before, while or after the server works, or what was sent arrives
late. In the end the log must hold exactly what was answered. Prints one JSON line; without a URL
an embedded server is started for it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from domain import commands as c
from domain.errors import OutcomeUnknown, Refused, Unavailable
from domain.events import DocumentRegistered, Event
from eventstore.append_round import Committed
from faults.cutting_proxy import Cut, CuttingProxy
from integration.eventstore.writing import (
    FIRST,
    Log,
    add_file,
    context,
    fail,
    opened,
    readable,
    register,
    start,
)
from postgres.embedded.server import EmbeddedPostgres
from postgres.migrate import Migrator

THREADS = 8
DOCUMENTS = tuple(f"d{number}" for number in range(4))
CUT_SHARE = 0.15


class Told(NamedTuple):
    """What somebody was told about a command."""

    command: c.Command
    committed: Committed | None
    error: Exception | None


def campaign(dsn: str, seed: int, count: int) -> dict[str, Any]:
    """Send `count` commands and return figures; raises AssertionError for an untrue answer."""
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        direct = stack.enter_context(opened(dsn))
        before = direct.history.last_position()
        proxies = [stack.enter_context(CuttingProxy(dsn)) for _ in range(2)]
        logs = [stack.enter_context(opened(p.dsn, patience_seconds=8)) for p in proxies]
        with _late_deliveries(proxies, seed), ThreadPoolExecutor(THREADS) as threads:
            told = _one_cut_of_each_kind(proxies, logs)
            told += list(
                threads.map(
                    lambda n: _send(random.Random(f"{seed}-{n}"), proxies[n % 2], logs[n % 2]),
                    range(count),
                )
            )
        for proxy in proxies:
            proxy.deliver()
        direct.application.append_recorder.wait_for_appends()
        _check(direct, before, told)
        cuts = sum(proxy.cuts for proxy in proxies)
    errors = Counter(type(t.error).__name__ for t in told if t.error is not None)
    seconds = round(time.monotonic() - started, 1)
    return {
        "seed": seed,
        "commands": len(told),
        "cuts": cuts,
        "seconds": seconds,
        "landed": sum(t.committed is not None for t in told),
        "errors": dict(errors),
    }


def _one_cut_of_each_kind(proxies: list[CuttingProxy], logs: list[Log]) -> list[Told]:
    """Send commands that nothing refuses, one at a time, each over a connection that is cut."""
    told = []
    for number, (proxy, log) in enumerate(zip(proxies, logs, strict=True)):
        for cut in Cut:
            command = register(f"cut-{number}-{cut.name.lower()}-{log.history.last_position()}")
            proxy.plan(command.context.command_id, cut)
            told.append(_told(command, None, log))
    return told


@contextlib.contextmanager
def _late_deliveries(proxies: list[CuttingProxy], seed: int) -> Iterator[None]:
    """Hand servers, every now and then, what they should have got earlier."""
    over = threading.Event()

    def deliver() -> None:
        chance = random.Random(seed)
        while not over.wait(chance.uniform(0.001, 0.1)):
            chance.choice(proxies).deliver()

    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _send(chance: random.Random, proxy: CuttingProxy, log: Log) -> Told:
    command, expected = _command(chance, log)
    if chance.random() < CUT_SHARE:
        proxy.plan(command.context.command_id, chance.choice(list(Cut)))
    return _told(command, expected, log)


def _told(command: c.Command, expected: int | None, log: Log) -> Told:
    try:
        return Told(command, log.commit.submit(command, expected).result(120), None)
    except (Refused, Unavailable) as error:
        return Told(command, None, error)


def _command(chance: random.Random, log: Log) -> tuple[c.Command, int | None]:
    document_id = chance.choice(DOCUMENTS)
    expected = None
    with contextlib.suppress(Refused, Unavailable):
        if chance.random() < 0.2:
            expected = log.commit.load(document_id).version
    stage: dict[str, Any] = {
        "document_id": document_id,
        "context": context(chance.uniform(-60, 60)),
        "stage_name": FIRST,
    }
    choices: list[c.Command] = [
        register(document_id),
        add_file(document_id),
        add_file(document_id),
        start(document_id),
        fail(document_id, "words"),
        c.ResetStage(**stage),
        c.DeleteDocument(document_id=document_id, context=stage["context"]),
    ]
    (command,) = chance.choices(choices, weights=[3, 5, 5, 3, 3, 3, 0.5])
    return command, expected


def _check(log: Log, before: int, told: list[Told]) -> None:
    """Check the whole log against what was told, in both directions."""
    recorded = log.history.after(before, 1_000_000)
    events = [readable(each) for each in recorded]
    stored = Counter((readable(r).command_id, r.event.version, r.position) for r in recorded)
    answered = Counter(
        (t.command.context.command_id, r.event.version, r.position)
        for t in told
        if t.committed is not None
        for r in t.committed.events
    )
    unknown = {t.command.context.command_id for t in told if isinstance(t.error, OutcomeUnknown)}
    assert not answered - stored, "an answer told of events that are not there"
    left = stored - answered
    assert {command_id for command_id, _, _ in left} <= unknown, "events landed that were denied"
    for document_id in DOCUMENTS:
        versions = [e.version for e in events if e.document_id == document_id]
        assert versions == list(range(1, len(versions) + 1)), "a stream has a gap"
    assert [e.at for e in events] == sorted(e.at for e in events), "times went back"
    _check_each_landed_once(events)
    _check_rows(log)


def _check_each_landed_once(events: list[Event]) -> None:
    by_command: dict[str, list[int]] = {}
    for event in events:
        by_command.setdefault(event.command_id, []).append(event.version)
    for versions in by_command.values():
        first, last = min(versions), max(versions)
        assert sorted(versions) == list(range(first, last + 1)), "a command landed twice"


def _check_rows(log: Log) -> None:
    rows = {document_id for (document_id,) in log.query("SELECT id FROM documents")}
    for document_id in DOCUMENTS:
        stream = log.events(document_id)
        registered = bool(stream) and log.application.repository.get(document_id).registered
        assert (document_id in rows) == registered, "the row of a document differs from its log"
        titles = [event.personal for event in stream if isinstance(event, DocumentRegistered)]
        assert None not in titles, "a key was lost"


def main() -> None:
    """Run one campaign from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--database-url")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        url = given.database_url
        if url is None:
            home = stack.enter_context(tempfile.TemporaryDirectory(prefix="docledger-campaign-"))
            server = EmbeddedPostgres(Path(home))
            url = server.start()
            stack.callback(server.stop)
            Migrator(url).up()
        sys.stdout.write(json.dumps(campaign(url, given.seed, given.count)) + "\n")


if __name__ == "__main__":
    main()
