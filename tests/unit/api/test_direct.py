"""Which requests are answered directly: plain ones for the paths that are named, no others."""

from __future__ import annotations

from typing import Any

import pytest

from api.app import create_app
from unit.api.nothing import NO_PORTS


def scope(method: str, path: str, query: bytes = b"", root_path: str = "") -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "root_path": root_path,
    }


@pytest.mark.parametrize(
    ("given", "route"),
    [
        (scope("GET", "/v1/documents/a"), "/v1/documents/{id}"),
        (scope("GET", "/v1/documents/A.b_c-9"), "/v1/documents/{id}"),
        (
            scope("PUT", "/v1/documents/a/stages/chunker/status"),
            "/v1/documents/{id}/stages/{stage}/status",
        ),
        (scope("GET", "/v1/documents"), "/v1/documents"),
        (
            scope("GET", "/v1/documents", query=b"realmId=a-1&status=failed&limit=20&cursor=WyJh"),
            "/v1/documents",
        ),
    ],
)
def test_plain_requests_are_taken(given: dict[str, Any], route: str) -> None:
    app = create_app(NO_PORTS)
    assert app.direct.takes(given)
    assert given["route"].path == route
    assert route in app.openapi()["paths"]


@pytest.mark.parametrize(
    "given",
    [
        scope("GET", "/v1/documents/a", query=b"asOf=1"),
        scope("GET", "/v1/documents/a", root_path="/ledger"),
        scope("PUT", "/v1/documents/a/stages/b/status")
        | {"raw_path": b"/v1/documents/a%2Fstages%2Fb%2Fstatus"},
        scope("POST", "/v1/documents"),
        *(
            scope("GET", "/v1/documents", query=query)
            for query in (
                b"x=1",
                b"realmId",
                b"realmId=",
                b"realmId=a&realmId=b",
                b"realmId=a+b",
                b"realmId=a%20b",
                b"realmId=a;b",
                b"realm_id=a",
                b"status=melted",
                b"limit=0",
                b"limit=1001",
                b"limit=-1",
                b"cursor=WyI=",
                b"q=a&",
                b"q=\xe9",
            )
        ),
        scope("GET", "/v1/documents/"),
        scope("GET", "/v1/documents/a\n"),
        scope("GET", "/v1/documents/é"),
        scope("GET", "/v1/documents/" + "a" * 256),
        scope("GET", "/v1/documents/a/stages"),
        scope("DELETE", "/v1/documents/a"),
        scope("PUT", "/v1/documents/a/stages/Chunker/status"),
        scope("HEAD", "/v1/documents/a"),
        {"type": "lifespan"},
    ],
)
def test_any_other_goes_to_its_route(given: dict[str, Any]) -> None:
    assert not create_app(NO_PORTS).direct.takes(given)
