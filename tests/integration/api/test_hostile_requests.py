"""Whatever is sent, the answer is never a 500 and never leaves the log unreadable."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import ValidationError

from domain.storage_errors import StorageFull
from integration.api.conftest import Service, until

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        "id", "title", "content", "realmId", "workflowType", "configuration", "status", "attempt",
        "startedAt", "completedAt", "errorMessage", "metadata", "outputFiles", "inputFiles",
        "filePath", "fileType", "fileName", "fileSize", "mimeType", "checksum", "documentId",
    ]
)  # fmt: skip
BODIES = st.dictionaries(KEYS, ANY_JSON, max_size=6) | ANY_JSON
MANY = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def _sound(answer: httpx.Response) -> None:
    assert answer.status_code != 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["type"].startswith("urn:docledger:problem:")
        assert problem["instance"].startswith("urn:docledger:request:")


@pytest.fixture(scope="module")
def targets(service: Service) -> list[tuple[str, str]]:
    """Every path that takes a JSON body."""
    path = f"/v1/documents/{service.register()['id']}"
    return [
        ("POST", "/v1/documents"),
        ("POST", f"{path}/workflow"),
        ("PUT", f"{path}/stages/markdown-conversion/status"),
        ("POST", f"{path}/stages/markdown-conversion/execute"),
        ("POST", f"{path}/stages/markdown-conversion/files"),
    ]


@MANY
@given(body=BODIES, at=st.integers(0, 4))
def test_no_json_is_too_odd(
    service: Service, targets: list[tuple[str, str]], body: Any, at: int
) -> None:
    method, path = targets[at]
    headers = {"Content-Type": "application/json"}
    _sound(service.client.request(method, path, content=json.dumps(body), headers=headers))


@MANY
@given(body=st.binary(max_size=200), at=st.integers(0, 4), kind=st.sampled_from(
    ["application/json", "multipart/form-data; boundary=b", "multipart/form-data", "x", ""]
))  # fmt: skip
def test_no_bytes_are_too_odd(
    service: Service, targets: list[tuple[str, str]], body: bytes, at: int, kind: str
) -> None:
    method, path = targets[at]
    _sound(service.client.request(method, path, content=body, headers={"Content-Type": kind}))


@MANY
@given(name=ANY_TEXT, value=ANY_TEXT, file_name=ANY_TEXT, content=st.binary(max_size=50))
def test_no_form_is_too_odd(
    service: Service, name: str, value: str, file_name: str, content: bytes
) -> None:
    def raw(text: str) -> bytes:
        return text.encode("utf-8", "surrogatepass")

    body = b"".join(
        (
            b'--b\r\nContent-Disposition: form-data; name="', raw(name), b'"\r\n\r\n',
            raw(value), b'\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="',
            raw(file_name), b'"\r\nContent-Type: ', raw(value), b"\r\n\r\n", content,
            b"\r\n--b--\r\n",
        )
    )  # fmt: skip
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    _sound(service.client.post("/v1/documents", content=body, headers=headers))


@MANY
@given(text=ANY_TEXT, at=st.integers(0, 7))
def test_no_address_is_too_odd(service: Service, text: str, at: int) -> None:
    value = "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
    path = (
        f"/v1/documents/{value}",
        f"/v1/documents/{value}/history",
        f"/v1/documents/x/stages/{value}",
        f"/v1/documents/x/stages/chunker/files/{value}",
        f"/v1/documents?q={value}&realmId={value}",
        f"/v1/documents?cursor={value}",
        f"/v1/documents?stage={value}&status={value}",
        f"/v1/search?q={value}",
    )[at]
    _sound(service.client.get(path))


@MANY
@given(value=st.binary(max_size=30))
def test_no_header_is_too_odd(service: Service, value: bytes) -> None:
    value = bytes(byte for byte in value if byte > 31 and byte != 127).strip()
    names = (b"If-Match", b"Docledger-Min-Position", b"Last-Event-ID", b"Range", b"If-None-Match")
    headers = [(name, value) for name in names]
    document = service.client.get("/v1/documents?limit=1").json()["items"][0]["id"]
    _sound(service.client.get(f"/v1/documents/{document}/original", headers=headers))
    _sound(service.client.post(f"/v1/documents/{document}/workflow/resume", headers=headers))


def test_after_all_that_the_log_can_be_read_and_the_tables_are_with_it(service: Service) -> None:
    document = service.register()
    assert service.read(f"/v1/documents/{document['id']}", document["position"]).status_code == 200
    page = service.client.get("/v1/events?limit=1000").json()
    json.dumps(page, allow_nan=False).encode()
    shown = service.client.get("/v1/projections").json()["items"]
    assert all(projection["parked"] == [] for projection in shown)


def test_unknown_paths_and_methods_are_problems_too(service: Service) -> None:
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("GET", "/v1/documents/", 404),
        ("DELETE", "/v1/documents", 405),
        ("PATCH", "/v1/documents/x", 405),
        ("GET", "/v1/documents/x/../y", 404),
    ):
        answer = service.client.request(method, path)
        assert answer.status_code == status, path
        _sound(answer)


def test_a_defect_is_answered_without_what_it_says(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("the secret")

    monkeypatch.setattr(service.search, "search", break_down)
    answer = service.client.get("/v1/search?q=x")
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:docledger:problem:internal"
    assert "secret" not in answer.text
    logged = capsys.readouterr().out
    assert "secret" not in logged
    assert answer.json()["instance"].rpartition(":")[2] in logged


def test_nothing_of_a_document_is_logged(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.register(title="Hush", content="Quiet", realmId="silence")
    service.client.post("/v1/documents", files={"file": ("hidden-name.pdf", b"x")})
    service.client.get("/v1/documents?q=whisper")
    service.client.get("/v1/documents/unspoken")
    service.client.post("/v1/documents", json={"title": "Mute\u0000"})
    logged = capsys.readouterr().out
    assert "/v1/documents" in logged
    for word in ("Hush", "Quiet", "silence", "hidden", "whisper", "unspoken", "Mute"):
        assert word not in logged


def test_an_upload_that_breaks_off_leaves_nothing(service: Service) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    head = (
        b"POST /v1/documents HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    )
    incoming = service.storage / "blobs" / "incoming"
    before = service.history.last_position()
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head + b"x" * 2_000_000)
        until(lambda: any(incoming.iterdir()))
    until(lambda: not any(incoming.iterdir()))
    assert service.history.last_position() == before


def test_a_full_disk_is_507_and_registers_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFull

    blobs = service.ports.blobs
    begin = blobs.begin

    def begin_on_a_full_disk() -> Any:
        writer = begin()
        monkeypatch.setattr(type(writer), "write", full)
        return writer

    monkeypatch.setattr(blobs, "begin", begin_on_a_full_disk)
    before = service.history.last_position()
    for parts in ({"files": {"file": ("a.md", b"x")}}, {"json": {"title": "a", "content": "b"}}):
        answer = service.client.post("/v1/documents", **parts)
        assert answer.status_code == 507
        assert answer.json()["type"] == "urn:docledger:problem:disk-full"
    assert service.history.last_position() == before
    assert list((service.storage / "blobs" / "incoming").iterdir()) == []


def test_every_kind_of_answer_is_held_against_the_description(service: Service) -> None:
    made = service.client.post("/v1/documents", json={"title": "a", "content": "b"})
    base = f"/v1/documents/{made.json()['id']}"
    service.client.post(
        f"{base}/stages/markdown-conversion/files", params={"fileName": "a.md"}, content=b"x"
    )
    done = service.report(made.json()["id"], "markdown-conversion", "completed", metadata={"a": 1})
    for suffix in ("", "/workflow", "/stages", "/files", "/history", "/next-stage", "/original"):
        service.read(base + suffix, done)
    for path in ("/v1/documents", "/v1/events", "/v1/projections", "/v1/search?q=a", "/metrics"):
        assert service.client.get(path).status_code == 200
    file = f"{base}/stages/markdown-conversion/files/a.md"
    assert service.client.get(file, headers={"Range": "bytes=0-0"}).status_code == 206
    assert service.client.get(file, headers={"Range": "bytes=9-9"}).status_code == 416
    service.client.get(f"{base}/stages/markdown-conversion")
    service.client.get("/v1/documents/nobody")
    service.client.post("/v1/documents", json={})
    service.client.get("/readyz")
    for action in ("pause", "resume", "cancel"):
        assert service.client.post(f"{base}/workflow/{action}").status_code == 200
    assert service.client.delete(base).status_code == 204
    # Each of these was checked when it arrived: see `Described`.
    assert {
        ("createDocument", 201),
        ("createDocument", 422),
        ("getDocument", 200),
        ("getDocument", 404),
        ("getWorkflow", 200),
        ("listStages", 200),
        ("getStage", 200),
        ("listFiles", 200),
        ("getHistory", 200),
        ("getNextStage", 200),
        ("getOriginal", 200),
        ("listDocuments", 200),
        ("listEvents", 200),
        ("listProjections", 200),
        ("search", 200),
        ("getMetrics", 200),
        ("storeStageFile", 201),
        ("updateStageStatus", 200),
        ("getStageFile", 206),
        ("getStageFile", 416),
        ("isReady", 200),
        ("pauseWorkflow", 200),
        ("resumeWorkflow", 200),
        ("cancelWorkflow", 200),
        ("deleteDocument", 204),
    } <= service.described.checked


def test_an_answer_that_is_not_described_is_found(service: Service) -> None:
    document = service.register()
    request = httpx.Request("GET", f"{service.url}/v1/documents/{document['id']}")
    headers = {"ETag": '"2"', "Docledger-Position": "2"}

    def answer(status: int = 200, **changed: Any) -> httpx.Response:
        content = {**document, **changed}
        return httpx.Response(status, json=content, headers=headers, request=request)

    service.described(answer())
    for wrong in (answer(version="2"), answer(more=1), answer(createdAt=7), answer(201)):
        with pytest.raises((AssertionError, ValidationError)):
            service.described(wrong)
