"""Processes that are measured: started, waited for, their CPU time read, ended by their id."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import psycopg

BENCH = Path(__file__).parents[1]
ROOT = BENCH.parent
_TICKS = os.sysconf("SC_CLK_TCK")


class DidNotStart(RuntimeError):
    """A process ended, or did not answer in time; what it said is in the message."""


class Running:
    """A process of our own; `url` is waited for until it answers."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        url: str | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path = ROOT,
        seconds: float = 60,
        kill: bool = False,
    ) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        self._stop_signal = signal.SIGKILL if kill else signal.SIGTERM
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(BENCH), **(environment or {})},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if url is not None:
            self._wait_for(url, time.monotonic() + seconds)

    def _wait_for(self, url: str, deadline: float) -> None:
        while True:
            try:
                with urllib.request.urlopen(url, timeout=2):
                    return
            except (OSError, urllib.error.URLError):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = self.said()
                    self.stop()
                    raise DidNotStart(f"{self._process.args!r}: {said[-2000:]}") from None
                time.sleep(0.05)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def said(self) -> str:
        """Return what it has printed so far."""
        self._said.seek(0)
        return self._said.read().decode(errors="replace")

    def cpu_seconds(self) -> float:
        """Return the CPU time that it and its children have taken."""
        return cpu_seconds(self.pid)

    def stop(self, seconds: float = 15) -> None:
        """End it and wait for its end."""
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._said.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def end_in_good_order() -> None:
    """Have SIGTERM end this program as Ctrl-C does: servers stopped, databases dropped."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def at_zero(left: Callable[[], int], seconds: float = 120) -> float:
    """Wait until nothing is left; return the seconds that it took. Raises TimeoutError."""
    started = time.monotonic()
    while count := left():
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"{count} are left after {seconds} s")
        time.sleep(0.01)
    return time.monotonic() - started


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, of its living descendants and of those it waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    own = sum(int(fields[field]) for field in (11, 12, 13, 14)) / _TICKS
    return own + sum(cpu_seconds(int(child)) for child in children)


def peak_megabytes(pid: int) -> float:
    """Return the most memory that the process ever had in use."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0


def postmaster(dsn: str) -> int:
    """Return the process id of the PostgreSQL server at `dsn`, on this machine."""
    with psycopg.connect(dsn) as connection:
        backend = connection.info.backend_pid
        status = Path(f"/proc/{backend}/stat").read_text()
    return int(status.rpartition(")")[2].split()[1])


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
