"""Ends and restarts: whatever stops, nothing is left running and nothing is lost."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import httpx
import pytest

from e2e.installation import Installation, Service, wait_for
from e2e.papers import small_papers
from e2e.truth import assert_everything_agrees, pages

ENDED = ("completed", "failed")


def post(client: httpx.Client, path: Path) -> None:
    answer = client.post(
        "/v1/documents",
        files={"file": (path.name, path.read_bytes())},
        data={"workflowType": "automatic"},
    )
    assert answer.status_code == 201, answer.text


def statuses(client: httpx.Client) -> list[str]:
    """Return how each document's workflow stands, those left out that have none yet."""
    documents = pages(client, "/v1/documents")
    return [d["processingWorkflow"]["status"] for d in documents if d["processingWorkflow"]]


def all_completed(client: httpx.Client, count: int) -> bool:
    return statuses(client) == ["completed"] * count


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_tree_and_work_goes_on_later(
    own_installation: Installation, tmp_path: Path, how: signal.Signals
) -> None:
    papers = small_papers(tmp_path, 12)
    service = own_installation.up()
    with service.client() as client:
        for path in papers:
            post(client, path)
        wait_for(lambda: statuses(client).count("completed") >= 2, 30, service.said)
    stopped = time.monotonic()
    assert service.stop(how) == 0
    assert time.monotonic() - stopped < 15
    assert own_installation.processes() == []
    assert "Traceback" not in service.said()

    service = own_installation.up()
    with service.client() as client:
        wait_for(lambda: all_completed(client, 12), 60, lambda: str(statuses(client)))
        events = assert_everything_agrees(own_installation, client)
    assert service.stop() == 0
    assert not [event for event in events if type(event).__name__ == "StageFailed"]


def test_a_server_left_behind_is_stopped(own_installation: Installation) -> None:
    service = own_installation.up()
    own_installation.kill_everything(and_the_server=False)
    service.wait()
    status = own_installation.json("status")
    assert status["running"] == {"database": True, "serve": 0, "project": 0, "work": 0}

    # A command that uses the server takes it along when it goes, as its last user.
    assert own_installation.postmaster() is None
    assert own_installation.json("status")["running"]["database"] is False
    assert own_installation.run("stop").stdout == "nothing to stop\n"


def test_stop_ends_a_server_that_nobody_uses(own_installation: Installation) -> None:
    own_installation.up()
    own_installation.kill_everything(and_the_server=False)
    assert own_installation.postmaster() is not None
    done = own_installation.run("stop")
    assert (done.returncode, done.stdout) == (0, "stopped\n")
    assert own_installation.processes() == []


@pytest.fixture
def busy(own_installation: Installation, tmp_path: Path) -> tuple[Service, int]:
    """A service with documents under way, and how many."""
    service = own_installation.up()
    papers = small_papers(tmp_path, 12)
    with service.client() as client:
        for path in papers:
            post(client, path)
        wait_for(lambda: "completed" in statuses(client), 30, service.said)
    return service, len(papers)


def test_the_server_killed_under_it_is_started_again(
    own_installation: Installation, busy: tuple[Service, int], tmp_path: Path
) -> None:
    service, count = busy
    postmaster = own_installation.postmaster()
    assert postmaster is not None
    postmaster.kill()
    with service.client() as client:
        wait_for(lambda: is_ready(client), 60, service.said)
        post(client, small_papers(tmp_path / "later", 1)[0])
        wait_for(lambda: all_completed(client, count + 1), 90, lambda: str(statuses(client)))
        assert_everything_agrees(own_installation, client)
    assert service.process.poll() is None
    assert service.stop() == 0
    assert own_installation.processes() == []


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:  # a kept connection to a process that is no more
        return False


def test_each_role_killed_is_started_again(
    own_installation: Installation, busy: tuple[Service, int]
) -> None:
    service, count = busy
    children = service.children()
    assert sorted(children) == ["project", "serve", "work"]
    for child in children.values():
        child.kill()
    with service.client() as client:
        wait_for(lambda: sorted(service.children()) == ["project", "serve", "work"])
        wait_for(lambda: is_ready(client), 60, service.said)
        wait_for(lambda: all_completed(client, count), 90, lambda: str(statuses(client)))
        assert_everything_agrees(own_installation, client)
    assert service.stop() == 0
    assert own_installation.processes() == []
