"""docledger's parts inside the measuring process, as an API process has them."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from docledger.bootstrap import Docledger
from docledger.settings import Settings
from domain.commands import Command, CompleteStage, RegisterDocument, StartStage
from domain.values import Original
from harness.ledger import STAGES, Ledger

IN_FLIGHT = 64
CHANGES = 2 * len(STAGES)


@contextlib.contextmanager
def opened(ledger: Ledger) -> Iterator[Docledger]:
    """Give docledger's parts on the ledger's database."""
    settings = Settings.load(database_url=ledger.dsn, home=ledger.home, log_level="warning")
    with Docledger(settings) as docledger:
        yield docledger


def adopt(dsn: str, home: Path) -> None:
    """Have roles that are given this home start, whatever content the log names."""
    with Docledger(Settings.load(database_url=dsn, home=home)) as docledger:
        docledger.adoption.adopt(force=True)


def send(docledger: Docledger, commands: Iterable[Command]) -> float:
    """Send the commands through group commit, 64 in flight; return the seconds that it took.

    Raises what a command was refused for.
    """
    waiting: deque[Future[Any]] = deque()
    writing = docledger.commands
    started = time.perf_counter()
    for command in commands:
        waiting.append(writing.submit(command))
        if len(waiting) >= IN_FLIGHT:
            waiting.popleft().result()
    while waiting:
        waiting.popleft().result()
    return time.perf_counter() - started


def registrations(docledger: Docledger, numbers: Iterable[int]) -> Iterator[RegisterDocument]:
    """Return the commands that hand documents in."""
    pipeline = docledger.pipeline()
    for number in numbers:
        yield RegisterDocument(
            document_id=f"document-{number:08}",
            context=docledger.context("bench"),
            title=f"Report {number} of the northern branch",
            original=Original(file_name="report.pdf"),
            pipeline=pipeline,
        )


def completions(docledger: Docledger, numbers: Iterable[int]) -> Iterator[CompleteStage]:
    """Return the commands that start and complete every stage of the documents, stage by stage."""
    for stage, number in itertools.product(STAGES, numbers):
        yield CompleteStage(
            document_id=f"document-{number:08}",
            context=docledger.context("bench"),
            stage_name=stage,
        )


def changes(docledger: Docledger, document_ids: Sequence[str]) -> Iterator[Command]:
    """Return a start and a completion a stage, all documents having one before any has the next.

    Each is one event, and there are enough documents that none has two under way.
    """
    for stage, command in itertools.product(STAGES, (StartStage, CompleteStage)):
        for document_id in document_ids:
            yield command(
                document_id=document_id, context=docledger.context("bench"), stage_name=stage
            )


def catch_up(docledger: Docledger, position: int) -> float:
    """Apply the log up to the position; return the seconds that it took."""
    started = time.perf_counter()
    docledger.projector().run_until(position, timeout_seconds=600)
    return time.perf_counter() - started
