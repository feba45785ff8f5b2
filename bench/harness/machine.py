"""What a measurement ran on: the machine, and the versions of everything that took part."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.databases import value
from harness.processes import BENCH

_LIBRARIES = ("fastapi", "uvicorn", "pydantic", "psycopg", "eventsourcing", "procrastinate")


def machine() -> dict[str, str]:
    """Return cores, processor, memory, file system and kernel."""
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return {
        "cores": str(os.cpu_count()),
        "processor": model.group(1).strip() if model else platform.machine(),
        "memory": f"{int(memory.group(1)) / 2**20:.0f} GiB" if memory else "unknown",
        "temporary files on": _file_system(Path(os.environ.get("TMPDIR", "/tmp"))),
        "kernel": platform.release().partition("-")[0],
    }


def versions(dsn: str, other: Path) -> dict[str, str]:
    """Return the versions of the server, of Python, of libraries here and in `other`."""
    found = {
        "PostgreSQL": str(value(dsn, "SHOW server_version")).partition(" ")[0],
        "Python": platform.python_version(),
    }
    found |= {name: _installed(name) for name in _LIBRARIES}
    return found | dict(_elsewhere(other)) | dict(_from_npm())


def _elsewhere(environment: Path) -> Iterator[tuple[str, str]]:
    for name in ("dbos", "restate_sdk"):
        for path in environment.glob(f"lib/python*/site-packages/{name}-*.dist-info"):
            yield name.replace("_", "-"), path.name.removesuffix(".dist-info").rpartition("-")[2]


def _from_npm() -> Iterator[tuple[str, str]]:
    package = BENCH / "peers" / "node_modules" / "@restatedev" / "restate-server" / "package.json"
    if package.exists():
        yield "restate-server", json.loads(package.read_text())["version"]


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _file_system(folder: Path) -> str:
    """Return the file system's kind and how much is free."""
    kind, longest = "unknown", ""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, found, *_ = line.split()
        if str(folder.resolve()).startswith(point) and len(point) >= len(longest):
            kind, longest = found, point
    return f"{kind} ({shutil.disk_usage(folder).free / 2**30:.0f} GiB free)"
