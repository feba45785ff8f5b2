"""Files over HTTP: stored, registered, listed, downloaded."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import pytest

from integration.api.conftest import Service

FIRST = "markdown-conversion"
CHUNKS = b'{"chunks": []}'


def _document(service: Service, name: str = "report.pdf") -> str:
    answer = service.client.post("/v1/documents", files={"file": (name, b"%PDF")})
    document_id: str = answer.json()["id"]
    return document_id


def _completed(service: Service, content: bytes = b"# One\n") -> tuple[str, httpx.Response]:
    document = _document(service)
    stored = service.client.post(f"/v1/documents/{document}/stages/{FIRST}/files", content=content)
    assert stored.status_code == 201, stored.text
    done = service.report(document, FIRST, "completed")
    assert done.status_code == 200
    return document, stored


def test_a_stored_file_becomes_current_with_its_stage(service: Service) -> None:
    document = _document(service)
    path = f"/v1/documents/{document}/stages/{FIRST}/files"
    stored = service.client.post(
        path, content=b"# One\n", headers={"Content-Type": "text/markdown"}
    )
    assert stored.status_code == 201
    file = stored.json()
    assert file["filePath"] == f"documents/{document}/stages/{FIRST}/report.md"
    assert file["checksum"] == hashlib.sha256(b"# One\n").hexdigest()
    assert (file["fileType"], file["fileSize"], file["mimeType"]) == (
        "markdown",
        6,
        "text/markdown",
    )
    assert stored.headers["Location"] == f"{path}/report.md"
    assert service.read(stored.headers["Location"], stored).status_code == 404
    done = service.report(document, FIRST, "completed")
    listed = service.read(f"/v1/documents/{document}/files", done).json()
    assert listed == {"items": [file], "nextCursor": None}
    assert service.read(f"/v1/documents/{document}", done).json()["outputFiles"] == [file]
    got = service.read(stored.headers["Location"], done)
    assert got.content == b"# One\n"
    assert got.headers["Content-Type"] == "text/markdown"


def test_a_form_may_name_and_describe_its_file(service: Service) -> None:
    document = _document(service)
    path = f"/v1/documents/{document}/stages/{FIRST}/files"
    stored = service.client.post(
        path,
        files={"file": ("Überblick 1.txt", b"text", "text/plain")},
        data={"fileType": "notes", "metadata": '{"from": "me"}'},
    )
    assert stored.status_code == 201, stored.text
    assert stored.json()["filePath"].endswith("/Überblick 1.txt")
    assert stored.json()["metadata"] == {"from": "me"}
    done = service.report(document, FIRST, "completed")
    got = service.read(stored.headers["Location"], done)
    assert got.content == b"text"
    assert "filename*=UTF-8''%C3%9Cberblick%201.txt" in got.headers["Content-Disposition"]


def _form(disposition: bytes, **fields: bytes) -> dict[str, Any]:
    """Return a form with one file part, whose Content-Disposition is as it is given."""
    parts = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)
        for name, value in fields.items()
    )
    file = b'--b\r\nContent-Disposition: form-data; name="file"; %s\r\n\r\ntext\r\n' % disposition
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    return {"content": parts + file + b"--b--\r\n", "headers": headers}


@pytest.mark.parametrize(
    ("disposition", "title"),
    [
        (b"filename*=UTF-8''%C3%9Cberblick%201.md", "Überblick 1"),
        (b"filename*=utf-8'de'%C3%9Cberblick.md", "Überblick"),
        (b"filename*=iso-8859-1''%DCberblick.md", "Überblick"),
        (b"FILENAME*=\"UTF-8''plain.md\"", "plain"),
        (b"filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        # the one that the form's own standard allows goes ahead
        (b"filename=\"a.md\"; filename*=UTF-8''b.md", "a"),
    ],
)
def test_a_name_in_the_extended_form_alone_is_read(
    service: Service, disposition: bytes, title: str
) -> None:
    answer = service.client.post("/v1/documents", **_form(disposition))
    assert answer.status_code == 201, answer.text
    assert answer.json()["title"] == title


@pytest.mark.parametrize(
    ("disposition", "status"),
    [(b"filename*=UTF-8''%FF.md", 400), (b"filename*=UTF-8''a%00.md", 422), (b"x*=a", 422)],
)
def test_an_extended_name_that_is_none_is_refused(
    service: Service, disposition: bytes, status: int
) -> None:
    assert service.client.post("/v1/documents", **_form(disposition)).status_code == status


def test_an_empty_id_of_a_form_is_not_an_absent_one(service: Service) -> None:
    answer = service.client.post("/v1/documents", **_form(b'filename="a.md"', id=b""))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "id"


def test_fields_that_a_form_leaves_empty_are_absent(service: Service) -> None:
    fields = ("title", "realmId", "workflowType", "configuration")
    form = _form(b'filename="a.md"', **dict.fromkeys(fields, b""))
    answer = service.client.post("/v1/documents", **form)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["title"], answer.json()["realmId"]) == ("a", None)


@pytest.mark.parametrize("field", ["fileName", "fileType"])
def test_nor_is_an_empty_name_of_a_stages_file(service: Service, field: str) -> None:
    path = f"/v1/documents/{_document(service)}/stages/{FIRST}/files"
    answer = service.client.post(path, **_form(b'filename="a.md"', **{field: b""}))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "name", ["../x.md", "a/b.md", "a\\b.md", ".", "..", "", "x" * 300, "a\tb", "CON", "a\u202eb"]
)
def test_names_that_cannot_be_are_refused(service: Service, name: str) -> None:
    document = _document(service)
    path = f"/v1/documents/{document}/stages/{FIRST}/files"
    answer = service.client.post(path, params={"fileName": name}, content=b"x")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == "query.fileName"


def test_a_stage_without_executor_needs_a_type(service: Service) -> None:
    document = service.register()["id"]
    for stage in (FIRST, "markdown-optimizer", "chunker", "fact-generator"):
        service.report(document, stage, "completed")
    path = f"/v1/documents/{document}/stages/ingestor/files"
    answer = service.client.post(path, content=b"x")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query.fileType"
    assert service.client.post(f"{path}?fileType=a-b", content=b"x").status_code == 422
    assert (
        service.client.post(f"{path}?fileType=x&fileName=a.json", content=b"{}").status_code == 201
    )


def test_files_for_a_stage_that_may_not_have_them_are_refused(service: Service) -> None:
    document = service.register()["id"]
    path = f"/v1/documents/{document}/stages"
    assert service.client.post(f"{path}/chunker/files", content=b"x").status_code == 409
    assert service.client.post(f"{path}/nonsense/files", content=b"x").status_code == 404
    assert (
        service.client.post(f"/v1/documents/nobody/stages/{FIRST}/files", content=b"x").status_code
        == 404
    )


def test_json_registers_a_file_that_lies_in_the_storage(service: Service) -> None:
    document = _document(service)
    relative = f"documents/{document}/stages/{FIRST}/by-hand.md"
    target = service.storage / relative
    target.parent.mkdir(parents=True)
    target.write_bytes(b"# By hand\n")
    path = f"/v1/documents/{document}/stages/{FIRST}/files"
    checksum = hashlib.sha256(b"# By hand\n").hexdigest()
    body: dict[str, Any] = {
        "documentId": document,
        "stageName": FIRST,
        "filePath": relative,
        "fileSize": 10,
        "checksum": checksum,
        "metadata": {"a": 1},
    }
    for change, field in (
        ({"fileSize": 11}, "fileSize"),
        ({"checksum": "0" * 64}, "checksum"),
        ({"filePath": "../../etc/passwd"}, "filePath"),
        ({"filePath": "/etc/passwd"}, "filePath"),
        ({"filePath": "documents/none.md"}, "filePath"),
        ({"documentId": "other"}, "documentId"),
        ({"stageName": "chunker"}, "stageName"),
        ({"fileType": "A"}, "fileType"),
        ({"colour": 1}, "colour"),
    ):
        answer = service.client.post(path, json={**body, **change})
        assert answer.status_code == 422, change
        assert answer.json()["errors"][0]["field"] == field
    stored = service.client.post(path, json=body)
    assert stored.status_code == 201, stored.text
    assert stored.json()["filePath"] == relative
    assert stored.json()["checksum"] == checksum


def test_a_report_of_completion_brings_its_files(service: Service) -> None:
    document = _document(service)
    relative = f"documents/{document}/made/chunk.md"
    (service.storage / relative).parent.mkdir(parents=True)
    (service.storage / relative).write_bytes(b"text")
    missing = service.report(
        document, FIRST, "completed", outputFiles=[{"filePath": relative}, {"filePath": "none"}]
    )
    assert missing.status_code == 422
    assert missing.json()["errors"][0]["field"] == "outputFiles.1.filePath"
    done = service.report(document, FIRST, "completed", outputFiles=[{"filePath": relative}])
    assert done.status_code == 200, done.text
    files = service.read(f"/v1/documents/{document}/files?stage={FIRST}", done).json()["items"]
    assert [f["filePath"] for f in files] == [f"documents/{document}/stages/{FIRST}/chunk.md"]
    assert service.read(f"/v1/documents/{document}/files?stage=chunker", done).json()["items"] == []


def test_downloads_know_ranges_and_what_the_caller_has(service: Service) -> None:
    content = bytes(range(256)) * 10_000
    document, stored = _completed(service, content)
    location = stored.headers["Location"]
    service.read(f"/v1/documents/{document}", service.history.last_position())

    def get(**headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return service.client.get(location, headers=names)

    whole = get()
    assert whole.content == content
    assert whole.headers["Accept-Ranges"] == "bytes"
    tag = whole.headers["ETag"]
    assert tag == f'"{hashlib.sha256(content).hexdigest()}"'
    assert get(If_None_Match=f'W/{tag}, "x"').status_code == 304
    assert get(If_None_Match=tag).content == b""
    assert get(If_None_Match='"x"').status_code == 200
    assert get(If_None_Match="x").status_code == 400
    part = get(Range="bytes=1048570-1048600")
    assert part.status_code == 206
    assert part.content == content[1048570:1048601]
    assert part.headers["Content-Range"] == f"bytes 1048570-1048600/{len(content)}"
    assert get(Range="bytes=-5").content == content[-5:]
    assert get(Range="bytes=0-", If_Range=tag).status_code == 206
    assert get(Range="bytes=0-", If_Range='"x"').status_code == 200
    outside = get(Range=f"bytes={len(content)}-")
    assert outside.status_code == 416
    assert outside.headers["Content-Range"] == f"bytes */{len(content)}"
    head = service.client.head(location)
    assert head.headers["Content-Length"] == str(len(content))
    assert head.content == b""


def test_older_versions_stay_within_reach(service: Service) -> None:
    document, stored = _completed(service, b"one")
    location = stored.headers["Location"]
    for content in (b"two", b"three"):
        service.report(document, FIRST, "pending")
        service.client.post(f"/v1/documents/{document}/stages/{FIRST}/files", content=content)
        done = service.report(document, FIRST, "completed")
    assert service.read(location, done).content == b"three"
    for version, content in ((1, b"one"), (2, b"two"), (3, b"three")):
        assert service.client.get(f"{location}?version={version}").content == content
    assert service.client.get(f"{location}?version=4").status_code == 404
    assert service.client.get(f"{location}?version=0").status_code == 422
    assert service.client.get(f"{location}x?version=1").status_code == 404


def test_json_of_equal_meaning_is_known_as_equal(service: Service) -> None:
    document = service.register()["id"]
    for stage in (FIRST, "markdown-optimizer"):
        service.report(document, stage, "completed")
    path = f"/v1/documents/{document}/stages/chunker/files"
    for content in (b'{"chunks": [], "a": 1}', b'{"a":1,"chunks":[]}'):
        stored = service.client.post(f"{path}?fileName=c.chunks.json", content=content)
        assert stored.status_code == 201, stored.text
        assert stored.json()["mimeType"] == "application/json"
        service.report(document, "chunker", "completed")
        if stored.json()["checksum"] == hashlib.sha256(b'{"chunks": [], "a": 1}').hexdigest():
            service.report(document, "fact-generator", "completed")
            service.report(document, "chunker", "pending")
    kept = service.read(
        f"/v1/documents/{document}/stages/fact-generator", service.history.last_position()
    )
    assert kept.json()["status"] == "completed"


def test_json_with_a_name_is_the_file_itself(service: Service) -> None:
    document = _document(service)
    answer = service.client.post(
        f"/v1/documents/{document}/stages/{FIRST}/files?fileName=x.json&fileType=raw_json",
        content=json.dumps({"not": "a request"}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 201
    assert answer.json()["mimeType"] == "application/json"


def test_a_file_that_is_too_large_is_refused(service: Service) -> None:
    document = _document(service)
    path = f"/v1/documents/{document}/stages/{FIRST}/files"
    content = b"x" * (service.ports.limits.upload_bytes + 1)
    assert service.client.post(path, content=content).status_code == 413
    assert service.client.post(path, files={"file": ("a", content)}).status_code == 413
    assert list((service.storage / "blobs" / "incoming").iterdir()) == []
