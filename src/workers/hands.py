"""Threads that do what is ready, as few of them as will do."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

_log = logging.getLogger(__name__)

Task: TypeAlias = Callable[[], None]


_PATIENCE_SECONDS = 0.003


class Hands:
    """At most `most` threads, each begun when all others are busy and something waits.

    The first task wakes a thread. It has another one stand by when tasks are left, which begins
    only if they still are after a moment: a burst of short tasks is done by the one thread that is
    awake, instead of by many that contend for the interpreter, and a long task holds up none.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._tasks: deque[Task] = deque()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._waking = False
        self._standing_by = False
        self._closing = False

    def put(self, task: Task) -> None:
        """Have the task done soon, in the order of calls. Callable from any thread."""
        with self._changed:
            self._tasks.append(task)
            self._wake_one()

    def close(self) -> None:
        """Do what waits and end the threads; nothing may be put in any more."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _wake_one(self) -> None:
        """Have one more thread come, unless one is on its way already."""
        if self._waking:
            return
        if self._idle > 0:
            self._waking = True
            self._changed.notify()
        elif len(self._threads) < self._most:
            self._waking = True
            number = len(self._threads)
            thread = threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        came_now = True
        while (task := self._next(came_now=came_now)) is not None:
            came_now = False
            try:
                task()
            except Exception:
                _log.exception("a task failed that should tell its failure itself")

    def _next(self, *, came_now: bool) -> Task | None:
        """Return the next task, None once there will be no more."""
        with self._changed:
            while True:
                if came_now and self._standing_by and self._tasks:
                    self._standing_by = False
                    self._changed.wait(_PATIENCE_SECONDS)
                came_now = came_now and not self._tasks
                if self._tasks:
                    return self._popped()
                self._waking = self._standing_by = False
                if self._closing:
                    return None
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
                came_now = True

    def _popped(self) -> Task:
        task = self._tasks.popleft()
        self._waking = False
        if self._tasks:
            self._standing_by = True
            self._wake_one()
        return task
