"""Runs roles as child processes: restarts what dies, ends all of it together.

Each child holds the reading end of a pipe as its standard input. When the supervisor is killed
outright, the pipe closes and the children end by themselves (`end_with_supervisor`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog

from domain.errors import DocledgerError
from postgres.backoff import Backoff

log = structlog.get_logger(__name__)

_RESTART = Backoff(0.5, 15.0)
_STEADY_SECONDS = 30.0
_PUTTING_AWAY_SECONDS = 15.0
COULD_NOT_RUN = 3


class RoleGaveUp(DocledgerError):
    """A role cannot run; its own last message says why."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The role '{name}' cannot run; its reason is above.")


@dataclass
class Role:
    """A command line of docledger that is to be running, and the process that runs it."""

    name: str
    arguments: Sequence[str]
    pass_fds: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restarts: int = 0
    not_before: float = 0.0
    exit_code: int | None = None


class Supervisor:
    """Keeps `roles` running from `start` to `stop`; children inherit the environment.

    `shutdown_seconds` is what the roles were told to wait for what is under way; a role that takes
    much longer is killed.
    """

    def __init__(
        self,
        roles: Sequence[Role],
        *,
        shutdown_seconds: float,
        on_restart: Callable[[str], None] | None = None,
    ) -> None:
        self._roles = list(roles)
        self._kill_after_seconds = shutdown_seconds + _PUTTING_AWAY_SECONDS
        self._on_restart = on_restart or (lambda _name: None)
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start every role and begin to watch them."""
        for role in self._roles:
            _start(role)
        self._watcher.start()

    def stop(self) -> None:
        """Ask every role to end, wait for them, and kill what does not end."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        running = [role.process for role in self._roles if role.process is not None]
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._kill_after_seconds
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                process.stdin.close()

    def gave_up(self) -> str | None:
        """Return the name of a role that says it cannot run at all, None while all can."""
        refused = (role.name for role in self._roles if role.exit_code == COULD_NOT_RUN)
        return next(refused, None)

    def _watch(self) -> None:
        while not self._stopping.wait(0.1):
            for role in self._roles:
                self._look_after(role)

    def _look_after(self, role: Role) -> None:
        if role.process is not None and role.process.poll() is not None:
            self._plan_restart(role, role.process.returncode)
        if role.process is None and time.monotonic() >= role.not_before:
            self._on_restart(role.name)
            _start(role)

    def _plan_restart(self, role: Role, code: int) -> None:
        now = time.monotonic()
        if now - role.started_at > _STEADY_SECONDS:
            role.restarts = 0
        wait = _RESTART.after(role.restarts + 1)
        log.warning("role ended", role=role.name, exit_code=code, restart_in_seconds=wait)
        if role.process is not None and role.process.stdin is not None:
            role.process.stdin.close()
        role.process = None
        role.exit_code = code
        role.restarts += 1
        role.not_before = now + wait


def _start(role: Role) -> None:
    role.process = subprocess.Popen(
        [sys.executable, "-m", "docledger", *role.arguments, "--supervised"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=tuple(role.pass_fds),
        # Ctrl-C reaches the supervisor only, which then ends the roles in good order.
        start_new_session=True,
    )
    role.started_at = time.monotonic()


def end_with_supervisor() -> None:
    """End this process, in good order, when the supervisor that started it is gone."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="supervisor is there", daemon=True).start()
