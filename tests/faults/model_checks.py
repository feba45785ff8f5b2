"""What of a campaign can be read, held against the model: answers, lists, tables."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg

from e2e.truth import pages
from faults.model_commands import FILE_NAME, FILE_TYPE, Known
from unit.domain.reference_model import DocumentModel

_TABLES = """
    SELECT s.document_id, s.stage_name, s.status, s.attempt, s.retry_count, f.checksum
    FROM documents_processing_stages s LEFT JOIN stage_output_files f
        ON f.document_id = s.document_id AND f.stage_name = s.stage_name
"""
_WORKFLOWS = """
    SELECT DISTINCT ON (document_id) document_id, status, completed_stages, current_stage
    FROM processing_workflows ORDER BY document_id, created_at DESC, id DESC
"""


@dataclass
class Told:
    """What came of a campaign."""

    seed: int
    commands: int = 0
    by_status: Counter[int] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    verify: Any = None
    seconds: float = 0.0


class Checker:
    """Reads as one client does and notes each difference."""

    def __init__(self, http: httpx.Client, told: Told) -> None:
        self._http = http
        self._told = told

    def differ(self, known: Known, what: str, answer: httpx.Response | None = None) -> None:
        """Note a difference."""
        said = "" if answer is None else f" {answer.text[:300]}"
        self._told.differences.append(f"{known.document_id} (life {known.lives}): {what}{said}")

    def check(self, known: Known) -> None:
        """Hold everything about a document against the model."""
        if known.model.exists:
            self._check_document(known)
            self._check_files(known)
        else:
            self._check_absent(known)
        self._check_history(known)

    def _get(self, known: Known, path: str, **params: Any) -> httpx.Response:
        headers = {"Docledger-Min-Position": str(known.position)}
        url = f"/documents/{known.document_id}{path}"
        return self._http.get(url, params=params, headers=headers)

    def _check_absent(self, known: Known) -> None:
        answer = self._get(known, "")
        if answer.status_code != 404:
            self.differ(known, f"GET of a deleted document: {answer.status_code}", answer)

    def _check_document(self, known: Known) -> None:
        answer = self._get(known, "")
        if answer.status_code != 200:
            self.differ(known, f"GET: {answer.status_code}", answer)
            return
        found = answer.json()
        self.compare(known, "GET", found)
        self.same(known, "version", found["version"], known.version)
        self.same(known, "ETag", answer.headers["etag"], f'"{known.version}"')
        files = {f["stageName"]: f["checksum"] for f in found["outputFiles"]}
        self.same(known, "outputFiles", files, current_files(known.model))
        stages = self._get(known, "/stages").json()["items"]
        self.same(known, "/stages", stages, found["stages"])
        workflow = self._get(known, "/workflow").json()
        self.same(known, "/workflow", workflow, found["processingWorkflow"])
        listed = self._get(known, "/files").json()["items"]
        self.same(known, "/files", listed, found["outputFiles"])
        following = self._get(known, "/next-stage").json()["stageName"]
        self.same(known, "next-stage", following, known.model.next_available())

    def compare(self, known: Known, where: str, found: Mapping[str, Any]) -> None:
        """Hold a document as it is shown against the model."""
        model = known.model
        self.same(known, f"{where} title", found["title"], known.title)
        self.same(known, f"{where} realm", found["realmId"], known.realm_id)
        shown = {
            s["stageName"]: (s["status"], s["attempt"], s["retryCount"]) for s in found["stages"]
        }
        expected = {n: (s.status, s.attempt, s.retry_count) for n, s in model.stages.items()}
        self.same(known, f"{where} stages", shown, expected)
        workflow = found["processingWorkflow"] or {}
        ours = tuple(workflow.get(k) for k in ("status", "completedStages", "currentStage"))
        self.same(known, f"{where} workflow", ours, workflow_of(model))

    def _check_files(self, known: Known) -> None:
        for name, stage in known.model.stages.items():
            path = f"/stages/{name}/files/{FILE_NAME}"
            current = self._get(known, path)
            mark = stage.files.get(FILE_TYPE)
            got = hashlib.sha256(current.content).hexdigest() if current.is_success else None
            self.same(known, f"{name}'s file", got, mark)
            newest = known.model.file_versions.get((name, FILE_TYPE), 0)
            for number in range(1, newest + 2):
                answer = self._get(known, path, version=number)
                wanted = known.contents[name, number] if (name, number) in known.shown else None
                content = answer.content if answer.is_success else None
                self.same(known, f"{name}'s file, version {number}", content, wanted)

    def _check_history(self, known: Known) -> None:
        if not known.lives:
            return
        events = pages(self._http, f"/documents/{known.document_id}/history")
        versions = [event["version"] for event in events]
        self.same(known, "history's versions", versions, list(range(1, len(events) + 1)))
        if known.model.exists:
            self.same(known, "history's length", len(events), known.version)
        positions = [event["position"] for event in events]
        self.same(known, "history's order", positions, sorted(set(positions)))
        lives = sum(event["type"] == "DocumentRegistered" for event in events)
        self.same(known, "registrations", lives, known.lives)

    def same(self, known: Known, what: str, found: object, expected: object) -> None:
        """Note what is not the same."""
        if found != expected:
            self.differ(known, f"{what}: {found!r} in place of {expected!r}")

    def check_list(self, documents: Sequence[Known]) -> None:
        """Hold the list of all documents against the model."""
        listed = {item["id"]: item for item in pages(self._http, "/documents")}
        for known in documents:
            item = listed.pop(known.document_id, None)
            if known.model.exists and item is not None:
                self.compare(known, "list", item)
            elif known.model.exists or item is not None:
                self.differ(known, f"list: {'shown' if item else 'left out'}")
        for document_id in listed:
            self.differ(Known(document_id), "list: unknown document")

    def check_tables(self, database_url: str, documents: Sequence[Known]) -> None:
        """Hold the tables against the model."""
        with psycopg.connect(database_url) as connection:
            rows = {(i, n): (s, a, r, c) for i, n, s, a, r, c in connection.execute(_TABLES)}
            runs = {i: (s, n, c) for i, s, n, c in connection.execute(_WORKFLOWS)}
        for known in documents:
            found = {n: row for (i, n), row in rows.items() if i == known.document_id}
            stages = known.model.stages if known.model.exists else {}
            expected = {
                name: (s.status, s.attempt, s.retry_count, s.files.get(FILE_TYPE))
                for name, s in stages.items()
            }
            self.same(known, "stage rows", found, expected)
            run = workflow_of(known.model) if stages else None
            self.same(known, "workflow row", runs.get(known.document_id), run)


def current_files(model: DocumentModel) -> dict[str, str]:
    """Return the checksum of each stage's current file."""
    return {name: stage.files[FILE_TYPE] for name, stage in model.stages.items() if stage.files}


def workflow_of(model: DocumentModel) -> tuple[str, int, str]:
    """Return status, completed stages and current stage."""
    settled = [name for name, s in model.stages.items() if s.status in ("completed", "skipped")]
    current = next((name for name in model.stages if name not in settled), "completed")
    return model.status, len(settled), current
