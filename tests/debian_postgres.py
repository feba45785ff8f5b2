"""A PostgreSQL from the distribution, or of another version, on a free port and data of its own.

It proves that a server of the user's own serves as well as the embedded one. It does not sync to
disk unless told to, for no test cuts the power. Measurements run on it too, with settings of their
own.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg

_REPOSITORY = Path(__file__).parents[1]
_INSTALLED = (Path("/"), _REPOSITORY / ".apt" / "root")
_PACKAGED = _REPOSITORY / ".servers"
_FOR_TESTS = {"fsync": "off", "max_connections": "150", "jit": "off"}


def find_binaries(version: str | None = None) -> Path | None:
    """Return the folder of initdb and postgres, None if there is none.

    Without a version that is the distribution's, the newest of 15 to 18 that there is.
    """
    if version is not None:
        packaged = _PACKAGED / version / "bin"
        return packaged if packaged.is_dir() else None
    found = [
        path.parent
        for root in _INSTALLED
        for path in (root / "usr/lib/postgresql").glob("*/bin/initdb")
        if path.parts[-3] in ("15", "16", "17", "18")
    ]
    return max(found, key=lambda folder: int(folder.parts[-2]), default=None)


class DebianPostgres:
    """One server; `start` gives its URL, `stop` ends it by its process id.

    `settings` are the server's own, in place of those that suit tests; `locales` is a folder with
    more locales than the system has.
    """

    def __init__(
        self,
        binaries: Path,
        folder: Path,
        settings: Mapping[str, str] = _FOR_TESTS,
        locales: Path | None = None,
    ) -> None:
        self._settings = settings
        self._locales = locales
        self._binaries = binaries
        self._data = folder / "data"
        self._folder = folder
        self._account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Return the URL of the server's database `postgres`, reached over TCP."""
        if self._account is not None:
            os.chown(self._folder, self._account.pw_uid, self._account.pw_gid)
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--no-sync", "--locale=C.UTF-8")  # fmt: skip
        port = _free_port()
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(self._binaries / "postgres", "-D", self._data, "-p", str(port)),
                    *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                    *(word for s in self._settings.items() for word in ("-c", "=".join(s))),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                cwd="/",
                start_new_session=True,
                user=self._account.pw_uid if self._account else None,
                group=self._account.pw_gid if self._account else None,
                extra_groups=[] if self._account else None,
            )
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        _wait_for(url)
        return url

    def stop(self) -> None:
        """End the server and remove its data folder."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait(10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            [self._binaries / program, *arguments],
            check=True,
            capture_output=True,
            env=self._environment(),
            cwd="/",
            user=self._account.pw_uid if self._account else None,
            group=self._account.pw_gid if self._account else None,
            extra_groups=[] if self._account else None,
        )

    def _environment(self) -> dict[str, str]:
        # Unpacked without root, the server finds its libraries beside itself.
        root = self._binaries.parents[4]
        folders = [str(path) for path in (root / "usr/lib").glob("*-linux-gnu")]
        environment = {"PATH": os.defpath, "LC_ALL": "C", "LD_LIBRARY_PATH": ":".join(folders)}
        return (
            environment if self._locales is None else environment | {"LOCPATH": str(self._locales)}
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
