"""One child process of the sandbox, seen from its parent."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Mapping
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from stages import errors
from stages.child_main import Limits, Load, child_main
from stages.errors import ExecutorFailed, OutOfMemory, StageCrashed, StageError
from stages.executor import ProducedFile, StageOutcome, StageTask

_ALLOCATION_FAILED = b"memory allocation of"  # Rust's last words before it aborts
_TAIL_BYTES = 4096
_GRACE_SECONDS = 5


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
        self._process: BaseProcess | None = None
        self._pipe: connection.Connection | None = None
        self._lock = threading.Lock()  # between `start` and `kill`
        self._ended = False

    def start(self) -> connection.Connection:
        """Start the process unless it runs; return the pipe to it."""
        with self._lock:
            if self._ended:
                raise errors.StageCancelled
            if self._pipe is None or self._process is None or not self._process.is_alive():
                self._discard()
                self._launch()
            assert self._pipe is not None
            return self._pipe

    def begin(self, task: StageTask) -> None:
        """Hand the task over; raise StageCrashed if no process can take it."""
        if self._tasks >= self._tasks_before_renewal:
            self._kill_process()
        for _ in range(2):  # one that died while idle is replaced
            try:
                self.start().send(task)
            except OSError:
                self._kill_process()
                continue
            self._busy = True
            self._tasks += 1
            return
        raise StageCrashed(
            "The stage's process died before it could begin; see whether memory is short."
        )

    def has_answer(self, timeout_seconds: float) -> bool:
        """Wait until the child has answered or died, at most so long."""
        assert self._pipe is not None
        return self._pipe.poll(timeout_seconds)

    def answer(self, task: StageTask) -> StageOutcome:
        """Return what the child made of the task, or raise what it raised or how it died."""
        assert self._pipe is not None
        try:
            raw = self._pipe.recv_bytes()
        except (EOFError, OSError) as error:
            raise self._death(task) from error
        self._busy = False
        return read_answer(raw, task)

    def kill_if_busy(self) -> None:
        """End a process that is still at a task; an idle one is kept."""
        if self._busy:
            self._kill_process()

    def kill(self) -> None:
        """End the process for good."""
        with self._lock:
            self._ended = True
            self._discard()

    def _kill_process(self) -> None:
        with self._lock:
            self._discard()

    def _launch(self) -> None:
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
        self._process, self._pipe, self._tasks, self._busy = process, ours, 0, False

    def _discard(self) -> None:
        if self._process is not None and self._process.is_alive():
            self._process.kill()
            self._process.join(_GRACE_SECONDS)
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None
        self._busy = False

    def _death(self, task: StageTask) -> StageError:
        assert self._process is not None
        self._process.join(_GRACE_SECONDS)
        code = self._process.exitcode
        if _ALLOCATION_FAILED in self._tail():
            return OutOfMemory(_out_of_memory(self._limits.memory_bytes))
        how = f"by {signal.Signals(-code).name}" if code is not None and code < 0 else f"with {code}"
        return StageCrashed(
            f"The process of stage '{task.stage_name}' died {how}; the document may be damaged, or "
            "the machine short of memory."
        )

    def _tail(self) -> bytes:
        try:
            return self._last_words.read_bytes()[-_TAIL_BYTES:]
        except OSError:
            return b""


def _out_of_memory(limit_bytes: int) -> str:
    return (
        f"The stage needs more than the {limit_bytes >> 20} MiB that its process may take; split "
        "the document, or raise the limit of a stage's memory."
    )


def read_answer(raw: bytes, task: StageTask) -> StageOutcome:
    """Return the outcome that a child's answer describes, or raise the error that it names."""
    try:
        answer = json.loads(raw)
        if "error" in answer:
            raise _error(answer)
        return StageOutcome(
            files=tuple(_file(each, task.work_dir) for each in answer["files"]),
            metadata=dict(answer["metadata"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExecutorFailed("The stage's process gave an answer that makes no sense.") from error


def _file(answer: Mapping[str, Any], work_dir: Path) -> ProducedFile:
    path = work_dir / str(answer["path"])
    if not path.resolve().is_relative_to(work_dir.resolve()):
        raise ValueError("outside of the working folder")
    if path.is_symlink() or not path.is_file():
        raise ValueError("no such file")
    return ProducedFile(
        path=path,
        metadata=dict(answer["metadata"]),
        file_type=str(answer["file_type"]),
        suffix=str(answer["suffix"]),
        mime_type=str(answer["mime_type"]),
    )


def _error(answer: Mapping[str, Any]) -> StageError:
    kind = getattr(errors, str(answer["error"]), None)
    if not (isinstance(kind, type) and issubclass(kind, StageError)):
        kind = ExecutorFailed
    return kind(str(answer["message"]))
