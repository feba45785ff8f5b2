"""`docledger up` as people use it: documents in over HTTP, stages as they go, files out."""

from __future__ import annotations

import hashlib
import itertools
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from e2e.installation import Installation, Service, wait_for
from e2e.papers import long_pdf
from e2e.truth import STAGES, assert_completed, assert_everything_agrees, pages

PAPER = b"""# The lamp at Varn

The keeper Ysolde Marran lit the lamp on 4 March 1871. It burned 12 litres of oil a night.

## Storms

- In 1874 the gallery window broke.
- In 1881 the fog bell cracked.
"""
Document = dict[str, Any]


@pytest.fixture(scope="module")
def service(installation: Installation) -> Iterator[Service]:
    running = installation.up()
    yield running
    assert running.stop() == 0
    assert installation.processes() == []


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> Document:
    """A small document, all of whose stages are over."""
    return ended(client, posted(client, "the lamp.md", PAPER, id="lamp", realmId="varn"))


def posted(client: httpx.Client, name: str, content: bytes, **fields: str) -> str:
    """Post a file to be processed automatically; return the document's id."""
    answer = client.post(
        "/v1/documents",
        files={"file": (name, content)},
        data={"workflowType": "automatic", **fields},
    )
    assert answer.status_code == 201, answer.text
    document: Document = answer.json()
    assert answer.headers["Location"] == f"/v1/documents/{document['id']}"
    assert [(s["stageName"], s["status"]) for s in document["stages"]] == [
        (name, "pending") for name in STAGES
    ]
    document_id: str = document["id"]
    return document_id


def ended(client: httpx.Client, document_id: str, seconds: float = 60) -> Document:
    """Wait until nothing more happens to the document by itself, and return it."""
    wait_for(lambda: status_of(client, document_id) != "running", seconds)
    return read(client, document_id)


def status_of(client: httpx.Client, document_id: str) -> str:
    return str(read(client, document_id)["processingWorkflow"]["status"])


def read(client: httpx.Client, document_id: str) -> Document:
    answer = client.get(f"/v1/documents/{document_id}")
    assert answer.status_code == 200, answer.text
    found: Document = answer.json()
    return found


def test_a_document_goes_through_all_stages(installation: Installation, document: Document) -> None:
    assert_completed(document, installation.uploads)
    assert document["title"] == "the lamp"
    assert document["outputFiles"][0]["filePath"].endswith("/the lamp.md")


def test_files_come_down_as_they_were_made(client: httpx.Client, document: Document) -> None:
    for file in document["outputFiles"]:
        folder, name = file["filePath"].rsplit("/", 1)
        path = f"/v1/documents/lamp/stages/{folder.rsplit('/', 1)[1]}/files/{name}"
        answer = client.get(path)
        assert answer.status_code == 200
        assert hashlib.sha256(answer.content).hexdigest() == file["checksum"]
        assert answer.headers["ETag"] == f'"{file["checksum"]}"'
        part = client.get(path, headers={"Range": "bytes=1-3"})
        assert (part.status_code, part.content) == (206, answer.content[1:4])
    assert client.get("/v1/documents/lamp/original").content == PAPER


def test_the_history_is_complete_and_in_order(client: httpx.Client, document: Document) -> None:
    history = pages(client, "/v1/documents/lamp/history")
    assert [event["version"] for event in history] == list(range(1, document["version"] + 1))
    positions = [event["position"] for event in history]
    assert positions == sorted(set(positions))
    assert positions[-1] == document["position"]
    assert [event["type"] for event in history] == [
        "DocumentRegistered",
        "WorkflowStarted",
        *["StageStarted", "OutputFileRegistered", "StageCompleted"] * 5,
        "WorkflowCompleted",
    ]
    staged = [event["data"]["stageName"] for event in history[2:-1]]
    assert staged == [name for name in STAGES for _ in range(3)]
    assert all(event["commandId"] and event["actor"] for event in history)


def test_the_command_line_says_the_same(
    installation: Installation, client: httpx.Client, document: Document
) -> None:
    assert installation.json("show", "lamp") == document
    assert installation.json("history", "lamp")["items"] == pages(
        client, "/v1/documents/lamp/history"
    )
    status = installation.json("status")
    assert status["running"] == {"database": True, "serve": 1, "project": 1, "work": 1}
    assert status["lag"]["events"] == 0
    assert status["parked"] == []
    assert status["position"] >= document["position"]
    assert status["sizes"]["docledger_events"] > 0


def test_what_people_read_is_there_as_well(installation: Installation, document: Document) -> None:
    for command, expected in (
        (("show", "lamp"), ["fact-generator", "completed", "the lamp.facts.json"]),
        (("history", "lamp"), ["DocumentRegistered", "WorkflowCompleted"]),
        (("search", "Ysolde Marran"), ["The lamp at Varn", "The keeper Ysolde"]),
        (("status",), ["serve 1, project 1, work 1", "docledger_events"]),
    ):
        done = installation.run(*command)
        assert done.returncode == 0, done.stderr
        for words in expected:
            assert words in done.stdout, command


