"""Processes of their own for executors: killed on time, limited in memory, lost without harm.

One child process a slot, each behind a pipe of its own, forked from a server that has the heavy
modules imported already. Nothing that a child says is unpickled: it has read a document from
outside, so its answers are JSON and are checked. A child dies with the process that started it,
also if that is killed.
"""

from __future__ import annotations

import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stages.child import Child
from stages.child_main import Limits, Load
from stages.conversion.detection import Format
from stages.errors import StageCancelled, StageTimedOut
from stages.executor import StageOutcome, StageTask
from stages.registry import load as load_installed

_LOOK_SECONDS = 0.05  # how late a cancellation may be noticed
_TASKS_PER_CHILD = 200  # then a fresh one takes over: leaks of native libraries do not add up

HEAVY_MODULES = (
    "stages.chunker",
    "stages.facts",
    "stages.optimizer",
    "stages.warm",
    *sorted({f"stages.conversion.{kind.module}" for kind in Format}),
)


class Sandbox:
    """Runs tasks in at most `slots` child processes at once; safe to call from many threads."""

    def __init__(
        self,
        slots: int,
        memory_limit_bytes: int,
        *,
        file_limit_bytes: int = 4 << 30,
        preload: Sequence[str] = HEAVY_MODULES,
        load: Load = load_installed,
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="docledger-sandbox-"))
        self._idle: queue.LifoQueue[Child] = queue.LifoQueue()
        self.children = [
            Child(
                Limits(memory_limit_bytes, file_limit_bytes),
                load=load,
                preload=tuple(preload),
                last_words=self._folder / f"{slot}.stderr",
                tasks_before_renewal=_TASKS_PER_CHILD,
            )
            for slot in range(slots)
        ]
        for child in self.children:
            self._idle.put(child)
        self._closed = threading.Event()

    def warm_up(self) -> None:
        """Start all children now, so that the first tasks need not wait for them."""
        for child in self.children:
            child.start()

    def run(
        self,
        task: StageTask,
        timeout_seconds: float,
        cancelled: threading.Event | None = None,
    ) -> StageOutcome:
        """Execute a task in a child; blocks, also while no slot is free.

        The time limit counts from when a child takes the task. Raises StageTimedOut, StageCancelled
        (`cancelled` was set, or the sandbox was closed), StageCrashed, OutOfMemory, or what the
        executor raised.
        """
        with self._slot(cancelled) as child:
            child.begin(task)
            deadline = time.monotonic() + timeout_seconds
            while not child.has_answer(max(0, min(_LOOK_SECONDS, deadline - time.monotonic()))):
                self._refuse_if_cancelled(cancelled)
                if time.monotonic() >= deadline:
                    raise StageTimedOut(
                        f"Stage '{task.stage_name}' took longer than its {timeout_seconds:g} s; "
                        "raise timeoutSeconds in the workflow's configuration, or split the "
                        "document."
                    )
            return child.answer(task)

    def close(self) -> None:
        """Kill all children, whatever they are at, and refuse further tasks."""
        self._closed.set()
        for child in self.children:
            child.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @contextmanager
    def _slot(self, cancelled: threading.Event | None) -> Iterator[Child]:
        child = self._free_child(cancelled)
        try:
            yield child
        except BaseException:
            child.kill_if_busy()
            raise
        finally:
            self._idle.put(child)

    def _free_child(self, cancelled: threading.Event | None) -> Child:
        while True:
            self._refuse_if_cancelled(cancelled)
            try:
                return self._idle.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue

    def _refuse_if_cancelled(self, cancelled: threading.Event | None) -> None:
        if self._closed.is_set() or (cancelled is not None and cancelled.is_set()):
            raise StageCancelled
