"""What must agree whatever happened: log, fresh fold, tables, API, blobs and the uploads tree."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from domain.events import DocumentRegistered, Event, OutputFileRegistered
from domain.file_names import original_path
from e2e.installation import Installation, wait_for
from eventstore.application import WorkflowApplication
from eventstore.history import History
from integration.projections.comparison import assert_tables_are_the_fold

STAGES = ("markdown-conversion", "markdown-optimizer", "chunker", "fact-generator", "ingestor")
SUFFIXES = (".md", ".opt.md", ".chunks.json", ".facts.json", ".ingestion.json")
FILE_TYPES = ("markdown", "optimized_markdown", "chunks_json", "facts_json", "ingestion_json")

Row = dict[str, Any]


@contextmanager
def history_of(url: str) -> Iterator[History]:
    """Read the log at this address."""
    with closing(WorkflowApplication(url)) as application:
        yield History(application)


def assert_everything_agrees(
    installation: Installation, client: httpx.Client | None = None
) -> list[Event]:
    """Check all of it against all the rest, and return the log; the database has to answer."""
    url = installation.database_url
    wait_for(lambda: _lag(url) == 0, 30, lambda: f"the read models lag by {_lag(url)}")
    with history_of(url) as history:
        events = [recorded.event for recorded in history.after(0, 1_000_000)]
        read = [event for event in events if isinstance(event, Event)]
        assert len(read) == len(events)
        assert_streams_are_whole(read)
        assert_tables_are_the_fold(url, history)
        if client is not None:
            assert_api_shows_the_tables(client, url)
            assert_api_shows_the_log(client, history)
    assert_blobs_are_whole(installation.uploads, read)
    assert_tree_shows_the_tables(installation.uploads, url)
    return read


def _lag(url: str) -> int:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT (SELECT coalesce(max(notification_id), 0) FROM docledger_events)"
            " - min(position) FROM tracking WHERE projection IN ('read_models', 'uploads_tree')"
        ).fetchall()
    return int(rows[0][0])


def assert_streams_are_whole(events: Sequence[Event]) -> None:
    """Check that each document's versions are 1, 2, 3, … and that time never goes back."""
    versions: dict[str, int] = {}
    for event in events:
        assert event.version == versions.get(event.document_id, 0) + 1, event.document_id
        versions[event.document_id] = event.version
    assert [event.at for event in events] == sorted(event.at for event in events)


def assert_api_shows_the_tables(client: httpx.Client, url: str) -> None:
    """Check every document that the API shows against rows read by plain SQL."""
    documents = tables_as_json(url)
    assert {item["id"] for item in pages(client, "/v1/documents")} == documents.keys()
    for document_id, expected in documents.items():
        shown = client.get(f"/v1/documents/{document_id}").json()
        assert {key: shown[key] for key in expected} == expected
        assert (
            client.get(f"/v1/documents/{document_id}/workflow").json()
            == (expected["processingWorkflow"])
        )
        assert pages(client, f"/v1/documents/{document_id}/stages") == expected["stages"]
        assert pages(client, f"/v1/documents/{document_id}/files") == expected["outputFiles"]


def assert_api_shows_the_log(client: httpx.Client, history: History) -> None:
    """Check the whole log, and each document's history, against the log itself."""
    recorded = history.after(0, 1_000_000)
    shown = pages(client, "/v1/events")
    assert [(e["position"], e["documentId"], e["version"]) for e in shown] == [
        (r.position, r.event.document_id, r.event.version) for r in recorded
    ]
    for document_id in {r.event.document_id for r in recorded}:
        own = [event for event in shown if event["documentId"] == document_id]
        assert pages(client, f"/v1/documents/{document_id}/history") == own


def pages(client: httpx.Client, path: str) -> list[Row]:
    """Return the items of every page of a list."""
    items: list[Row] = []
    parameters: dict[str, str] = {"limit": "100"}
    while True:
        answer = client.get(path, params=parameters)
        assert answer.status_code == httpx.codes.OK, answer.text
        page = answer.json()
        items += page["items"]
        if page["nextCursor"] is None:
            return items
        parameters["cursor"] = page["nextCursor"]