@pytest.mark.parametrize("command", ["show", "history"])
def test_an_unknown_document_is_told_in_one_line(
    installation: Installation, service: Service, command: str
) -> None:
    done = installation.run(command, "no-such-document", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "no-such-document" in done.stderr


def test_its_words_are_found(
    installation: Installation, client: httpx.Client, document: Document
) -> None:
    for words, found_as in (
        ("fog bells", ["fog", "bell"]),
        ('"litres of oil"', ["litres", "of", "oil"]),
    ):
        found = client.get("/v1/search", params={"q": words, "realmId": "varn"}).json()
        first = found["items"][0]
        assert first["documentId"] == "lamp"
        assert first["headingPath"][0] == "The lamp at Varn"
        assert first["title"] == "the lamp"
        shown = [first["snippet"][start:end] for start, end in first["highlights"]]
        assert shown[: len(found_as)] == found_as
        markdown = client.get("/v1/documents/lamp/stages/markdown-optimizer/files/the lamp.opt.md")
        assert "fog bell" in markdown.text[first["start"] : first["end"]]
        assert installation.json("search", words, "--realm", "varn") == found
    assert client.get("/v1/search", params={"q": "fog bell", "realmId": "x"}).json()["items"] == []
    assert client.get("/v1/search", params={"q": "zeppelin"}).json()["items"] == []


def test_what_cannot_be_converted_fails_with_a_reason(client: httpx.Client) -> None:
    document = ended(client, posted(client, "x.docx", b"PK\x03\x04 not an archive"))
    assert document["processingWorkflow"]["status"] == "failed"
    assert document["stages"][0]["status"] == "failed"
    assert document["stages"][0]["errorMessage"]
    assert {stage["status"] for stage in document["stages"][1:]} == {"pending"}


def test_a_manual_workflow_waits_to_be_told(client: httpx.Client) -> None:
    body = {"id": "by-hand", "title": "By hand", "content": PAPER.decode()}
    assert client.post("/v1/documents", json=body).status_code == 201
    path = "/v1/documents/by-hand"
    for stage in STAGES:
        assert client.get(f"{path}/next-stage").json() == {"stageName": stage}
        assert {s["status"] for s in read(client, "by-hand")["stages"]} <= {"pending", "completed"}
        done = client.post(f"{path}/stages/{stage}/execute", params={"wait": "20"})
        assert (done.status_code, done.json().get("success")) == (200, True), done.text
    assert client.get(f"{path}/next-stage").json() == {"stageName": None}
    assert ended(client, "by-hand")["processingWorkflow"]["status"] == "completed"


def test_four_hundred_pages(
    installation: Installation, client: httpx.Client, service: Service
) -> None:
    """Accepted at once, watched stage by stage, and the service answers all the while."""
    content = long_pdf(400)
    document_id = posted(client, "the keeper's years.pdf", content)
    seen = watched(client, document_id)

    document = ended(client, document_id)
    assert_completed(document, installation.uploads)
    assert all(earlier <= later for earlier, later in itertools.pairwise(seen))
    assert (0, 1) in seen  # the service answered while the conversion was under way
    assert client.get(f"/v1/documents/{document_id}/original").content == content
    found = client.get("/v1/search", params={"q": '"Chapter 397"', "limit": "50"}).json()["items"]
    assert document_id in {hit["documentId"] for hit in found}


def watched(client: httpx.Client, document_id: str) -> list[tuple[int, int]]:
    """Look at a document's stages until it is over.

    Return what was seen: how many were completed and how many in progress at a time.
    """
    seen: list[tuple[int, int]] = []
    deadline = time.monotonic() + 150
    while not seen or seen[-1][0] < len(STAGES):
        assert time.monotonic() < deadline, seen
        statuses = [s["status"] for s in read(client, document_id)["stages"]]
        found = (statuses.count("completed"), statuses.count("in_progress"))
        assert "failed" not in statuses
        if found not in seen:
            seen.append(found)
        time.sleep(0.02)
    return seen


@pytest.mark.parametrize("role", ["up", "serve"])
def test_a_port_that_is_taken_is_told(
    installation: Installation, service: Service, role: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = installation.run(role, "--port", str(port))
    assert done.returncode == 3
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert f"127.0.0.1:{port}" in done.stderr


def test_two_run_side_by_side(
    installation: Installation, client: httpx.Client, service: Service
) -> None:
    """Both serve the same documents, and the first goes on when the second ends."""
    second = installation.up()
    with second.client() as other:
        for number in range(6):
            posted((client, other)[number % 2], f"{number}.md", PAPER, id=f"side-{number}")
        for number in range(6):
            there, here = (ended(c, f"side-{number}") for c in (other, client))
            assert here == there
            assert_completed(here, installation.uploads)
    assert second.stop(signal.SIGINT) == 0
    assert_completed(ended(client, posted(client, "last.md", PAPER)), installation.uploads)


def test_everything_agrees_after_all_that(
    installation: Installation, client: httpx.Client, document: Document
) -> None:
    assert_everything_agrees(installation, client)
