"""An id that is registered again shows nothing of the document that was deleted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

from eventstore.history import History
from eventstore.recorded import RecordedEvent
from files.tree import UploadsTree
from files.tree_projector import TreeProjector
from integration.api.conftest import Service, until
from projections.live.projector import Projector

CONVERSION = "markdown-conversion"
FILES = f"stages/{CONVERSION}/files"
READS = (
    *("", "/workflow", "/stages", f"/stages/{CONVERSION}", "/files", "/original"),
    *(f"/{FILES}/d.md", f"/{FILES}/d.md?version=1"),
)


def live(service: Service, document_id: str, secret: str) -> None:
    """Register the document and have its first stage completed with a file."""
    realm = f"{document_id}-{secret}"
    service.register(id=document_id, title=secret, content=secret, realmId=realm)
    add_file(service, document_id, secret)
    assert service.report(document_id, CONVERSION, "completed").status_code == 200


def add_file(service: Service, document_id: str, content: str) -> None:
    stored = service.client.post(
        f"/v1/documents/{document_id}/{FILES}?fileName=d.md",
        content=f"# {content}",
        headers={"Content-Type": "text/markdown"},
    )
    assert stored.status_code == 201, stored.text


def delete(service: Service, document_id: str) -> int:
    gone = service.client.delete(f"/v1/documents/{document_id}")
    assert gone.status_code == 204
    return int(gone.headers["Docledger-Position"])


def again(service: Service, former: str = "former") -> str:
    """Return an id that was deleted, the read models knowing all of the life that it had."""
    document_id = service.new_id()
    live(service, document_id, former)
    last = service.client.get(f"/v1/documents/{document_id}/next-stage")
    service.read("/v1/documents", last)
    return document_id


def test_versions_are_counted_from_the_registration(service: Service) -> None:
    document_id = again(service)
    add_file(service, document_id, "former again")
    end = delete(service, document_id)
    live(service, document_id, "next")
    path = f"/v1/documents/{document_id}/{FILES}/d.md"
    last = service.client.get(f"/v1/documents/{document_id}/next-stage")

    assert service.read(path, last).text == "# next"
    assert service.client.get(f"{path}?version=1").text == "# next"
    assert service.client.get(f"{path}?version=2").status_code == 404
    assert service.client.get(f"{path}?asOf={end - 1}").text == "# former again"
    assert service.client.get(f"{path}?asOf={end}").status_code == 404
    then = service.client.get(f"/v1/documents/{document_id}?asOf={end - 1}").json()
    assert (then["title"], then["content"]) == ("former", "former")
    assert then["realmId"] == f"{document_id}-former"
    original = service.client.get(f"/v1/documents/{document_id}/original?asOf={end - 1}")
    assert original.text == "former"


def read_all(service: Service, document_id: str) -> dict[str, httpx.Response]:
    """Read every part of the document at the same time."""
    with ThreadPoolExecutor(len(READS)) as pool:
        paths = {read: f"{service.url}/v1/documents/{document_id}{read}" for read in READS}
        waiting = {read: pool.submit(httpx.get, path) for read, path in paths.items()}
        return {read: answer.result() for read, answer in waiting.items()}


def test_reads_wait_for_the_whole_life(service: Service) -> None:
    document_id = again(service)
    assert {answer.status_code for answer in read_all(service, document_id).values()} == {200}
    with service.projecting.paused(), ThreadPoolExecutor(1) as pool:
        delete(service, document_id)
        live(service, document_id, "next")
        for read, late in read_all(service, document_id).items():
            assert late.status_code == 503, read
            assert late.json()["type"] == "urn:docledger:problem:not-yet-readable"
        waiting = pool.submit(read_all, service, document_id)
        service.projecting.start()
        found = waiting.result()
        service.projecting.stop()
    for read, answer in found.items():
        assert answer.status_code == 200, read
        assert "former" not in answer.text


class LogUntil:
    """The log as it was when it ended at a position."""

    def __init__(self, history: History, position: int) -> None:
        self._history = history
        self._position = position
        self.of_document = history.of_document
        self.streams = history.streams

    def after(self, position: int, limit: int) -> list[RecordedEvent]:
        events = self._history.after(position, limit)
        return [recorded for recorded in events if recorded.position <= self._position]

    def last_position(self) -> int:
        return self._position


def project_until(service: Service, position: int) -> None:
    """Have a projector apply the log up to this position and no further."""
    log = LogUntil(service.history, position)
    Projector(lambda: psycopg.connect(service.database_url), log).run_until(position)


def test_rows_of_a_former_life_under_the_row_of_the_next_are_not_shown(service: Service) -> None:
    """The projector writes what a deleted document had beside the row that is there again."""
    document_id = service.new_id()
    with service.projecting.paused():
        live(service, document_id, "former")
        end = delete(service, document_id)
        live(service, document_id, "next")
        project_until(service, end - 1)
        assert service.execute(
            "SELECT count(*) FROM stage_output_files WHERE document_id = %s", document_id
        ) == [(1,)]
        answers = read_all(service, document_id)
        assert {answer.status_code for answer in answers.values()} == {503}
        realm = f"{document_id}-next"
        assert listed(service, realm) == []
        assert listed(service, realm, stage=CONVERSION, status="completed") == []
    whole = service.client.get(f"/v1/documents/{document_id}").json()
    assert "former" not in str(whole)
    assert [file["checksum"] for file in whole["outputFiles"]] != []


FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"stage": CONVERSION},
    {"status": "pending"},
    {"stage": CONVERSION, "status": "pending"},
    {"q": "unseen"},
    {"q": "unseen", "status": "pending"},
)


def listed(service: Service, realm: str, **filters: Any) -> list[dict[str, Any]]:
    answer = service.client.get("/v1/documents", params={"realmId": realm, **filters})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_lists_leave_out_what_the_tables_do_not_have_yet(service: Service) -> None:
    realm = service.new_id()
    shown = service.register(realmId=realm, title="unseen but projected")
    former = service.register(realmId=realm, title="unseen former")["id"]
    service.read("/v1/documents", service.client.get(f"/v1/documents/{former}/next-stage"))
    with service.projecting.paused():
        delete(service, former)
        service.register(id=former, realmId=realm, title="unseen next")
        new = [service.register(realmId=realm, title=f"unseen {n}")["id"] for n in range(5)]
        unknown = service.new_id()
        service.execute(
            "INSERT INTO documents (id, title, realm_id, created_at) VALUES (%s, %s, %s, now())",
            *(unknown, "unseen by the log", realm),
        )
        for filters in FILTERS:
            expected = {shown["id"]}
            if not {"stage", "status"} & filters.keys():
                expected.add(unknown)  # of which the log knows nothing, so nothing is awaited
            found = listed(service, realm, **filters)
            assert {item["id"] for item in found} == expected, filters
        rows = {item["id"]: item for item in listed(service, realm)}
        assert (rows[unknown]["stages"], rows[unknown]["version"]) == ([], 0)
    until(lambda: len(listed(service, realm)) == 8)
    whole = {item["id"]: item for item in listed(service, realm)}
    assert whole.keys() == {shown["id"], former, unknown, *new}
    assert all(len(item["stages"]) == 5 for key, item in whole.items() if key != unknown)
    assert whole[former]["title"] == "unseen next"


def test_a_parked_document_is_marked_in_lists_and_only_it(service: Service) -> None:
    realm = service.new_id()
    parked, other = (service.register(realmId=realm)["id"] for _ in range(2))
    last = service.client.get(f"/v1/documents/{other}/next-stage")
    service.read("/v1/documents", last)
    park(service, parked, 7)
    marks = {item["id"]: item.get("parked", "none") for item in listed(service, realm)}
    assert marks == {parked: {"position": 7}, other: "none"}


def park(service: Service, document_id: str, position: int) -> None:
    service.execute(
        "UPDATE document_streams SET parked_at = now(), parked_position = %s, parked_error = 'x' "
        "WHERE document_id = %s",
        *(position, document_id),
    )


def test_a_document_that_is_parked_in_a_former_life_shows_nothing_of_it(service: Service) -> None:
    document_id = again(service)
    park(service, document_id, 7)
    delete(service, document_id)
    answer = service.client.post(
        "/v1/documents",
        json={"id": document_id, "title": "next", "content": "next", "realmId": document_id},
    )
    service.read("/v1/documents", answer)

    (item,) = listed(service, document_id)
    assert (item["title"], item["processingWorkflow"], item["stages"]) == ("next", None, [])
    assert item["parked"] == {"position": 7}
    refused = service.client.get(f"/v1/documents/{document_id}")
    assert refused.json()["type"] == "urn:docledger:problem:document-parked"


def test_a_row_that_another_application_replaced_shows_nothing_of_the_former(
    service: Service,
) -> None:
    document_id = again(service)
    service.execute("DELETE FROM documents WHERE id = %s", document_id)
    service.execute("INSERT INTO documents (id, title) VALUES (%s, 'next')", document_id)

    whole = service.client.get(f"/v1/documents/{document_id}")
    assert "former" not in whole.text
    assert (whole.json()["version"], whole.json()["stages"]) == (0, [])
    for read in ("original", f"{FILES}/d.md", f"{FILES}/d.md?version=1"):
        assert service.client.get(f"/v1/documents/{document_id}/{read}").status_code == 404, read


@contextmanager
def tree_projector(service: Service) -> Iterator[TreeProjector]:
    tree = UploadsTree(service.storage, service.ports.blobs)  # type: ignore[arg-type]
    projector = TreeProjector(lambda: psycopg.connect(service.database_url, autocommit=True), tree)
    try:
        yield projector
    finally:
        projector.close()


def follow(projector: TreeProjector) -> None:
    while (step := projector.step()) is None or step.has_more:
        pass


def test_a_file_that_the_uploads_tree_has_yet_to_remove_is_not_taken_in(
    own_service: Service,
) -> None:
    service = own_service
    document_id = again(service)
    with tree_projector(service) as projector:
        follow(projector)
        listed_path = f"documents/{document_id}/stages/{CONVERSION}/d.md"
        assert Path(service.storage, listed_path).read_text() == "# former"
        delete(service, document_id)
        service.register(id=document_id, title="next", content="next")
        path = f"/v1/documents/{document_id}/{FILES}"
        report = {"outputFiles": [{"filePath": listed_path}]}

        assert service.client.post(path, json={"filePath": listed_path}).status_code == 503
        assert service.report(document_id, CONVERSION, "completed", **report).status_code == 503

        service.read("/v1/documents", service.client.get(f"/v1/documents/{document_id}/next-stage"))
        follow(projector)
        refused = service.client.post(path, json={"filePath": listed_path})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "filePath")
