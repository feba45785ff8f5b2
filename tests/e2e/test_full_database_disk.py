"""The embedded server's own disk is full: refused as such, ended in time, and back with room."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from e2e.installation import Installation, Service, wait_for

SIZE_MIB = 160
# Less than one more segment of the write-ahead log takes.
LEFT_MIB = 12


@dataclass
class SmallDisk:
    """An installation in a mount namespace of its own, where its home is a small disk."""

    installation: Installation
    mount_point: Path

    def seen_by(self, service: Service) -> Path:
        """Return the disk's folder as it can be reached from outside."""
        return Path(f"/proc/{service.process.pid}/root{self.mount_point}")


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    """An installation whose home, with the embedded server, is on a small disk."""
    folder = Path(tempfile.mkdtemp(prefix="dl-"))
    folder.chmod(0o755)
    disk = folder / "d"
    disk.mkdir()
    prefix = _mounting(disk)
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("no mounts of one's own here")
    # What it says is written outside of the disk, which has no room for it.
    installation = Installation(disk / "home")
    installation.prefix = prefix
    try:
        yield SmallDisk(installation, disk)
    finally:
        installation.end()
        shutil.rmtree(folder, ignore_errors=True)


def _mounting(disk: Path) -> list[str]:
    """Return what runs a command where `disk` is a tmpfs, as the user that we are."""
    mount = f"mount -t tmpfs -o size={SIZE_MIB}m,mode=755 tmpfs {disk}"
    if os.geteuid() == 0:
        return ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh"]
    as_ourselves = f"unshare --user --map-user={os.geteuid()} --map-group={os.getegid()}"
    inside = f'{mount} && exec {as_ourselves} "$@"'
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", inside, "sh"]


def post(client: httpx.Client, document_id: str, size: int = 10) -> int:
    """Register a document whose text goes into the database, and return the status."""
    text = os.urandom(size // 2).hex()
    body = {"id": document_id, "title": "Paper", "content": text}
    return client.post("/v1/documents", json=body).status_code


def postmaster(home: Path) -> psutil.Process | None:
    """Return the server's first process, if it runs."""
    with suppress(FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return psutil.Process(int((home / "postgres/postmaster.pid").read_text().split()[0]))
    return None


def test_a_full_disk_is_told_and_outlived(small_disk: SmallDisk) -> None:
    service = small_disk.installation.up()
    disk = small_disk.seen_by(service)
    try:
        with service.client() as client:
            check(client, disk, service)
        fill(disk, leave_bytes=0)
        assert service.stop(seconds=30) == 0
    finally:
        if (server := postmaster(disk / "home")) is not None:
            server.send_signal(signal.SIGQUIT)
    assert "Traceback" not in service.said()


def check(client: httpx.Client, disk: Path, service: Service) -> None:
    """Fill the disk until the server cannot go on, and make room again."""
    assert post(client, "before") == 201
    server = postmaster(disk / "home")

    filler = fill(disk, leave_bytes=0)
    assert post(client, "no-room", 200_000) == 507
    assert client.get("/v1/documents/before").status_code == 200
    filler.unlink()

    # The write-ahead log cannot grow, and without it the server ends.
    filler = fill(disk, leave_bytes=LEFT_MIB << 20)
    use_up_segments(disk / "home")
    wait_for(lambda: postmaster(disk / "home") != server, 60, service.said)
    assert post(client, "no-server") in (503, 507)
    answer = client.get("/v1/documents/before")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0

    filler.unlink()
    wait_for(lambda: client.get("/readyz").status_code == 200, 90, service.said)
    assert client.get("/v1/documents/before").status_code == 200
    wait_for(lambda: post(client, "after") in (201, 409), 60, service.said)


def use_up_segments(home: Path) -> None:
    """Have the server begin segments of its write-ahead log until there is no room for one."""
    url = f"postgresql://postgres@/docledger?host={home}/run"
    with suppress(psycopg.OperationalError), psycopg.connect(url) as connection:
        for _ in range(SIZE_MIB // 16):
            connection.execute("SELECT pg_logical_emit_message(false, 'test', 'test')")
            connection.execute("SELECT pg_switch_wal()")
        pytest.fail("the server found room for every segment")


def fill(disk: Path, leave_bytes: int) -> Path:
    """Fill the disk but for so much, and return the file that does it."""
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free - leave_bytes
    piece = b"x" * (1 << 20)
    with suppress(OSError), filler.open("wb") as file:
        for start in range(0, max(free, 0), len(piece)):
            file.write(piece[: free - start])
    return filler
