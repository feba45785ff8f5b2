"""PgBouncer from the distribution, with a configuration as the how-to has it."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from configparser import ConfigParser
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from debian_postgres import _free_port, _wait_for

_REPOSITORY = Path(__file__).parents[1]
_PROGRAM = Path("usr/sbin/pgbouncer")


def find_pgbouncer() -> Path | None:
    """Return the program, installed or unpacked."""
    roots = (Path("/"), _REPOSITORY / ".apt" / "root")
    return next((root / _PROGRAM for root in roots if (root / _PROGRAM).exists()), None)


class PgBouncer:
    """One pooler in front of the server at `url`; `start` gives its URL for the same database."""

    def __init__(self, program: Path, folder: Path, configuration: str, url: str) -> None:
        self._program = program
        self._folder = folder
        self._configuration = configuration
        self._url = urlsplit(url)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Return the URL once the pooler answers."""
        port = _free_port()
        account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        settings = self._settings(port)
        path = self._folder / "pgbouncer.ini"
        with path.open("w") as file:
            settings.write(file)
        (self._folder / "userlist.txt").write_text(f'"{self._url.username}" ""\n')
        for folder in (self._folder, *self._folder.parents[:2]):
            folder.chmod(0o755)
        root = self._program.parents[2]
        libraries = [str(found) for found in (root / "usr/lib").glob("*-linux-gnu")]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._program, path],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.defpath, "LC_ALL": "C", "LD_LIBRARY_PATH": ":".join(libraries)},
                cwd="/",
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
        pooled = self._url._replace(netloc=f"{self._url.username}@127.0.0.1:{port}")
        _wait_for(urlunsplit(pooled))
        return urlunsplit(pooled)

    def stop(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(20)

    def _settings(self, port: int) -> ConfigParser:
        """Return the configuration for this server, this port and a user without a password."""
        settings = ConfigParser()
        settings.read_string(self._configuration)
        database = self._url.path[1:]
        settings["databases"] = {
            database: f"host={self._url.hostname} port={self._url.port} dbname={database}"
        }
        for name, value in {
            "listen_port": str(port),
            "auth_type": "trust",
            "auth_file": str(self._folder / "userlist.txt"),
            "unix_socket_dir": "",
        }.items():
            settings.set("pgbouncer", name, value)
        return settings
