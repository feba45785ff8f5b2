"""Workflows and stages over HTTP."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from integration.api.conftest import Service

FIRST = "markdown-conversion"
OPTIONAL = "markdown-optimizer"


def _stage(document: httpx.Response, name: str) -> dict[str, object]:
    return next(s for s in document.json()["stages"] if s["stageName"] == name)


def test_every_report_is_answered_as_it_will_be_read(service: Service) -> None:
    document = service.register()["id"]
    reports: list[tuple[str, dict[str, Any]]] = [
        ("in_progress", {"startedAt": "2026-01-01T10:00:00+01:00", "metadata": {"by": "hand"}}),
        ("failed", {"errorMessage": "no text", "metadata": {"page": 3}}),
        ("pending", {}),
        (
            "completed",
            {"attempt": 2, "completedAt": "2026-01-01T11:00:00.5Z", "metadata": {"n": 1.5}},
        ),
    ]
    for status, fields in reports:
        answer = service.report(document, FIRST, status, **fields)
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == status
        read = service.read(f"/v1/documents/{document}/stages/{FIRST}", answer)
        assert read.json() == answer.json()
        assert read.headers["ETag"] == answer.headers["ETag"]
        whole = service.read(f"/v1/documents/{document}", answer)
        assert _stage(whole, FIRST) == answer.json()
        listed = service.read(f"/v1/documents/{document}/stages", answer)
        assert answer.json() in listed.json()["items"]
    assert answer.json()["startedAt"] == "2026-01-01T11:00:00.500000Z"
    assert (answer.json()["attempt"], answer.json()["retryCount"]) == (2, 1)


def test_what_the_state_does_not_allow_is_409(service: Service) -> None:
    document = service.register()["id"]
    early = service.report(document, "chunker", "completed")
    assert early.status_code == 409
    assert early.json()["type"] == "urn:docledger:problem:illegal-transition"
    service.report(document, FIRST, "failed")
    service.report(document, FIRST, "pending")
    stale = service.report(document, FIRST, "completed", attempt=1)
    assert stale.status_code == 409
    assert stale.json()["type"] == "urn:docledger:problem:stale-attempt"
    assert service.report(document, FIRST, "skipped").status_code == 409
    assert service.report(document, "nonsense", "skipped").status_code == 404
    assert service.report("nobody", FIRST, "completed").status_code == 404


def test_a_workflow_is_paused_resumed_cancelled_and_started_again(service: Service) -> None:
    document = service.register()["id"]
    path = f"/v1/documents/{document}/workflow"
    for step, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        answer = service.client.post(f"{path}/{step}")
        assert answer.status_code == 200
        assert answer.json()["status"] == status
        assert service.read(path, answer).json() == answer.json()
    assert service.client.post(f"{path}/cancel").status_code == 409
    again = service.client.post(path, json={"workflowType": "automatic"})
    assert again.status_code == 201
    assert again.json()["id"] == f"workflow-2_{document}"
    assert service.read(path, again).json() == again.json()
    assert service.client.post(path).status_code == 409


def test_the_body_that_starts_a_workflow_may_be_absent(service: Service) -> None:
    document = service.register()["id"]
    path = f"/v1/documents/{document}/workflow"
    service.client.post(f"{path}/cancel")
    assert service.client.post(path).json()["workflowType"] == "manual"
    service.client.post(f"{path}/cancel")
    bad = service.client.post(path, json={"configuration": {"stages": {"chunker": {"x": 1}}}})
    assert bad.json()["errors"][0]["field"] == "configuration.stages.chunker.x"
    assert service.client.post(path, content=b"{}").status_code == 415


def test_if_match_lets_one_version_pass(service: Service) -> None:
    document = service.register()
    path = f"/v1/documents/{document['id']}/workflow"

    def post(step: str, tag: str) -> httpx.Response:
        return service.client.post(f"{path}/{step}", headers={"If-Match": tag})

    version = document["version"]
    moved = post("pause", f'"{version + 1}"')
    assert moved.status_code == 412
    assert moved.json()["currentVersion"] == version
    assert moved.headers["ETag"] == f'"{version}"'
    assert post("pause", f'W/"{version}"').status_code == 412
    assert post("pause", "7").status_code == 400
    assert post("pause", f'"{version + 5}", "{version}"').status_code == 200
    assert post("resume", "*").status_code == 200
    assert post("pause", f'"{version + 2}"').status_code == 200


def test_of_many_conditional_writers_one_wins_each_version(service: Service) -> None:
    document = service.register()
    path = f"/v1/documents/{document['id']}/workflow"
    tag = {"If-Match": f'"{document["version"]}"'}
    ready = threading.Barrier(16)

    def pause(_: int) -> int:
        with httpx.Client(base_url=service.url) as client:
            ready.wait()
            return client.post(f"{path}/pause", headers=tag).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = sorted(pool.map(pause, range(16)))
    assert statuses == [200] + [412] * 15


def test_the_next_stage_is_decided_from_the_log(service: Service) -> None:
    document = service.register()["id"]
    path = f"/v1/documents/{document}/next-stage"
    assert service.client.get(path).json() == {"stageName": FIRST}
    service.report(document, FIRST, "completed")
    assert service.client.get(path).json() == {"stageName": "markdown-optimizer"}
    service.client.post(f"/v1/documents/{document}/workflow/pause")
    assert service.client.get(path).json() == {"stageName": None}
    assert service.client.get("/v1/documents/nobody/next-stage").status_code == 404


def test_execution_is_accepted_and_then_watched(service: Service) -> None:
    document = service.register()["id"]
    path = f"/v1/documents/{document}/stages/{FIRST}/execute"
    accepted = service.client.post(path)
    assert accepted.status_code == 202
    assert accepted.json()["status"] == "pending"
    assert service.client.post(f"{path}?wait=0.1").status_code == 202
    for wait in ("-1", "301", "x", "nan", "inf"):
        assert service.client.post(f"{path}?wait={wait}").status_code == 422


@pytest.mark.parametrize(("status", "error"), [("completed", None), ("failed", "no text")])
def test_who_waits_for_an_execution_is_told_how_it_ended(
    service: Service, status: str, error: str | None
) -> None:
    document = service.register()["id"]
    path = f"/v1/documents/{document}/stages/{FIRST}/execute?wait=20"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(httpx.post, f"{service.url}{path}", timeout=30)
        fields = {"errorMessage": error} if error else {"metadata": {"pages": 2}}
        while service.client.get(f"/v1/documents/{document}").json()["version"] < 3:
            pass
        service.report(document, FIRST, status, **fields)
        answer = waiting.result()
    assert answer.status_code == 200
    assert answer.json() == {
        "success": error is None,
        "outputFiles": [],
        "error": error,
        "metadata": None if error else {"pages": 2},
    }


def test_who_waits_learns_that_the_workflow_was_cancelled(service: Service) -> None:
    document = service.register()["id"]
    path = f"/v1/documents/{document}/stages/{FIRST}/execute?wait=20"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(httpx.post, f"{service.url}{path}", timeout=30)
        while service.client.get(f"/v1/documents/{document}").json()["version"] < 3:
            pass
        service.client.post(f"/v1/documents/{document}/workflow/cancel")
        answer = waiting.result()
    assert answer.json()["success"] is False
    assert answer.json()["error"] == "cancelled"


def test_inputs_are_files_of_the_document(service: Service) -> None:
    answer = service.client.post("/v1/documents", files={"file": ("report.txt", b"text")})
    document = answer.json()["id"]
    path = f"/v1/documents/{document}/stages/{FIRST}/execute"
    original = f"documents/{document}/original/report.txt"
    bad = service.client.post(path, json={"inputFiles": [original, "documents/x/original/y"]})
    assert bad.status_code == 422
    assert [e["field"] for e in bad.json()["errors"]] == ["inputFiles.1"]
    assert service.client.post(path, json={"inputFiles": []}).status_code == 422
    good = service.client.post(path, json={"inputFiles": [original]})
    assert good.status_code == 202
    requested = service.client.get(f"/v1/documents/{document}/history").json()["items"][-1]
    assert requested["type"] == "StageRequested"
    assert requested["data"]["inputs"][0]["fileType"] == "original"


def test_stages_come_in_pages_too(service: Service) -> None:
    document = service.register()
    path = f"/v1/documents/{document['id']}/stages?limit=3"
    first = service.read(path, document["position"]).json()
    rest = service.client.get(f"{path}&cursor={first['nextCursor']}").json()
    assert [*first["items"], *rest["items"]] == document["stages"]
    assert rest["nextCursor"] is None
    assert service.client.get(f"{path}&cursor=!").status_code == 422


def test_the_requirements_update_is_taken_as_it_is_written(service: Service) -> None:
    document_id = service.register()["id"]
    names = {"documentId": document_id, "stageName": FIRST}
    times = {"startedAt": "2026-01-01T00:00:00Z", "completedAt": "2026-01-01T00:00:01Z"}
    started = service.report(document_id, FIRST, "in_progress", **names, errorMessage="not yet")
    assert started.status_code == 200, started.text
    assert started.json()["errorMessage"] is None
    done = service.report(
        document_id, FIRST, "completed", **names, **times, errorMessage="a page was empty"
    )
    assert done.status_code == 200, done.text
    assert done.json()["errorMessage"] == "a page was empty"
    path = f"/v1/documents/{document_id}/stages/{FIRST}"
    assert service.read(path, done).json() == done.json()
    again = service.report(document_id, FIRST, "pending", **names, **times, errorMessage="x")
    assert again.status_code == 200, again.text
    assert service.read(path, again).json() == again.json()
    assert {again.json()[n] for n in ("startedAt", "completedAt", "errorMessage")} == {None}


def test_why_a_stage_was_skipped_is_kept(service: Service) -> None:
    document_id = service.register()["id"]
    service.report(document_id, FIRST, "completed")
    skipped = service.report(document_id, OPTIONAL, "skipped", errorMessage="too short")
    assert skipped.status_code == 200, skipped.text
    path = f"/v1/documents/{document_id}/stages/{OPTIONAL}"
    assert service.read(path, skipped).json()["errorMessage"] == "too short"


@pytest.mark.parametrize("status", ["in_progress", "completed", "failed", "pending"])
@pytest.mark.parametrize(
    ("field", "value"), [("documentId", "another"), ("stageName", "chunker"), ("documentId", "")]
)
def test_a_report_about_another_stage_than_its_path_is_refused(
    service: Service, status: str, field: str, value: str
) -> None:
    document_id = service.register()["id"]
    answer = service.report(document_id, FIRST, status, **{field: value})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert service.client.get(f"/v1/documents/{document_id}").json()["version"] == 2


@pytest.mark.parametrize(
    "mime_type",
    [
        "application/" + "x" * 89,
        "application/" + "x" * 90,
        "application/" + "x" * 243,
        "x" * 255,
        "text/markdown; charset=utf-8",
    ],
)
def test_media_types_up_to_their_column_are_kept(service: Service, mime_type: str) -> None:
    document_id = service.register()["id"]
    (service.storage / "made.md").write_bytes(b"# Made\n")
    file = {
        "documentId": document_id,
        "stageName": FIRST,
        "fileType": "markdown",
        "filePath": "made.md",
        "fileSize": 7,
        "mimeType": mime_type,
        "checksum": hashlib.sha256(b"# Made\n").hexdigest(),
        "metadata": {"a": 1},
    }
    done = service.report(document_id, FIRST, "completed", outputFiles=[file])
    assert done.status_code == 200, done.text
    listed = service.read(f"/v1/documents/{document_id}/files", done).json()["items"]
    assert [f["mimeType"] for f in listed] == [mime_type]
    name = listed[0]["filePath"].rpartition("/")[2]
    got = service.client.get(f"/v1/documents/{document_id}/stages/{FIRST}/files/{name}")
    sent = mime_type if "/" in mime_type else "application/octet-stream"
    assert (got.status_code, got.headers["Content-Type"]) == (200, sent)


@pytest.mark.parametrize("mime_type", ["x" * 256, "", "a/b\r\nX: y", " a/b", "a/\u00e9"])
def test_media_types_that_cannot_be_sent_on_are_refused(service: Service, mime_type: str) -> None:
    document_id = service.register()["id"]
    file = {"filePath": "made.md", "mimeType": mime_type}
    answer = service.report(document_id, FIRST, "completed", outputFiles=[file])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "outputFiles.0.mimeType"
