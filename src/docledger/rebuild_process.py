"""Starts rebuilds for the API in a process of their own, which ends with the API's."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import IO, Any

from psycopg import Connection

from api.errors import RebuildRefused, RebuildRunning
from domain.errors import Unavailable
from projections.rebuild_lock import RebuildRunning as LockHeld

_LOOK_SECONDS = 0.05
_STARTING_SECONDS = 60.0
_PREPARING_SECONDS = 5.0
_ENDING_SECONDS = 20.0


class RebuildProcesses:
    """Runs `docledger rebuild` with this process's environment. Thread-safe."""

    def __init__(self, connect: Callable[[], Connection[Any]]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, rebuild_id: str, table: str | None) -> None:
        """Return once the rebuild runs, or has ended already.

        Raises RebuildRunning if one runs already, or a check, and RebuildRefused with the reason.
        """
        with self._lock, tempfile.TemporaryFile() as told:
            named = ["--table", table] if table else []
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "docledger",
                    "rebuild",
                    *("--json", "--supervised", "--id", rebuild_id),
                    *named,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=told,
                start_new_session=True,
            )
            try:
                self._wait(process, rebuild_id, told)
            except BaseException:
                _end(process)
                raise
            if self._process is not None:  # it is over: the new one has its lock
                _end(self._process)
            self._process = process

    def close(self) -> None:
        """End a rebuild that still runs; the live tables stay as they are."""
        with self._lock:
            if self._process is not None:
                _end(self._process)
            self._process = None

    def _wait(self, process: subprocess.Popen[bytes], rebuild_id: str, told: IO[bytes]) -> None:
        started = time.monotonic()
        with self._connect() as connection:
            connection.autocommit = True
            while True:
                ended = process.poll() is not None
                phase = _phase(connection, rebuild_id)
                waited = time.monotonic() - started
                if phase and (phase != "preparing" or waited > _PREPARING_SECONDS):
                    return
                if ended:
                    raise _error(told)
                if waited > _STARTING_SECONDS:
                    raise Unavailable("The rebuild did not begin in time; try again.")
                time.sleep(_LOOK_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _phase(connection: Connection[Any], rebuild_id: str) -> str | None:
    row = connection.execute(
        "SELECT phase FROM read_model_rebuilds WHERE id = %s", (rebuild_id,)
    ).fetchone()
    return None if row is None else str(row[0])


def _error(told: IO[bytes]) -> Exception:
    """Return what the process said on its last line as the API's error."""
    told.seek(0)
    lines = told.read().decode(errors="replace").strip().splitlines()
    reason = lines[-1].removeprefix("docledger: ") if lines else "It ended without a word."
    if reason == LockHeld.__doc__:
        return RebuildRunning(reason)
    return RebuildRefused(reason)