def tables_as_json(url: str) -> dict[str, Row]:
    """Return what the requirement's tables say of each document, with keys as the API has them.

    No stage waits for an executor.
    """
    with psycopg.connect(url, row_factory=dict_row, options="-c TimeZone=UTC") as connection:
        found = {
            row["id"]: {**_camel(row), "stages": [], "outputFiles": [], "processingWorkflow": None}
            for row in connection.execute(
                "SELECT id, title, realm_id, content, created_at, updated_at FROM documents"
            )
        }
        for row in connection.execute(
            "SELECT s.* FROM documents_processing_stages s JOIN ("
            " SELECT stage_name, min(execution_order) AS rank FROM stage_dependencies"
            " GROUP BY stage_name) d USING (stage_name) ORDER BY d.rank"
        ):
            found[row["document_id"]]["stages"].append({**_camel(row), "waitingFor": None})
        for row in connection.execute(
            "SELECT f.* FROM stage_output_files f JOIN ("
            " SELECT stage_name, min(execution_order) AS rank FROM stage_dependencies"
            " GROUP BY stage_name) d USING (stage_name) ORDER BY d.rank, f.file_type"
        ):
            found[row["document_id"]]["outputFiles"].append(_camel(row))
        for row in connection.execute("SELECT * FROM processing_workflows ORDER BY length(id), id"):
            workflow = {**_camel(row), "waitingFor": None}
            found[row["document_id"]]["processingWorkflow"] = workflow
    return found


def _camel(row: Row) -> Row:
    return {_camel_name(name): _plain(value) for name, value in row.items()}


def _camel_name(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value


def assert_blobs_are_whole(uploads: Path, events: Sequence[Event]) -> None:
    """Check that each content that the log names is there, byte for byte."""
    for checksum in checksums_of(events):
        path = uploads / "blobs/sha256" / checksum[:2] / checksum[2:4] / checksum
        assert sha256(path) == checksum


def checksums_of(events: Sequence[Event]) -> set[str]:
    """Return the checksum of every content that the log names."""
    named = [e for e in events if isinstance(e, DocumentRegistered | OutputFileRegistered)]
    return {event.checksum for event in named if event.checksum is not None}


def assert_tree_shows_the_tables(uploads: Path, url: str) -> None:
    """Check that the folders of documents hold the current files and originals, and no more."""
    with psycopg.connect(url) as connection:
        wanted: dict[str, str] = dict(
            connection.execute("SELECT file_path, checksum FROM stage_output_files").fetchall()
        )
        originals = connection.execute(
            "SELECT s.document_id, s.original_name, s.original_checksum FROM document_streams s"
            " JOIN documents d ON d.id = s.document_id WHERE s.original_checksum IS NOT NULL"
        ).fetchall()
    wanted |= {original_path(i, name): checksum for i, name, checksum in originals}
    assert files_of(uploads) == wanted


def files_of(uploads: Path) -> dict[str, str]:
    """Return the checksum of every file of the documents' folders, by path."""
    return {
        path.relative_to(uploads).as_posix(): sha256(path)
        for path in (uploads / "documents").rglob("*")
        if path.is_file()
    }


def assert_completed(document: Row, uploads: Path) -> None:
    """Check a document's five stages and its files, in the database and on the disk."""
    assert document["processingWorkflow"]["status"] == "completed"
    assert [(s["stageName"], s["status"]) for s in document["stages"]] == [
        (name, "completed") for name in STAGES
    ]
    files = document["outputFiles"]
    assert [(f["stageName"], f["fileType"]) for f in files] == list(
        zip(STAGES, FILE_TYPES, strict=True)
    )
    wait_for(lambda: all((uploads / file["filePath"]).exists() for file in files), 10)
    for file, suffix in zip(files, SUFFIXES, strict=True):
        folder, name = file["filePath"].rsplit("/", 1)
        assert folder == f"documents/{document['id']}/stages/{file['stageName']}"
        assert name.endswith(suffix)
        content = (uploads / file["filePath"]).read_bytes()
        assert len(content) == file["fileSize"]
        assert hashlib.sha256(content).hexdigest() == file["checksum"]


def sha256(path: Path) -> str:
    """Return the checksum of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
