"""The log over HTTP, as pages and as a stream."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integration.api.conftest import Service, until
from stages.facts import facts
from stages.search_store import IndexedFrom
from stages.shapes import Chunk


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _sent(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """Yield the events of a stream, comments left out."""
    event: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            if name:
                event[name] = value
        elif "data" in event:
            yield event
            event = {}
        else:
            event = {}


def test_history_is_complete_in_order_and_outlives_its_document(service: Service) -> None:
    document = service.register(title="Secret", realmId="r")["id"]
    service.report(
        document, "markdown-conversion", "failed", errorMessage="why", metadata={"a_b": 1}
    )
    service.client.delete(f"/v1/documents/{document}")
    path = f"/v1/documents/{document}/history"
    items = service.client.get(path).json()["items"]
    assert [item["version"] for item in items] == list(range(1, len(items) + 1))
    assert [item["type"] for item in items] == [
        "DocumentRegistered",
        "WorkflowStarted",
        "StageStarted",
        "StageFailed",
        "DocumentDeleted",
    ]
    positions = [item["position"] for item in items]
    assert positions == sorted(positions)
    assert items[0]["data"]["personal"] == {"title": "Secret", "fileName": None}
    assert items[0]["data"]["realmId"] == "r"
    failed = items[3]["data"]
    assert failed["personal"] == {"errorMessage": "why", "metadata": {"a_b": 1}}
    assert (failed["stageName"], failed["reason"], failed["willRetry"]) == (
        "markdown-conversion",
        "reported",
        False,
    )
    assert items[2]["commandId"] == items[3]["commandId"]
    paged: list[Any] = []
    cursor = ""
    while True:
        page = service.client.get(f"{path}?limit=2{cursor}").json()
        paged += page["items"]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert paged == items
    assert service.client.get("/v1/documents/nobody/history").status_code == 404


def test_the_whole_log_comes_in_pages(service: Service) -> None:
    start = service.history.last_position()
    made = [service.register()["id"] for _ in range(3)]
    everything = service.client.get(f"/v1/events?after={start}").json()
    assert everything["nextCursor"] is None
    assert [e["documentId"] for e in everything["items"]] == [m for m in made for _ in range(2)]
    first = service.client.get(f"/v1/events?after={start}&limit=4").json()
    rest = service.client.get(f"/v1/events?cursor={first['nextCursor']}&limit=4").json()
    assert first["items"] + rest["items"] == everything["items"]
    for bad in ("after=-1", "after=x", "cursor=x", "limit=0", f"after={2**63}"):
        assert service.client.get(f"/v1/events?{bad}").status_code == 422


def test_the_stream_goes_on_where_a_caller_left_off(service: Service) -> None:
    start = service.history.last_position()
    document = service.register()["id"]
    path = f"{service.url}/v1/events/stream"
    with httpx.stream("GET", f"{path}?after={start}", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        sent = _sent(answer.iter_lines())
        first, second = next(sent), next(sent)
        service.client.post(f"/v1/documents/{document}/workflow/pause")
        third = next(sent)
    assert [e["event"] for e in (first, second, third)] == [
        "DocumentRegistered",
        "WorkflowStarted",
        "WorkflowPaused",
    ]
    listed = service.client.get(f"/v1/events?after={start}").json()["items"]
    assert [json.loads(e["data"]) for e in (first, second, third)] == listed
    assert [int(e["id"]) for e in (first, second, third)] == [e["position"] for e in listed]
    with httpx.stream("GET", path, headers={"Last-Event-ID": second["id"]}, timeout=10) as answer:
        assert next(_sent(answer.iter_lines())) == third
    assert service.client.get(path, headers={"Last-Event-ID": "x"}).status_code == 400


@pytest.mark.parametrize("beyond", [1, 2**63 - 2])
def test_a_start_beyond_the_log_is_told_where_it_ends(service: Service, beyond: int) -> None:
    service.register()
    path = f"{service.url}/v1/events/stream"
    last = service.history.last_position()
    wanted = str(min(last + beyond, 2**63 - 1))
    for field, answer in (
        ("header.Last-Event-ID", service.client.get(path, headers={"Last-Event-ID": wanted})),
        ("query.after", service.client.get(path, params={"after": wanted})),
    ):
        assert answer.status_code == 422
        problem = answer.json()
        assert problem["type"] == "urn:docledger:problem:invalid-value"
        assert problem["position"] == last
        assert problem["errors"][0]["field"] == field
        assert str(last) in problem["detail"]
    with httpx.stream("GET", path, headers={"Last-Event-ID": str(last)}, timeout=10) as answer:
        assert answer.status_code == 200


def test_a_server_that_stops_ends_streams_and_finishes_requests(own_service: Service) -> None:
    service = own_service
    document = service.register()["id"]
    ended = threading.Event()

    def follow() -> None:
        with httpx.stream("GET", f"{service.url}/v1/events/stream", timeout=30) as answer:
            for _ in answer.iter_lines():
                pass
        ended.set()

    statuses: list[int] = []

    def wait() -> None:
        path = f"/v1/documents/{document}/stages/markdown-conversion/execute?wait=60"
        statuses.append(httpx.post(f"{service.url}{path}", timeout=70).status_code)

    threads = [threading.Thread(target=follow), threading.Thread(target=wait)]
    for thread in threads:
        thread.start()
    until(lambda: "docledger_event_streams 1.0" in service.client.get("/metrics").text)
    until(lambda: len(service.history.of_document(document)) == 3)
    service.client.close()
    service.server.stop()
    assert ended.wait(10)
    for thread in threads:
        thread.join(10)
    assert statuses == [202]


def test_search_gives_chunks_in_pages(service: Service) -> None:
    document, other = (service.register(realmId=realm)["id"] for realm in ("here", "there"))
    chunks = [
        Chunk(
            index=n,
            text=f"Figure {n} shows a walrus.",
            start=100 * n,
            end=100 * n + 26,
            heading_path=("Report", "Figures"),
            token_count=8,
        )
        for n in range(5)
    ]
    made_from = IndexedFrom("a" * 64, None)
    service.search.replace(document, chunks, [], made_from)
    service.search.replace(other, chunks[:1], [], made_from)
    path = "/v1/search?q=walrus&realmId=here&limit=3"
    first = service.client.get(path).json()
    rest = service.client.get(f"{path}&cursor={first['nextCursor']}").json()
    found = first["items"] + rest["items"]
    assert rest["nextCursor"] is None
    assert {item["documentId"] for item in found} == {document}
    assert sorted(item["start"] for item in found) == [0, 100, 200, 300, 400]
    assert found[0]["headingPath"] == ["Report", "Figures"]
    assert "walrus" in found[0]["snippet"]
    assert len(service.client.get("/v1/search?q=walrus").json()["items"]) == 6


def test_a_search_says_how_it_was_understood_and_gives_facts(service: Service) -> None:
    document = service.register(title="Harbour report")["id"]
    text = "The walrus weighs 900 kg. The seal is small."
    chunk = Chunk(
        index=0, text=text, start=0, end=len(text), heading_path=("Animals",), token_count=9
    )
    service.search.replace(document, [chunk], facts([chunk]), IndexedFrom("a" * 64, None))
    given = {"q": 'the walrus "900 kg" weigh* -lion', "include": "facts"}
    answer = service.client.get("/v1/search", params=given).json()
    assert answer["query"] == {
        "terms": ["walrus", "900 kg", "weigh*"],
        "excluded": ["lion"],
        "ignored": ["the"],
    }
    assert answer["ranked"] == {"chunks": 1, "complete": True, "order": None}
    (hit,) = answer["items"]
    assert (hit["title"], hit["pages"]) == ("Harbour report", None)
    assert hit["snippet"] == text
    assert [hit["snippet"][a:b] for a, b in hit["highlights"]] == ["walrus", "weighs", "900", "kg"]
    assert [fact["statement"] for fact in hit["facts"]] == ["The walrus weighs 900 kg."]
    assert "facts" not in service.client.get("/v1/search?q=walrus").json()["items"][0]
    assert service.client.get("/v1/search?q=walrus&include=x").status_code == 422
    only_excluded = service.client.get("/v1/search?q=-walrus").json()
    assert (only_excluded["items"], only_excluded["query"]["excluded"]) == ([], ["walrus"])


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        _encoded("[1]"),
        _encoded("null"),
        _encoded('[NaN, "a", 1]'),
        _encoded('[1, "\\ud800", 1]'),
        _encoded('[1, "a", 99999999999]'),
        _encoded('[1e300, "a", 1]'),
        _encoded("[" * 5000),
    ],
)
def test_a_cursor_that_no_search_gave_is_refused(service: Service, cursor: str) -> None:
    answer = service.client.get("/v1/search", params={"q": "walrus", "cursor": cursor})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == "query.cursor"


def test_words_are_needed_to_search(service: Service) -> None:
    for bad in ("", "q=", "q=%00", f"q={'x' * 1001}"):
        assert service.client.get(f"/v1/search?{bad}").status_code == 422, bad


def test_operators_see_positions_commands_and_requests(service: Service) -> None:
    document = service.register()
    service.read(f"/v1/documents/{document['id']}", document["position"])
    service.client.post(f"/v1/documents/{document['id']}/workflow/resume")
    metrics = service.client.get("/metrics").text
    position = service.history.last_position()
    assert f"docledger_log_position {float(position)}" in metrics
    assert 'docledger_projection_lag{projection="read_models"} 0.0' in metrics
    assert 'docledger_commands_total{command="RegisterDocument",outcome="accepted"}' in metrics
    assert 'command="ResumeWorkflow",outcome="IllegalTransition"' in metrics
    assert 'method="GET",route="/v1/documents/{id}",status="200"' in metrics
    assert "docledger_append_events_count" in metrics
    shown = service.client.get("/v1/projections").json()["items"]
    assert next(p for p in shown if p["projection"] == "read_models")["health"] == "ok"
