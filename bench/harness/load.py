"""Load over HTTP: wrk, which takes half a core where a client in Python takes more than the server.

A Lua script makes the requests; it prints its figures as JSON when it is done. An answer that is
not 2xx does not count, and a connection that breaks makes a figure void.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness.processes import ROOT, Running, cpu_seconds

_DONE = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\nFIGURES{"answered":%d,"us":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}\\n',
    summary.requests - e.status, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""


class WrongAnswers(AssertionError):
    """A server answered with errors, or not with what it was to answer."""


@dataclass(frozen=True)
class Load:
    """What one wrk does: a server's URL, the Lua that makes requests, and how many clients."""

    url: str
    script: str
    clients: int


@dataclass(frozen=True)
class Answered:
    """What came of it: requests answered well and not, seconds, latencies in milliseconds."""

    answered: int
    refused: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Requests answered well a second."""
        return self.answered / self.seconds


def measured(
    loads: Sequence[Load], seconds: float, servers: Sequence[Running], database_pid: int
) -> tuple[list[Answered], dict[str, float]]:
    """Run the loads at once; return what each came to, and the figures of all together.

    CPU is milliseconds a request: of the servers, of PostgreSQL with all its processes, of wrk.
    """
    before = [server.cpu_seconds() for server in servers]
    database, client = cpu_seconds(database_pid), _children()
    started = time.monotonic()
    with ThreadPoolExecutor(len(loads)) as threads:
        each = list(threads.map(lambda load: _wrk(load, seconds), loads))
    passed = time.monotonic() - started
    requests = max(1, sum(one.answered for one in each))
    served = sum(s.cpu_seconds() - b for s, b in zip(servers, before, strict=True))
    return each, {
        "per_second": sum(one.per_second for one in each),
        "p50_ms": max(one.p50_ms for one in each),
        "p99_ms": max(one.p99_ms for one in each),
        "refused": sum(one.refused for one in each),
        "server_cores": served / passed,
        "server_cpu_ms": 1000 * served / requests,
        "database_cpu_ms": 1000 * (cpu_seconds(database_pid) - database) / requests,
        "client_cpu_ms": 1000 * (_children() - client) / requests,
    }


# Unpacked without root, it finds its libraries beside itself.
_UNPACKED = ROOT / ".apt" / "root" / "usr"
_PROGRAM = shutil.which("wrk") or str(_UNPACKED / "bin" / "wrk")
_LIBRARIES = os.pathsep.join(str(path) for path in _UNPACKED.glob("lib/*-linux-gnu"))


def _wrk(load: Load, seconds: float) -> Answered:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(load.script + _DONE)
        script.flush()
        flags = (f"-c{load.clients}", f"-d{max(1, round(seconds))}s", "--timeout", "20s")
        run = subprocess.run(
            [_PROGRAM, "-t1", *flags, "-s", script.name, load.url],
            env={**os.environ, "LD_LIBRARY_PATH": _LIBRARIES} if _LIBRARIES else None,
            capture_output=True,
            text=True,
            check=False,
        )
    found = re.search(r"FIGURES(\{.*\})", run.stdout)
    if found is None:
        raise WrongAnswers(f"wrk failed: {run.stdout}{run.stderr}")
    told = json.loads(found.group(1))
    if not told["answered"]:
        raise WrongAnswers(f"{load.url} answered {told}")
    return Answered(
        answered=told["answered"],
        # A peer that fails may close the connection as well; of docledger none may be refused.
        refused=told["refused"] + told["broken"],
        seconds=told["us"] / 1e6,
        p50_ms=told["p50"] / 1000,
        p99_ms=told["p99"] / 1000,
    )


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
