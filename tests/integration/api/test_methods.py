"""What a path takes: 405 and OPTIONS name every method, HEAD is there wherever GET is."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from integration.api.conftest import Service
from integration.api.test_wire import head, wire

_DOCUMENT = "/v1/documents/{id}"
_STAGE = _DOCUMENT + "/stages/markdown-conversion"


def _allow(answer: httpx.Response) -> set[str]:
    return set(answer.headers["Allow"].split(", "))


@pytest.fixture(scope="module")
def paths(service: Service) -> dict[str, dict[str, Any]]:
    """What the description says of each path, by a path that is there."""
    document_id = service.register()["id"]
    content = service.client.post(
        f"/v1/documents/{document_id}/stages/markdown-conversion/files",
        params={"fileName": "a.md"},
        content=b"# A",
        headers={"Content-Type": "text/markdown"},
    )
    assert content.status_code == 201
    service.report(document_id, "markdown-conversion", "completed")
    described: dict[str, dict[str, Any]] = service.client.get("/openapi.json").json()["paths"]
    return {
        path.format(id=document_id, stage="markdown-conversion", name="a.md"): methods
        for path, methods in described.items()
    }


def test_each_405_and_each_options_name_every_method(
    service: Service, paths: dict[str, dict[str, Any]]
) -> None:
    assert len(paths) > 20
    for path, methods in paths.items():
        wanted = {method.upper() for method in methods} | {"OPTIONS"}
        if "get" in methods and path != "/v1/events/stream":
            wanted |= {"HEAD"}
        refused = service.client.request("PATCH", path)
        assert refused.status_code == 405, path
        assert refused.json()["type"] == "urn:docledger:problem:method-not-allowed"
        asked = service.client.options(path)
        assert (asked.status_code, asked.content) == (204, b""), path
        assert _allow(refused) == _allow(asked) == wanted, path


def test_head_is_get_without_its_body(service: Service, paths: dict[str, dict[str, Any]]) -> None:
    for path, methods in paths.items():
        if "get" not in methods or path in ("/v1/events/stream", "/metrics"):
            continue
        params = {"q": "x"} if path == "/v1/search" else {}
        got = service.client.get(path, params=params)
        asked = service.client.head(path, params=params)
        assert asked.status_code == got.status_code, path
        assert asked.content == b""
        names = ("Content-Type", "Content-Length", "ETag", "Docledger-Position")
        unchanged = names[:1] if got.is_error else names
        assert [asked.headers.get(n) for n in unchanged] == [got.headers.get(n) for n in unchanged]


def test_what_head_cannot_tell_of_is_refused(service: Service) -> None:
    assert _allow(service.client.head("/v1/events/stream")) == {"GET", "OPTIONS"}


def test_the_server_as_a_whole_can_be_asked(service: Service) -> None:
    with wire(service) as connection:
        connection.send(head(line=b"OPTIONS * HTTP/1.1"))
        answer = connection.answer()
    assert answer.status == 204
    assert set(answer.headers["allow"].split(", ")) == {
        "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT",
    }  # fmt: skip


def test_paths_that_are_not_there_allow_nothing(service: Service) -> None:
    for method in ("OPTIONS", "HEAD", "GET", "TRACE"):
        answer = service.client.request(method, "/v1/nothing")
        assert answer.status_code == 404
        assert "Allow" not in answer.headers
