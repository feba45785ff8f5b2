"""Files that an import listed: served once their content is where it was listed."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain import commands as c
from domain.imported_state import ImportedFile, ImportedStage
from domain.values import Original, StageStatus
from integration.api.conftest import Service
from unit.projections.journeys import FIVE

CONVERSION = "markdown-conversion"
CONTENT = "# What the other system made\n"
SHA256 = hashlib.sha256(CONTENT.encode()).hexdigest()


def imported(
    service: Service,
    path: str = "old/place/{id}.md",
    document_id: str | None = None,
    **listed: Any,
) -> str:
    """Import a document whose first stage has a file; return its id."""
    document_id = document_id or service.new_id()
    at = datetime.now(UTC)
    file = {"file_type": "markdown", "mime_type": "text/markdown", "checksum": SHA256, **listed}
    command = c.ImportDocument(
        document_id=document_id,
        context=c.Context(at=at, actor="import", command_id=str(uuid.uuid4())),
        title="Theirs",
        original=Original(mime_type="text/markdown"),
        pipeline=FIVE,
        stages=(ImportedStage(stage_name=CONVERSION, status=StageStatus.COMPLETED),),
        files=(ImportedFile(stage_name=CONVERSION, file_path=path.format(id=document_id), **file),),
    )
    service.ports.commands.submit(command).result(10)
    return document_id


def url(document_id: str, name: str | None = None, query: str = "") -> str:
    stage = f"/v1/documents/{document_id}/stages/{CONVERSION}"
    return f"{stage}/files/{name or f'{document_id}.md'}{query}"


def listed_path(service: Service, document_id: str) -> Path:
    (file,) = service.client.get(f"/v1/documents/{document_id}/files").json()["items"]
    return service.storage / str(file["filePath"])


def put(path: Path, content: str = CONTENT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.mark.parametrize("query", ["", "?version=1"])
@pytest.mark.parametrize("recorded", ["its own", None, "d41d8cd98f00b204e9800998ecf8427e"])
@pytest.mark.parametrize(
    "path", ["old/place/{id}.md", "documents/{id}/stages/markdown-conversion/{id}.md"]
)
def test_the_content_is_served_once_it_is_put_where_it_was_listed(
    service: Service, path: str, recorded: str | None, query: str
) -> None:
    document_id = service.new_id()
    content = f"# What the other system made of {document_id}\n"
    own = hashlib.sha256(content.encode()).hexdigest()
    imported(service, path, document_id, checksum=own if recorded == "its own" else recorded)
    missing = service.client.get(url(document_id, query=query))
    assert missing.status_code == 404
    assert missing.json()["type"] == "urn:docledger:problem:file-not-found"
    assert path.format(id=document_id) in missing.json()["detail"]

    put(listed_path(service, document_id), content)
    found = service.client.get(url(document_id, query=query))
    assert (found.status_code, found.text) == (200, content)
    assert found.headers["ETag"] == f'"{own}"'
    assert found.headers["Content-Type"].startswith("text/markdown")
    part = service.client.get(url(document_id, query=query), headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.text) == (206, content[2:6])
    head = service.client.head(url(document_id, query=query))
    assert head.headers["Content-Length"] == str(len(content))


def test_a_content_that_is_stored_already_needs_no_path(service: Service) -> None:
    writer = service.ports.blobs.begin()
    writer.write(CONTENT.encode())
    writer.commit()
    document_id = imported(service, "/srv/elsewhere/{id}.md")
    assert service.client.get(url(document_id)).text == CONTENT


def test_another_content_than_was_recorded_is_not_served(service: Service) -> None:
    other = hashlib.sha256(b"something else").hexdigest()
    document_id = imported(service, checksum="ab" * 32)
    put(listed_path(service, document_id), "something else")
    refused = service.client.get(url(document_id))
    assert refused.status_code == 404
    assert other in refused.json()["detail"]
    assert "ab" * 32 in refused.json()["detail"]


@pytest.mark.parametrize("path", ["/srv/elsewhere/{id}.md", "../outside/{id}.md"])
def test_a_path_that_leads_out_of_the_storage_is_told(service: Service, path: str) -> None:
    document_id = imported(service, path, checksum=None)
    refused = service.client.get(url(document_id))
    assert refused.status_code == 404
    assert "no path within it" in refused.json()["detail"]


def test_versions_that_are_stored_here_come_after_what_was_imported(service: Service) -> None:
    document_id = imported(service)
    put(listed_path(service, document_id))
    before = service.client.get(f"/v1/documents/{document_id}/next-stage")
    position = before.headers["Docledger-Position"]
    for number in (1, 2):
        stored = service.client.post(
            url(document_id, "").removesuffix(f"/{document_id}.md"),
            params={"fileName": f"{document_id}.md"},
            content=f"version {number}",
            headers={"Content-Type": "text/markdown"},
        )
        assert stored.status_code == 201, stored.text
        service.read(f"/v1/documents/{document_id}", stored)
    assert service.client.get(url(document_id)).text == "version 2"
    assert service.client.get(url(document_id, query="?version=1")).text == "version 1"
    assert service.client.get(url(document_id, query="?version=3")).status_code == 404
    assert service.client.get(url(document_id, query="?version=0")).status_code == 422
    then = service.client.get(url(document_id, query=f"?asOf={position}"))
    assert (then.status_code, then.text) == (200, CONTENT)


def test_a_listed_file_can_be_named_as_input_once_it_is_there(service: Service) -> None:
    document_id = imported(service, checksum=None)
    file = listed_path(service, document_id)
    relative = file.relative_to(service.storage).as_posix()
    path = f"/v1/documents/{document_id}/stages/chunker/execute"
    skipped = service.report(document_id, "markdown-optimizer", "skipped")
    assert skipped.status_code == 200
    refused = service.client.post(path, json={"inputFiles": [relative]})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "inputFiles.0")
    put(file)
    assert service.client.post(path, json={"inputFiles": [relative]}).status_code == 202
    history = service.client.get(f"/v1/documents/{document_id}/history").json()["items"]
    requested = next(event for event in history if event["type"] == "StageRequested")
    assert requested["data"]["inputs"][0]["checksum"] == SHA256
