"""Starts rebuilds for the API in a process of their own, which ends with the API's.

The server takes the rebuild's lock and registers it before it answers; then it starts the process,
which queues up for the lock, and lets go. Between the two no other session can have it. A process
that never gets so far leaves its reason in the row that was registered.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import psycopg
import structlog
from psycopg import Connection

from api.http.errors import RebuildRunning
from docledger.search_rebuild import SEARCH_TABLES
from docledger.supervisor import COULD_NOT_RUN
from domain.errors import LogFull, Unavailable
from projections.rebuild.progress import note_failure, register_rebuild
from projections.rebuild.shadow import TABLES
from projections.rebuild_lock import RebuildRunning as LockHeld
from projections.rebuild_lock import is_awaited, rebuild_lock

_log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.05
_STARTING_SECONDS = 60.0
_ENDING_SECONDS = 20.0
_NOTE_TRIES = 60
_NOTE_PAUSE_SECONDS = 2.0


class RebuildProcesses:
    """Runs `docledger rebuild` with this process's environment. Thread-safe."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._running: list[_Child] = []
        self._closing = threading.Event()

    def start(self, rebuild_id: str, table: str | None, *, search: bool = False) -> None:
        """Return once the rebuild is registered; it goes on in a process of its own.

        It is one of this table, of all, or with `search` of the search store.

        Raises RebuildRunning if one runs already, or a check, and Unavailable.
        """
        tables, arguments = _what(table, search=search)
        with self._lock, ExitStack() as stack:
            if self._closing.is_set():
                raise Unavailable("The server is stopping.")
            with _database_errors():
                connection = stack.enter_context(self._connect())
                connection.autocommit = True
                stack.enter_context(rebuild_lock(connection, exclusive=True))
                register_rebuild(connection, rebuild_id, tables)
            child = _Child(self._connect, self._closing, connection, rebuild_id, arguments)
            child.start(stack.pop_all())
            self._running = [other for other in self._running if other.is_alive()]
            self._running.append(child)

    def close(self) -> None:
        """End a rebuild that still runs; the live tables stay as they are."""
        self._closing.set()
        with self._lock:
            for child in self._running:
                child.end()


class _Child:
    """One rebuild's process and the thread that looks after it.

    `connection` holds the lock for it until it queues up for it.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        closing: threading.Event,
        connection: Connection,
        rebuild_id: str,
        arguments: Sequence[str],
    ) -> None:
        self._connect = connect
        self._closing = closing
        self._connection = connection
        self._rebuild_id = rebuild_id
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def start(self, lock: ExitStack) -> None:
        """Start the process; `lock` is closed when it may have the rebuild's lock."""
        try:
            self._process = _start(self._rebuild_id, self._arguments)
        except OSError as error:
            reason = f"its process could not be started ({error.strerror})"
            with lock:
                note_failure(self._connection, self._rebuild_id, reason)
            raise Unavailable(f"The rebuild cannot begin: {reason}; try again.") from error
        self._thread = threading.Thread(
            target=self._look_after, args=(lock, self._process), name="rebuild", daemon=True
        )
        self._thread.start()

    def is_alive(self) -> bool:
        """Tell whether the process has yet to end, or its end to be noted."""
        return self._thread is not None and self._thread.is_alive()

    def end(self) -> None:
        """End the process and wait until that is noted."""
        if self._process is not None:
            _end(self._process)
        if self._thread is not None:
            self._thread.join(_ENDING_SECONDS)

    def _look_after(self, lock: ExitStack, process: subprocess.Popen[bytes]) -> None:
        try:
            # Without the database the lock is lost, and the process finds out by itself.
            with suppress(psycopg.Error), lock:
                self._hand_over(process)
            process.wait()
            if process.returncode:
                self._note(_reason(process.returncode, _said(process)))
        except Exception:
            _log.exception("a rebuild is no longer looked after", rebuild_id=self._rebuild_id)
        finally:
            _close_pipes(process)

    def _hand_over(self, process: subprocess.Popen[bytes]) -> None:
        """Return when the process waits for the lock; note the reason if it ends before."""
        for _ in range(int(_STARTING_SECONDS / _LOOK_SECONDS)):
            try:
                process.wait(_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if is_awaited(self._connection):
                    return
                continue
            reason = _reason(process.returncode, _said(process))
            note_failure(self._connection, self._rebuild_id, reason)
            return
        note_failure(self._connection, self._rebuild_id, "its process did not begin in time")
        _end(process)

    def _note(self, reason: str) -> None:
        """Write the reason down, also when the database comes back only later."""
        _log.warning("a rebuild failed", rebuild_id=self._rebuild_id, reason=reason)
        for _ in range(_NOTE_TRIES):
            try:
                with self._connect() as connection:
                    note_failure(connection, self._rebuild_id, reason)
                return
            except psycopg.OperationalError:
                if self._closing.wait(_NOTE_PAUSE_SECONDS):
                    return


def _what(table: str | None, *, search: bool) -> tuple[Sequence[str], Sequence[str]]:
    """Return the tables that are rebuilt, and the arguments that say so."""
    if search:
        return SEARCH_TABLES, ["--search"]
    return ([table], ["--table", table]) if table else (list(TABLES), [])


def _start(rebuild_id: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            sys.executable,
            *("-m", "docledger", "rebuild", "--json", "--supervised", "--id", rebuild_id),
            *arguments,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _said(process: subprocess.Popen[bytes]) -> bytes:
    """Return what a process that has ended printed, without waiting for processes of its own."""
    if process.stdout is None:
        return b""
    os.set_blocking(process.stdout.fileno(), False)
    return process.stdout.read() or b""


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _reason(code: int, said: bytes) -> str:
    """Return why the process failed: what it printed as JSON, or else how it ended."""
    with suppress(ValueError, TypeError, KeyError):
        return str(json.loads(said)["error"])
    if code < 0:
        return f"its process was ended by signal {-code}"
    if code == COULD_NOT_RUN:
        return "its process could not run; the server's log says why"
    return f"its process ended with exit code {code}; the server's log says why"


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except LockHeld as error:
        raise RebuildRunning from error
    except psycopg.errors.UndefinedTable as error:
        raise Unavailable(
            "The database is not that of this version; run 'docledger migrate up'."
        ) from error
    except psycopg.errors.DiskFull as error:
        raise LogFull from error
    except psycopg.OperationalError as error:
        raise Unavailable("The database cannot be reached; try again in a moment.") from error
