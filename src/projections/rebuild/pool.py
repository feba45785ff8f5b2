"""The processes of a rebuild: as many as there are cores, each given one shard after the other."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import Any

from projections.errors import RebuildFailed
from projections.rebuild.log import IdRange, ShardedLog
from projections.rebuild.worker import ShardFilled, Work, WorkerFailed

_LOOK_SECONDS = 0.5
# Not by multiprocessing, which would have each process import the whole command line.
_MAIN = (
    "import sys; sys.path[:] = {path!r}; from projections.rebuild.worker import main; main({fd})"
)


def fill_in_parallel(
    pipes: Sequence[Pipe],
    task: Work,
    shards: Sequence[IdRange],
    done: Callable[[ShardFilled], None],
    idle: Callable[[], None],
) -> None:
    """Have the processes fill all shards; `done` is called after each, `idle` now and then.

    Raises RebuildFailed if one of them fails or dies.
    """
    left = iter(shards)
    for pipe in pipes:
        with contextlib.suppress(BrokenPipeError):  # the answer tells
            pipe.send(task)
    at_work: list[Any] = [pipe for pipe in pipes if _give(pipe, next(left, None))]
    while at_work:
        for ready in wait(at_work, _LOOK_SECONDS):
            done(_answer(ready))
            if not _give(ready, next(left, None)):
                at_work.remove(ready)
        idle()


def _give(pipe: Any, shard: IdRange | None) -> bool:
    """Send the shard, or None, which ends the process; return whether it was a shard."""
    with contextlib.suppress(BrokenPipeError):  # the answer tells
        pipe.send(shard)
    return shard is not None


def _answer(pipe: Any) -> ShardFilled:
    try:
        answer: ShardFilled | WorkerFailed = pipe.recv()
    except (EOFError, ConnectionResetError) as error:
        raise RebuildFailed("A process of the rebuild died; begin again.") from error
    if isinstance(answer, WorkerFailed):
        raise RebuildFailed(f"A process of the rebuild failed: {answer.reason}.")
    return answer


@contextlib.contextmanager
def processes(log: ShardedLog, count: int) -> Iterator[list[Pipe]]:
    """Start so many processes; before a task comes they get ready to read this log."""
    running: list[subprocess.Popen[bytes]] = []
    pipes: list[Pipe] = []
    try:
        for _ in range(count):
            process, pipe = _start()
            running.append(process)
            pipes.append(pipe)
            with contextlib.suppress(BrokenPipeError):
                pipe.send(log)
        yield pipes
    except BaseException:
        for process in running:
            process.kill()
        raise
    finally:
        for pipe in pipes:
            pipe.close()
        for process in running:
            process.wait()


def _start() -> tuple[subprocess.Popen[bytes], Pipe]:
    ours, theirs = socket.socketpair()
    # The process must be the only one to hold its end, or its death would go unnoticed.
    with theirs:
        code = _MAIN.format(path=sys.path, fd=theirs.fileno())
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
        )
    return process, Pipe(ours.detach())
