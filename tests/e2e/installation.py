"""A docledger of a test's own, worked from outside: commands, processes, addresses, kills.

Nothing here looks into docledger's processes. What belongs to an installation is told by its home:
every process that has it in its environment or works in a folder below it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from postgres.embedded.server import EmbeddedPostgres

COMMAND = Path(sys.executable).with_name("docledger")
_READY = "docledger is ready at "
_READY_SECONDS = 90

Found = TypeVar("Found")


class Running:
    """A command that runs: its lines on standard output as they come, standard error in a file."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self.lines: list[str] = []
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                # so that a test can send to it alone what a terminal would send
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.lines += iter(lines.readline, "")

    def wait(self, seconds: float = 60) -> int:
        """Return the exit code."""
        code = self.process.wait(seconds)
        self._reader.join(10)
        return code

    def said(self) -> str:
        """Return what went to standard error."""
        return self.log.read_text(errors="replace")

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 60) -> int:
        """Send a signal and return the exit code; kill what does not end in time, and fail."""
        self.process.send_signal(how)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait()
            raise


class Service(Running):
    """`docledger up`, or `serve`, as its clients see it."""

    url: str = ""

    def wait_until_ready(self) -> None:
        """Wait for the line with the address."""
        wait_for(self._is_ready, _READY_SECONDS, self._why)

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(self._why())
        ready = [line for line in self.lines if line.startswith(_READY)]
        self.url = ready[0].removeprefix(_READY).strip() if ready else ""
        return bool(ready)

    def _why(self) -> str:
        return f"it is not ready; it said:\n{self.said()[-4000:]}"

    def children(self) -> dict[str, psutil.Process]:
        """Return the processes of the roles, by role."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.process.pid).children()
            return {role: child for child in children if (role := _role(child)) is not None}
        return {}

    def client(self) -> httpx.Client:
        """Return a client of the service."""
        return httpx.Client(base_url=self.url, timeout=30)


class Installation:
    """A home, the environment that names it, and everything that runs on it.

    `prefix` is put before what `start`, `up` and `serve` run.
    """

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self._given_url = settings.get("database_url")
        ours = {f"DOCLEDGER_{name.upper()}": value for name, value in settings.items()}
        others = {k: v for k, v in os.environ.items() if not k.startswith("DOCLEDGER_")}
        self.environment = {**others, "DOCLEDGER_HOME": str(home), **ours}
        self.prefix: list[str] = []
        self._started: list[Running] = []

    @property
    def uploads(self) -> Path:
        """Where the files are."""
        return self.home / "uploads"

    @property
    def database_url(self) -> str:
        """The address of the database, whose server has to run."""
        url = self._given_url or EmbeddedPostgres(self.home).status().database_url
        assert url is not None, "the embedded server does not run"
        return url

    def run(self, *arguments: str | Path, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [COMMAND, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def json(self, *arguments: str | Path) -> Any:
        """Run a command with `--json` and return the one document that it prints."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str | Path) -> Running:
        """Start a command."""
        running = Running(self._command(*arguments), self.environment, self._log(arguments))
        self._started.append(running)
        return running

    def up(self) -> Service:
        """Run `docledger up` on a free port until it is ready."""
        return self._service("up")

    def serve(self) -> Service:
        """Run `docledger serve` on a free port until it is ready."""
        return self._service("serve")

    def _service(self, role: str) -> Service:
        command = self._command(role, "--port", "0")
        service = Service(command, self.environment, self._log((role,)))
        self._started.append(service)
        service.wait_until_ready()
        return service

    def _command(self, *arguments: str | Path) -> list[str]:
        return [*self.prefix, str(COMMAND), *map(str, arguments)]

    def _log(self, arguments: tuple[str | Path, ...]) -> Path:
        self.home.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(prefix=f"{arguments[0]}-", suffix=".log", dir=self.home)
        os.close(handle)
        return Path(path)

    def processes(self) -> list[psutil.Process]:
        """Return every process of this installation, the embedded server's among them."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def postmaster(self) -> psutil.Process | None:
        """Return the embedded server's first process."""
        pid = EmbeddedPostgres(self.home).status().pid
        return None if pid is None else psutil.Process(pid)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                return False
            return process.environ().get("DOCLEDGER_HOME") == str(self.home) or Path(
                process.cwd()
            ).is_relative_to(self.home / "postgres")
        except (psutil.Error, OSError):
            return False

    def kill_everything(self, *, and_the_server: bool = True) -> None:
        """Kill every process outright until none is left, in whatever order they come."""
        while processes := self._to_kill(and_the_server):
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes, timeout=5)

    def end(self) -> None:
        """Leave nothing running, whatever state it is in."""
        self.kill_everything()
        for running in self._started:
            running.wait(10)

    def _to_kill(self, and_the_server: bool) -> list[psutil.Process]:
        found = self.processes()
        if and_the_server:
            return found
        return [process for process in found if not _is_postgres(process)]


def _role(process: psutil.Process) -> str | None:
    try:
        words = process.cmdline()
    except psutil.Error:
        return None
    return next((role for role in ("serve", "project", "work") if role in words), None)


def _is_postgres(process: psutil.Process) -> bool:
    try:
        return process.name() == "postgres"
    except psutil.Error:
        return False


@contextmanager
def installed(**settings: str) -> Iterator[Installation]:
    """Make an installation and leave nothing of it behind, neither processes nor files."""
    # The path is short: the server's socket has to fit below it.
    with tempfile.TemporaryDirectory(prefix="dl-", ignore_cleanup_errors=True) as folder:
        installation = Installation(Path(folder) / "home", **settings)
        try:
            yield installation
        finally:
            installation.end()


def wait_for(
    look: Callable[[], Found],
    seconds: float = 30,
    why: Callable[[], str] = lambda: "it never came to pass",
) -> Found:
    """Look until there is something to be found, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)
    return found
