"""What runs in a child process of the sandbox."""

from __future__ import annotations

import ctypes
import fcntl
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import TypeAlias

from stages.answers import error_answer, outcome_answer
from stages.errors import ExecutorFailed, OutOfMemory, StageError
from stages.executor import Executor, StageTask
from stages.running import run_executor

Load: TypeAlias = Callable[[str], Executor]

TAKEN = b"taken"  # said of a task before anything is done about it

_PR_SET_PDEATHSIG = 1
_M_ARENA_MAX = -8
# A stage makes a million tokens that live until it ends, and walking them again and again takes as
# long as parsing; all that is left is collected after each task.
_COLLECT = (50_000, 20, 100)


@dataclass(frozen=True)
class Limits:
    """What one child process may take: address space, and size of each file it writes."""

    memory_bytes: int
    file_bytes: int


def child_main(pipe: connection.Connection, limits: Limits, last_words: Path, load: Load) -> None:
    """Answer tasks until the pipe ends."""
    _end_with_parent()
    _be_silent(last_words)
    _confine(limits)
    gc.freeze()  # what was preloaded stays: collections need not walk it
    gc.set_threshold(*_COLLECT)
    executor_of: Load = lru_cache(maxsize=None)(load)
    while True:
        try:
            task: StageTask = pipe.recv()
        except (EOFError, OSError):
            return
        os.truncate(last_words, 0)
        pipe.send_bytes(TAKEN)
        pipe.send_bytes(_answer(task, executor_of))
        gc.collect()


def _answer(task: StageTask, executor_of: Load) -> bytes:
    try:
        return outcome_answer(run_executor(executor_of(task.stage_name), task), task.work_dir)
    except StageError as error:
        return error_answer(error)
    except MemoryError:
        gc.collect()
        return error_answer(OutOfMemory())
    except (TypeError, ValueError):
        return error_answer(ExecutorFailed("The executor's metadata cannot be written as JSON."))


def _end_with_parent() -> None:
    """Die with the parent, however it ends, even while a native library holds the interpreter.

    The kernel signals SIGIO, which ends a process, when the parent's end of the pipe between the
    two closes, and SIGKILL when the fork server dies.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = parent_process()
    if parent is None:
        return
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
    fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)
    if connection.wait([parent.sentinel], timeout=0):  # it was gone before we listened
        os._exit(1)


def _be_silent(last_words: Path) -> None:
    """Leave signals of the terminal to the parent and give noisy libraries nowhere to speak.

    Standard error goes to a file that only the parent reads, for how a native library died.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    grave = os.open(last_words, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.dup2(grave, 2)
    os.close(nowhere)
    os.close(grave)
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123


def _confine(limits: Limits) -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 2)  # each arena reserves 64 MiB of the address space
    _lower(resource.RLIMIT_AS, limits.memory_bytes)
    _lower(resource.RLIMIT_FSIZE, limits.file_bytes)
    _lower(resource.RLIMIT_CORE, 0)


def _lower(which: int, wanted: int) -> None:
    _, hard = resource.getrlimit(which)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(which, (limit, limit))
