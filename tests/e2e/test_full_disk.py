"""A disk that is full refuses documents, fails stages with a reason, and goes on with room."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from conftest import Server
from e2e.installation import Installation, installed, wait_for
from e2e.truth import pages

SIZE_KIB = 4096


@pytest.fixture
def cramped(debian_server: Server, tmp_path: Path) -> Iterator[Installation]:
    """An installation whose storage is a small disk of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size={SIZE_KIB}k tmpfs {disk} && exec "$@"'
    prefix = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("no mounts of one's own here")
    url = debian_server.create_database()
    with installed(database_url=url, storage_url=disk.as_uri()) as made:
        made.prefix = prefix
        yield made
    debian_server.drop_database(url)


def test_it_refuses_waits_and_goes_on(cramped: Installation, tmp_path: Path) -> None:
    service = cramped.up()
    disk = Path(f"/proc/{service.process.pid}/root/{tmp_path}/disk")
    with service.client() as client:
        assert post(client, "before", 1000).status_code == 201
        ended(client, "before", "completed")

        filler = fill(disk, leave_kib=16)
        refused = post(client, "too-large", 200_000)
        assert refused.status_code == 507
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert client.get("/v1/documents/too-large").status_code == 404

        filler.unlink()
        fill(disk, leave_kib=400)  # room for the document, not for what its stages make of it
        assert post(client, "cramped", 200_000).status_code == 201
        wait_for(lambda: retried(client, "cramped") or service.process.poll())
        filler.unlink()
        ended(client, "cramped", "completed")

        assert {document["id"] for document in pages(client, "/v1/documents")} == {
            "before",
            "cramped",
        }
    assert service.stop() == 0
    assert "Traceback" not in service.said()


def post(client: httpx.Client, document_id: str, size: int) -> httpx.Response:
    line = f"The keeper of {document_id} wrote it down. "
    return client.post(
        "/v1/documents",
        files={"file": ("paper.txt", (line * (size // len(line) + 1)).encode())},
        data={"id": document_id, "workflowType": "automatic"},
    )


def fill(disk: Path, leave_kib: int) -> Path:
    """Fill the disk but for so much, and return the file that does it."""
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    filler.write_bytes(b"x" * (free - leave_kib * 1024))
    return filler


def retried(client: httpx.Client, document_id: str) -> bool:
    """Tell whether an attempt failed for want of room and the stage is to be tried again."""
    history = pages(client, f"/v1/documents/{document_id}/history")
    failed = [event["data"] for event in history if event["type"] == "StageFailed"]
    messages = [data["personal"]["errorMessage"] for data in failed]
    assert all("no room" in message for message in messages), messages
    return bool(failed)


def ended(client: httpx.Client, document_id: str, how: str) -> None:
    def status() -> str:
        answer = client.get(f"/v1/documents/{document_id}/workflow")
        return str(answer.json()["status"])

    wait_for(lambda: status() != "running", 60)
    assert status() == how
