"""Writers in processes of their own, racing each other; what each was answered comes back."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, NamedTuple

from domain.errors import DocledgerError
from eventstore.append_round import Committed
from integration.eventstore.writing import Log, add_file, opened, start

CLOCK_JITTER_SECONDS = 3600.0


class Answer(NamedTuple):
    """What a command was answered: the versions and positions of its events, or an error."""

    command_id: str
    document_id: str
    versions: tuple[int, ...]
    positions: tuple[int, ...]
    error: str | None
    expected_version: int | None = None


def race(dsn: str, document_ids: Sequence[str], seed: int, count: int) -> list[Answer]:
    """Send commands for these documents from eight threads, a third of them conditional."""
    with opened(dsn) as log, ThreadPoolExecutor(8) as threads:
        return list(
            threads.map(lambda n: _random_command(log, document_ids, seed + n), range(count))
        )


def write(dsn: str, name: str, writers: int, count: int) -> int:
    """Append from several writers that share nothing, each with a clock of its own."""

    def one(number: int) -> None:
        chance = random.Random(f"{name}-{number}")
        with opened(dsn) as log:
            ids = [f"{name}-{number}-{i}" for i in range(5)]
            log.registered(*ids)
            for _ in range(count // 5):
                jitter = chance.uniform(-CLOCK_JITTER_SECONDS, CLOCK_JITTER_SECONDS)
                for future in [log.commit.submit(add_file(i, jitter)) for i in ids]:
                    future.result(30)

    with ThreadPoolExecutor(writers) as threads:
        list(threads.map(one, range(writers)))
    return writers * (10 + 5 * (count // 5))


def in_processes(work: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Run the work once for each tuple of arguments, each in a new process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(arguments), mp_context=context) as pool:
        # says so at once if a process dies
        return [done.result(100) for done in [pool.submit(work, *given) for given in arguments]]


def answer_of(
    future: Future[Committed], command_id: str, document_id: str, expected: int | None
) -> Answer:
    """Wait for the answer; only errors that docledger raises on purpose are one."""
    try:
        committed = future.result(60)
    except DocledgerError as error:
        return Answer(command_id, document_id, (), (), type(error).__name__, expected)
    versions = tuple(recorded.event.version for recorded in committed.events)
    positions = tuple(recorded.position for recorded in committed.events)
    return Answer(command_id, document_id, versions, positions, None, expected)


def _random_command(log: Log, document_ids: Sequence[str], seed: int) -> Answer:
    chance = random.Random(seed)
    document_id = chance.choice(document_ids)
    kind = chance.randrange(3)
    command = start(document_id) if kind == 0 else add_file(document_id)
    expected = None
    if kind == 1:
        expected = log.commit.load(document_id).version + chance.randrange(2)
    future = log.commit.submit(command, expected)
    return answer_of(future, command.context.command_id, document_id, expected)
