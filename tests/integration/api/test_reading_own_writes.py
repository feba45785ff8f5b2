"""Reads wait for the read models, say when they cannot, and never deny what the log has."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from integration.api.conftest import Service, until

READS = (
    "",
    "/workflow",
    "/stages",
    "/stages/markdown-conversion",
    "/files",
    "/original",
)


@pytest.mark.parametrize("read", READS)
def test_a_new_document_is_waited_for_and_never_a_404(service: Service, read: str) -> None:
    with service.projecting.paused(), ThreadPoolExecutor(1) as pool:
        document = service.register()["id"]
        path = f"/v1/documents/{document}{read}"
        began = time.monotonic()
        late = service.client.get(path)
        assert late.status_code == 503
        assert late.headers["Retry-After"] == "1"
        assert late.json()["type"] == "urn:docledger:problem:not-yet-readable"
        assert 0.8 < time.monotonic() - began < 4
        waiting = pool.submit(httpx.get, f"{service.url}{path}")
        time.sleep(0.2)
        service.projecting.start()
        assert waiting.result().status_code == 200
        service.projecting.stop()


def test_a_position_is_waited_for(service: Service) -> None:
    document = service.register()
    path = f"/v1/documents/{document['id']}"
    service.read(path, document["position"])
    with service.projecting.paused():
        written = service.client.post(f"{path}/workflow/pause")
        assert service.client.get(path).json()["processingWorkflow"]["status"] == "running"
        assert service.read(path, written).status_code == 503
        assert service.read("/v1/documents", written).status_code == 503
        assert service.client.get(f"{path}/next-stage").json() == {"stageName": None}
        assert service.client.get(f"{path}/history").json()["items"][-1]["type"] == "WorkflowPaused"
    assert service.read(path, written).json()["processingWorkflow"] == written.json()
    assert service.read("/v1/documents", 10**15).status_code == 503
    for bad in ("-1", "x", "1.0", "9" * 30):
        headers = {"Docledger-Min-Position": bad}
        assert service.client.get(path, headers=headers).status_code == 400


def test_many_wait_at_once_with_few_looks(service: Service) -> None:
    document = service.register()
    with service.projecting.paused():
        written = service.report(document["id"], "markdown-conversion", "in_progress")
        with ThreadPoolExecutor(20) as pool:
            path = f"/v1/documents/{document['id']}/stages"
            waiting = [pool.submit(service.read, path, written) for _ in range(20)]
            time.sleep(0.3)
            service.projecting.start()
            answers = [future.result() for future in waiting]
            service.projecting.stop()
    assert {answer.status_code for answer in answers} == {200}
    assert all(a.json()["items"][0]["status"] == "in_progress" for a in answers)


def test_a_parked_document_is_told_apart(service: Service) -> None:
    document = service.register()
    path = f"/v1/documents/{document['id']}"
    service.read(path, document["position"])
    written = service.client.post(f"{path}/workflow/pause")
    service.read(path, written)
    position = int(written.headers["Docledger-Position"])
    service.execute(
        "UPDATE document_streams SET parked_at = now(), parked_position = %s, parked_error = 'x' "
        "WHERE document_id = %s",
        position,
        document["id"],
    )
    began = time.monotonic()
    parked = service.read(path, written)
    assert parked.status_code == 503
    assert parked.json()["type"] == "urn:docledger:problem:document-parked"
    assert parked.json()["position"] == position
    assert time.monotonic() - began < 1.8  # what waits for a position waits 2 s
    assert service.read(path, position - 1).status_code == 200
    assert service.client.get(path).status_code == 200
    shown = service.client.get("/v1/projections").json()["items"]
    read_models = next(item for item in shown if item["projection"] == "read_models")
    assert {"documentId": document["id"], "position": position, "error": "x"} in (
        read_models["parked"]
    )
    assert read_models["health"] == "parked"
    assert {item["health"] for item in shown if item is not read_models} <= {"ok"}
    assert "docledger_parked_documents 1.0" in service.client.get("/metrics").text


def test_a_look_that_fails_spoils_no_later_one(own_service: Service) -> None:
    service = own_service
    document = service.register()
    path = f"/v1/documents/{document['id']}"
    service.read(path, document["position"])
    with service.projecting.paused():
        written = service.client.post(f"{path}/workflow/pause")
        service.execute("ALTER TABLE tracking RENAME TO tracking_away")
        assert service.read("/v1/documents", written).status_code == 503
        service.execute("ALTER TABLE tracking_away RENAME TO tracking")
    assert service.read("/v1/documents", written).status_code == 200


def test_a_row_that_others_deleted_is_gone(service: Service) -> None:
    document = service.register()
    path = f"/v1/documents/{document['id']}"
    service.read(path, document["position"])
    service.execute("DELETE FROM documents WHERE id = %s", document["id"])
    assert service.client.get(path).status_code == 404


def test_a_database_that_is_away_is_503(own_service: Service) -> None:
    service = own_service
    assert service.client.get("/readyz").status_code == 200
    name = service.database_url.rpartition("/")[2].partition("?")[0]
    service.execute("ALTER TABLE tracking RENAME TO tracking_away")
    assert service.client.get("/healthz").status_code == 200
    assert service.client.get("/readyz").status_code == 503
    service.execute("ALTER TABLE tracking_away RENAME TO tracking")
    until(lambda: service.client.get("/readyz").status_code == 200)
    service.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = %s AND pid <> pg_backend_pid()",
        name,
    )
    until(lambda: service.client.get("/readyz").status_code == 200)
    document = service.register()
    assert service.read(f"/v1/documents/{document['id']}", document["position"]).status_code == 200
