"""Ends and restarts: whatever stops, nothing is left running and nothing is lost."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import httpx

from e2e.installation import Installation, Service, wait_for
from e2e.papers import small_papers
from e2e.truth import assert_everything_agrees, pages


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


def wait_for_completed(client: httpx.Client, count: int, service: Service) -> None:
    """Wait until so many documents are completed."""
    wait_for(
        lambda: statuses(client).count("completed") >= count,
        90,
        lambda: f"{statuses(client)}\n{service.said()}",
    )


def test_signals_end_the_tree_and_work_goes_on_later(
    own_installation: Installation, tmp_path: Path
) -> None:
    papers = small_papers(tmp_path, 12)
    done = 0
    for how in (signal.SIGTERM, signal.SIGINT):
        service = own_installation.up()
        with service.client() as client:
            for path in papers:
                post(client, path)
            wait_for_completed(client, done + 2, service)
        stopped = time.monotonic()
        assert service.stop(how) == 0
        assert time.monotonic() - stopped < 15
        assert own_installation.processes() == []
        assert "Traceback" not in service.said()
        done += len(papers)

    service = own_installation.up()
    with service.client() as client:
        wait_for_completed(client, done, service)
        events = assert_everything_agrees(own_installation, client)
    assert service.stop() == 0
    assert not [event for event in events if type(event).__name__ == "StageFailed"]


def test_a_server_left_behind_is_stopped(own_installation: Installation) -> None:
    service = own_installation.up()
    own_installation.kill_everything(and_the_server=False)
    service.wait()
    assert own_installation.postmaster() is not None
    done = own_installation.run("stop")
    assert (done.returncode, done.stdout) == (0, "stopped\n")
    assert own_installation.processes() == []

    assert own_installation.run("stop").stdout == "nothing to stop\n"
    status = own_installation.run("status", "--json")
    assert status.returncode == 1
    running = json.loads(status.stdout)["running"]
    assert running == {"database": False, "serve": 0, "project": 0, "work": 0}


def test_whatever_is_killed_under_it_is_started_again(
    own_installation: Installation, tmp_path: Path
) -> None:
    """First every role at once, then the server; the supervisor lives through both."""
    papers = small_papers(tmp_path, 10)
    service = own_installation.up()
    for rounds, kill in enumerate((kill_roles, kill_server), start=1):
        with service.client() as client:
            for path in papers:
                post(client, path)
            wait_for_completed(client, (rounds - 1) * len(papers) + 1, service)
        kill(own_installation, service)
        with service.client() as client:
            wait_for_readiness(client, service)
            wait_for_completed(client, rounds * len(papers), service)
            assert_everything_agrees(own_installation, client)
    assert service.stop() == 0
    assert own_installation.processes() == []


def kill_roles(_: Installation, service: Service) -> None:
    children = service.children()
    assert sorted(children) == ["project", "serve", "work"]
    for child in children.values():
        child.kill()
    wait_for(lambda: sorted(service.children()) == ["project", "serve", "work"])


def kill_server(installation: Installation, _: Service) -> None:
    postmaster = installation.postmaster()
    assert postmaster is not None
    postmaster.kill()
    wait_for(lambda: installation.postmaster() not in (None, postmaster))


def wait_for_readiness(client: httpx.Client, service: Service) -> None:
    wait_for(lambda: is_ready(client), 60, service.said)


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:  # a kept connection to a process that is no more
        return False
