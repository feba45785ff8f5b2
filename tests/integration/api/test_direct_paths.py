"""A direct path answers as its route does: a query string sends the same request the long way."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from integration.api.conftest import Service, until

_LONG_WAY = {"x": "1"}
_DIFFERING = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+Z|doc-\d+|urn:docledger:request:[0-9a-f-]+|\"position\":\d+"
)
_DIFFERENT = ("date", "docledger-position", "content-length")

REPORTS: tuple[tuple[dict[str, str], bytes], ...] = (
    ({}, b'{"status":"in_progress"}'),
    ({}, b' { "status" : "in_progress" , "startedAt" : "2026-11-24T01:54:33Z" } '),
    ({}, b'{"status":"completed","metadata":{"pages":3}}'),
    ({}, b'{"status":"failed","errorMessage":"d\xc3\xa9j\xc3\xa0 \\u00e9"}'),
    ({}, b'{"status":"in_progress","attempt":1}'),
    ({}, b'{"status":"in_progress","attempt":7}'),
    ({}, b'{"status":"skipped"}'),
    ({}, b'{"status":"pending"}'),
    ({}, b'{"status":"unheard of"}'),
    ({}, b'{"status":"failed","status":"failed"}'),
    ({}, b'{"status":"in_progress","startedAt":"yesterday"}'),
    ({}, b'{"status":"in_progress","attempt":90071992547409920}'),
    ({}, b'{"status":"failed","errorMessage":"\\u0000"}'),
    ({}, b'{"status":"failed","errorMessage":"\\ud800"}'),
    ({}, b'{"status":"failed","metadata":{"a":NaN}}'),
    ({}, b'{"status":"failed","metadata":' + b'{"a":' * 40 + b"1" + b"}" * 41),
    ({}, b'{"status":"in_progress","more":1}'),
    ({}, b"{}"),
    ({}, b"[]"),
    ({}, b"not JSON"),
    ({}, b"\xff"),
    ({}, b""),
    ({}, b'{"status":"failed","errorMessage":"' + b"a" * 200_000 + b'"}'),
    ({"content-type": "text/plain"}, b'{"status":"in_progress"}'),
    ({"content-type": "application/json; charset=utf-8"}, b'{"status":"in_progress"}'),
    ({"if-match": '"2"'}, b'{"status":"in_progress"}'),
    ({"if-match": '"1"'}, b'{"status":"in_progress"}'),
    ({"if-match": '"1", "2"'}, b'{"status":"in_progress"}'),
    ({"if-match": '"1", "7"'}, b'{"status":"in_progress"}'),
    ({"if-match": "*"}, b'{"status":"in_progress"}'),
    ({"if-match": "2"}, b'{"status":"in_progress"}'),
)


def _comparable(answer: httpx.Response) -> tuple[Any, ...]:
    headers = [(k, None if k in _DIFFERENT else v) for k, v in answer.headers.items()]
    return answer.status_code, headers, _DIFFERING.sub("…", answer.text)


@pytest.mark.parametrize("stage", ["markdown-conversion", "chunker", "none-such"])
@pytest.mark.parametrize(("headers", "body"), REPORTS)
def test_reports(service: Service, stage: str, headers: dict[str, str], body: bytes) -> None:
    def report(**params: Any) -> httpx.Response:
        path = f"/v1/documents/{service.register()['id']}/stages/{stage}/status"
        sent = {"content-type": "application/json", **headers}
        return service.client.put(path, content=body, headers=sent, **params)

    assert _comparable(report()) == _comparable(report(params=_LONG_WAY))


@pytest.mark.parametrize(
    "headers", [{}, {"docledger-min-position": "1"}, {"docledger-min-position": "soon"}]
)
@pytest.mark.parametrize("known", [True, False])
def test_reads(service: Service, headers: dict[str, str], known: bool) -> None:
    document_id = service.register()["id"] if known else "never-seen"
    path = f"/v1/documents/{document_id}"

    def read(**params: Any) -> httpx.Response:
        return service.client.get(path, headers=headers, **params)

    assert _comparable(read()) == _comparable(read(params=_LONG_WAY))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "limit=1",
        "limit=1000",
        "limit=1001",
        "limit=0",
        "limit=01",
        "realmId=realm-1",
        "realmId=realm-1&realmId=realm-2",
        "stage=chunker&status=pending",
        "status=pending",
        "status=melted",
        "stage=none-such",
        "q=report",
        "q=re.po-rt",
        "q=",
        "q=a%20b",
        "q=%00",
        "cursor=WyJh",
        "cursor=" + "a" * 5000,
    ],
)
@pytest.mark.parametrize("headers", [{}, {"docledger-min-position": "soon"}])
def test_lists(service: Service, query: str, headers: dict[str, str]) -> None:
    def read(query: str) -> httpx.Response:
        return service.client.get(f"/v1/documents?{query}", headers=headers)

    def listed(query: str) -> list[tuple[Any, ...]]:
        """Follow the cursors to the end."""
        pages = [read(query)]
        while pages[-1].is_success and (cursor := pages[-1].json()["nextCursor"]):
            if len(pages) == 4:
                break
            pages.append(read(f"{query}&cursor={cursor}"))
        return [_comparable(page) for page in pages]

    for realm_id in ("realm-1", "realm-2", "realm-1"):
        document = service.register(realmId=realm_id, title="A report")
    service.read("/v1/documents?limit=1", after=document["position"])

    assert listed(query) == listed(f"{query}&x=1")


@pytest.mark.parametrize("path", ["/..", "/.", "/a%2Fb", "/%00", "/%F0%90", "/a//b"])
def test_odd_paths_are_told_alike(service: Service, path: str) -> None:
    def read(**params: Any) -> httpx.Response:
        return service.client.get(httpx.URL(f"{service.url}/v1/documents{path}"), **params)

    assert _comparable(read()) == _comparable(read(params=_LONG_WAY))


def test_both_ways_are_counted_and_logged_under_the_route(service: Service) -> None:
    path = f"/v1/documents/{service.register()['id']}"

    def counted() -> float:
        labels = {"method": "GET", "route": "/v1/documents/{id}", "status": "200"}
        found = service.metrics.registry.get_sample_value("docledger_request_seconds_count", labels)
        return found or 0.0

    before = counted()
    service.client.get(path)
    service.client.get(path, params=_LONG_WAY)
    until(lambda: counted() == before + 2)
