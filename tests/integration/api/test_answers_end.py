"""Every JSON answer is a line that ends, so that a terminal's prompt stands on its own line."""

from __future__ import annotations

import pytest

from integration.api.conftest import Service


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/documents/{id}", 200),
        ("/v1/documents/{id}/stages", 200),
        ("/v1/documents/{id}/history", 200),
        ("/v1/documents?limit=2", 200),
        ("/v1/documents/nothing", 404),
        ("/v1/documents?limit=x", 422),
        ("/healthz", 200),
    ],
)
def test_answers_end_with_their_line(service: Service, path: str, status: int) -> None:
    document = service.register()
    answer = service.client.get(path.format(id=document["id"]))
    assert answer.status_code == status
    assert answer.content.endswith(b"}\n")
    assert answer.content.count(b"\n") == 1


def test_the_answer_to_a_write_ends_with_its_line(service: Service) -> None:
    answer = service.client.post("/v1/documents", json={"title": "t", "content": "c"})
    assert answer.status_code == 201
    assert answer.content.endswith(b"}\n")
