"""One child process of the sandbox, seen from its parent."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from stages.answers import read_answer
from stages.child_main import TAKEN, Limits, Load, child_main
from stages.errors import OutOfMemory, StageCancelled, StageCrashed, StageError
from stages.executor import StageOutcome, StageTask

_ALLOCATION_FAILED = b"memory allocation of"  # Rust's last words before it aborts
_TAIL_BYTES = 4096
_MAX_ANSWER_BYTES = 64 << 20
_TRIES = 2
_TAKING_SECONDS = 60  # enough for a fork server that has yet to import everything
_GRACE_SECONDS = 5


@dataclass(frozen=True)
class _Running:
    process: BaseProcess
    pipe: connection.Connection

    def end(self) -> None:
        if self.process.is_alive():
            self.process.kill()
            self.process.join(_GRACE_SECONDS)


class Child:
    """A process that executes one task after the other; started when needed, renewed when it died.

    Used by one thread at a time, but for `kill`.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        load: Load,
        preload: tuple[str, ...],
        last_words: Path,
        tasks_before_renewal: int,
    ) -> None:
        self._limits = limits
        self._load = load
        self._preload = preload
        self._last_words = last_words
        self._tasks_before_renewal = tasks_before_renewal
        self._tasks = 0
        self._busy = False
        self._running: _Running | None = None
        self._lock = threading.Lock()  # between `start` and `kill`
        self._ended = False

    @property
    def process_id(self) -> int | None:
        """The id of the process, None while there is none."""
        running = self._running
        return running.process.pid if running else None

    def start(self) -> _Running:
        """Start the process unless it runs; raise StageCancelled after `kill`."""
        with self._lock:
            if self._ended:
                raise StageCancelled
            if self._running is None or not self._running.process.is_alive():
                self._running = self._launched()
                self._tasks = 0
            return self._running

    def begin(self, task: StageTask) -> None:
        """Hand the task over; raise StageCrashed if no process can take it."""
        if self._tasks >= self._tasks_before_renewal:
            self._discard()
        for _ in range(_TRIES):  # one that died while idle is replaced
            if self._took(task):
                self._busy = True
                self._tasks += 1
                return
            self._discard()
        raise StageCrashed(
            "The stage's process died before it could begin; see whether memory is short."
        )

    def _took(self, task: StageTask) -> bool:
        """Send the task; tell whether the process has taken it up before it could harm anything."""
        try:
            pipe = self.start().pipe
            pipe.send(task)
            return pipe.poll(_TAKING_SECONDS) and pipe.recv_bytes(len(TAKEN)) == TAKEN
        except (OSError, EOFError):
            return False

    def has_answer(self, timeout_seconds: float) -> bool:
        """Wait until the child has answered or died, at most so long."""
        try:
            return self._running is None or self._running.pipe.poll(timeout_seconds)
        except OSError:  # reset by a child that died with the task unread
            return True

    def answer(self, task: StageTask) -> StageOutcome:
        """Return what the child made of the task, or raise what it raised or how it died."""
        running = self._running
        if running is None:
            raise self._death(task)
        try:
            raw = running.pipe.recv_bytes(_MAX_ANSWER_BYTES)
        except (EOFError, OSError) as error:
            raise self._death(task) from error
        self._busy = False
        return read_answer(raw, task)

    def kill_if_busy(self) -> None:
        """End a process that is still at a task; an idle one is kept."""
        if self._busy:
            self._discard()

    def kill(self) -> None:
        """End the process for good; a thread that waits for its answer sees it die."""
        with self._lock:
            self._ended = True
            if self._running is not None:
                self._running.end()

    def _launched(self) -> _Running:
        context = get_context("forkserver")
        context.set_forkserver_preload(["stages.preloading", *self._preload])
        ours, theirs = context.Pipe()
        self._last_words.touch()
        process = context.Process(
            target=child_main,
            args=(theirs, self._limits, self._last_words, self._load),
            name="docledger-stage",
            daemon=True,
        )
        process.start()
        theirs.close()
        return _Running(process, ours)

    def _discard(self) -> None:
        with self._lock:
            if self._running is not None:
                self._running.end()
                self._running.pipe.close()
            self._running = None
            self._busy = False

    def _death(self, task: StageTask) -> StageError:
        if self._ended:
            return StageCancelled()
        if _ALLOCATION_FAILED in self._tail():
            return OutOfMemory(
                f"The stage needs more than the {self._limits.memory_bytes >> 20} MiB that its "
                "process may take; split the document, or raise the limit of a stage's memory."
            )
        return StageCrashed(
            f"The process of stage '{task.stage_name}' died {self._cause()}; the document may be "
            "damaged, or the machine short of memory."
        )

    def _cause(self) -> str:
        if self._running is None:
            return "early"
        self._running.process.join(_GRACE_SECONDS)
        code = self._running.process.exitcode
        if code is not None and code < 0:
            return f"by {signal.Signals(-code).name}"
        return f"with exit code {code}"

    def _tail(self) -> bytes:
        try:
            return self._last_words.read_bytes()[-_TAIL_BYTES:]
        except OSError:
            return b""
