"""Somebody who reads a table all the time, and somebody who appends, while a rebuild goes on."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg

from domain.events import WorkflowPaused, WorkflowResumed
from eventstore.application import WorkflowApplication
from rebuild_parts.log import EVENTS_EACH, document_id

_SPAWN = multiprocessing.get_context("spawn")
_READ = "SELECT status FROM documents_processing_stages WHERE document_id = %s"
_PAUSE_SECONDS = 0.001

Span = tuple[float, float]
"""Beginning and end, in seconds of the clock that all processes share."""


@dataclass
class Seen:
    """Every read and every append, once the rebuild is over."""

    reads: list[Span] = field(default_factory=list)
    appends: list[Span] = field(default_factory=list)


@contextmanager
def onlookers(dsn: str, documents: int) -> Iterator[Seen]:
    """Have two processes read and append meanwhile."""
    seen = Seen()
    stop = _SPAWN.Event()
    pipes, processes = [], []
    for act in (_read, _append):
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=act, args=(dsn, documents, stop, theirs))
        process.start()
        pipes.append(ours)
        processes.append(process)
    for pipe in pipes:
        pipe.recv()  # it has begun
    try:
        yield seen
    finally:
        stop.set()
        seen.reads, seen.appends = (pipe.recv() for pipe in pipes)
        for process in processes:
            process.join()


def longest_ms(spans: Sequence[Span], during: Span | None = None) -> float:
    """Return how long the longest took, of those that were under way at the time."""
    taken = [e - b for b, e in spans if during is None or (b < during[1] and e > during[0])]
    return round(1000 * max(taken, default=0.0), 1)


def _read(dsn: str, documents: int, stop: Any, told: Any) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:

        def act(number: int) -> None:
            rows = connection.execute(_READ, (document_id(number * 7919 % documents),)).fetchall()
            assert len(rows) == 5, rows

        told.send(None)
        told.send(_spans(act, stop))


def _append(dsn: str, _documents: int, stop: Any, told: Any) -> None:
    kinds = (WorkflowPaused, WorkflowResumed)
    few = 10  # which are at work, so that they may be paused and resumed
    with closing(WorkflowApplication(dsn)) as application:

        def act(number: int) -> None:
            turn, which = divmod(number, few)
            event = kinds[turn % 2](
                document_id=document_id(which),
                version=EVENTS_EACH + 1 + turn,
                at=datetime.now(UTC),
                actor="api",
                command_id=str(number),
            )
            application.save(event)

        told.send(None)
        told.send(_spans(act, stop))


def _spans(act: Callable[[int], None], stop: Any) -> list[Span]:
    spans = []
    number = 0
    while not stop.is_set():
        began = time.monotonic()
        act(number)
        spans.append((began, time.monotonic()))
        number += 1
        time.sleep(_PAUSE_SECONDS)
    return spans
