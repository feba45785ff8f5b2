"""Roles alone, two of each, on a server of the user's own; one of each is killed at work."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from conftest import Server
from e2e.installation import Installation, installed, wait_for
from e2e.papers import small_papers
from e2e.truth import assert_everything_agrees, pages

DOCUMENTS = 48


@pytest.fixture
def remote(debian_server: Server) -> Iterator[Installation]:
    """An installation on the distribution's server."""
    url = debian_server.create_database()
    with installed(database_url=url, lease_seconds="3", worker_slots="1") as made:
        yield made
    debian_server.drop_database(url)


def test_one_that_is_not_migrated_says_so(remote: Installation) -> None:
    for role in [remote.start(name) for name in ("serve", "project", "work")]:
        assert role.wait() == 3
        assert role.said().count("\n") == 1
        assert "docledger migrate up" in role.said()


def test_one_with_another_storage_says_so(remote: Installation, tmp_path: Path) -> None:
    assert "adopted the storage at file://" in remote.run("migrate", "up").stdout
    remote.environment["DOCLEDGER_STORAGE_URL"] = (tmp_path / "other").as_uri()
    for role in [remote.start(name) for name in ("serve", "project", "work")]:
        assert role.wait() == 3
        assert role.said().count("\n") == 1
        assert f"{tmp_path}/other is not this database's" in role.said()
        assert "docledger storage adopt" in role.said()
    assert remote.json("status")["storage"]["state"] == "other"

    adopted = remote.run("storage", "adopt")
    assert (adopted.returncode, adopted.stderr) == (0, "")
    assert remote.json("status")["storage"]["state"] == "adopted"
    assert remote.serve().stop() == 0


def test_two_of_each_and_one_of_each_killed(remote: Installation, tmp_path: Path) -> None:
    assert remote.run("migrate", "up").returncode == 0
    projectors = [remote.start("project") for _ in range(2)]
    workers = [remote.start("work") for _ in range(2)]
    services = [remote.serve() for _ in range(2)]
    wait_for(lambda: running(remote) == {"database": True, "serve": 2, "project": 2, "work": 2})

    first, second = (service.client() for service in services)
    with first, second:
        for path, client in zip(
            small_papers(tmp_path, DOCUMENTS), itertools.cycle((first, second)), strict=False
        ):
            post(client, path)
        for killed, least in ((projectors[0], 2), (workers[0], 6)):
            wait_for(lambda least=least: completed(first) >= least, 60)  # type: ignore[misc]
            killed.process.kill()
            killed.wait()
        wait_for(lambda: completed(second) == DOCUMENTS, 90, lambda: str(statuses(second)))
        for client in (first, second):
            assert_everything_agrees(remote, client)
    for role in (*services, projectors[1], workers[1]):
        assert role.stop() == 0
        assert "Traceback" not in role.said()
    assert remote.processes() == []


def running(remote: Installation) -> dict[str, int]:
    found: dict[str, int] = remote.json("status")["running"]
    return found


def post(client: httpx.Client, path: Path) -> None:
    answer = client.post(
        "/v1/documents",
        files={"file": (path.name, path.read_bytes())},
        data={"workflowType": "automatic"},
    )
    assert answer.status_code == 201, answer.text


def statuses(client: httpx.Client) -> list[str]:
    documents = pages(client, "/v1/documents")
    return [d["processingWorkflow"]["status"] for d in documents if d["processingWorkflow"]]


def completed(client: httpx.Client) -> int:
    return statuses(client).count("completed")
