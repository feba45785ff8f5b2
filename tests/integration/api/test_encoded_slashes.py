"""Documents of other applications may have slashes in their ids."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from domain.commands import Context, RegisterDocument
from domain.values import Original
from integration.api.conftest import Service
from unit.projections.journeys import FIVE


def registered(service: Service, document_id: str) -> int:
    """Have the document come in another way than over HTTP; return its position."""
    context = Context(at=datetime.now(UTC), actor="another", command_id=str(uuid.uuid4()))
    committed = service.ports.commands.submit(
        RegisterDocument(
            document_id=document_id,
            context=context,
            title="Theirs",
            original=Original(mime_type="text/markdown"),
            pipeline=FIVE,
        )
    ).result()
    return int(committed.events[-1].position)


@pytest.mark.parametrize("name", ["reports/{}", "/{}/", "a/../{}", "ключ/{}", "100%2F{}", "./{}"])
def test_a_slash_that_is_encoded_belongs_to_the_id(service: Service, name: str) -> None:
    document_id = name.format(service.new_id())
    position = registered(service, document_id)
    path = f"/v1/documents/{quote(document_id, safe='')}"
    read = service.read(path, position)
    assert (read.status_code, read.json()["id"]) == (200, document_id)
    assert service.read(path.replace("%2F", "%2f"), position).json()["id"] == document_id
    started = service.client.put(
        f"{path}/stages/markdown-conversion/status", json={"status": "in_progress"}
    )
    assert started.status_code == 200, started.text
    assert started.json()["documentId"] == document_id
    events = service.read(f"{path}/history", started).json()["items"]
    assert [event["type"] for event in events][-1] == "StageStarted"
    assert service.client.delete(path).status_code in (200, 204)


def test_one_that_is_not_encoded_parts_the_path(service: Service) -> None:
    document_id = f"a/{service.new_id()}"
    registered(service, document_id)
    assert service.client.get(f"/v1/documents/{document_id}").status_code == 404


@pytest.mark.parametrize("value", ["no%2Fsuch", "%2F", "%2F..%2F..%2Fetc", "a%252Fb"])
def test_what_is_not_there_is_not_found(service: Service, value: str) -> None:
    answer = service.client.get(f"/v1/documents/{value}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("value", ["a%2Fb%00", "ab%00", "x/stages/a%00b"])
def test_what_cannot_be_stored_is_refused_still(service: Service, value: str) -> None:
    assert service.client.get(f"/v1/documents/{value}").status_code == 422
