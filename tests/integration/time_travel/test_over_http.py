"""`asOf` over HTTP: documents and files as they were."""

from __future__ import annotations

from typing import Any

import pytest

from eventstore.group_commit import GroupCommit
from integration.api.conftest import Service, until
from integration.projections.log_writer import LogWriter

STAGE = "markdown-conversion"


@pytest.fixture
def service(own_service: Service) -> Service:
    return own_service


def get(service: Service, document_id: str, as_of: object) -> Any:
    return service.client.get(f"/v1/documents/{document_id}", params={"asOf": str(as_of)})


def put_file(service: Service, document_id: str, content: bytes) -> int:
    """Store a file of the first stage; return the position."""
    answer = service.client.post(
        f"/v1/documents/{document_id}/stages/{STAGE}/files",
        params={"fileName": "paper.md"},
        content=content,
        headers={"Content-Type": "text/markdown"},
    )
    assert answer.status_code == 201, answer.text
    return int(answer.headers["Docledger-Position"])


def test_the_newest_moment_is_what_a_live_read_gives(service: Service) -> None:
    commit = service.ports.commands
    assert isinstance(commit, GroupCommit)
    ids = [service.new_id() for _ in range(8)]
    LogWriter(commit, service.database_url).random_histories(ids, 11, 40)
    last = service.history.last_position()
    compared = 0
    for document_id in ids:
        live = service.read(f"/v1/documents/{document_id}", last)
        then = get(service, document_id, last)
        assert then.status_code == live.status_code
        if live.status_code == 200:
            assert then.json() == live.json()
            for name in ("ETag", "Docledger-Position"):
                assert then.headers[name] == live.headers[name]
            compared += 1
    assert compared > 3


def test_every_answer_of_a_write_can_be_asked_for_again(service: Service) -> None:
    document = service.register(realmId="eu", workflowType="manual")
    document_id = document["id"]
    seen = [document]
    for status in ("in_progress", "completed"):
        put_file(service, document_id, status.encode()) if status == "completed" else None
        answer = service.report(document_id, STAGE, status)
        assert answer.status_code == 200, answer.text
        seen.append(service.read(f"/v1/documents/{document_id}", answer).json())
    assert service.client.delete(f"/v1/documents/{document_id}").status_code == 204
    for expected in seen:
        assert get(service, document_id, expected["position"]).json() == expected
        at = service.history.of_document(document_id)[expected["version"] - 1].event
        time = f"{at.at:%Y-%m-%dT%H:%M:%S.%fZ}"
        assert get(service, document_id, time).json() == expected
    assert seen[0]["content"].startswith("# One")
    assert seen[0]["realmId"] == "eu"


def test_files_are_served_in_the_version_of_then(service: Service) -> None:
    document_id = service.register(workflowType="manual")["id"]
    assert service.report(document_id, STAGE, "in_progress").status_code == 200
    staged = put_file(service, document_id, b"first")
    done = int(service.report(document_id, STAGE, "completed").headers["Docledger-Position"])
    changed = put_file(service, document_id, b"second")
    path = f"/v1/documents/{document_id}/stages/{STAGE}/files/paper.md"

    def then(position: int, **more: Any) -> Any:
        return service.client.get(path, params={"asOf": position, **more})

    assert then(staged).status_code == 404
    assert then(done).content == b"first"
    assert then(changed).content == b"second"
    assert then(done, version=1).status_code == 422
    assert service.client.delete(f"/v1/documents/{document_id}").status_code == 204
    until(lambda: service.client.get(path).status_code == 404)
    assert then(done).content == b"first"
    assert then(done).headers["ETag"] != then(changed).headers["ETag"]
    original = service.client.get(
        f"/v1/documents/{document_id}/original", params={"asOf": str(done)}
    )
    assert original.content == b"# One\n\nText.\n"
    deleted = service.history.last_position()
    assert then(deleted).status_code == 404


def test_where_it_was_not_there_the_answer_says_why(service: Service) -> None:
    document = service.register()
    document_id, position = document["id"], document["position"]
    early = get(service, document_id, 0)
    assert (early.status_code, early.json()["type"]) == (
        404,
        "urn:docledger:problem:document-not-found",
    )
    assert "not registered yet" in early.json()["detail"]
    assert get(service, document_id, "2001-01-01T00:00:00Z").status_code == 404
    service.client.delete(f"/v1/documents/{document_id}")
    late = get(service, document_id, "2100-01-01T00:00:00Z")
    assert late.status_code == 404
    assert "was deleted before that" in late.json()["detail"]
    assert get(service, document_id, position + 1000).status_code == 422
    assert get(service, document_id, "yesterday").status_code == 422
    assert get(service, "nobody", position).status_code == 404


def test_the_past_needs_no_projector(service: Service) -> None:
    with service.projecting.paused():
        document = service.register()
        assert get(service, document["id"], document["position"]).json() == document
