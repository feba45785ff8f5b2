"""The commands of a campaign: each as it goes over HTTP, and what it does to the model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from unit.domain.reference_model import FIVE, DocumentModel

FILE_NAME = "out.md"
FILE_TYPE = "f"
EXECUTED = 202
OPTIONAL = "markdown-optimizer"


@dataclass
class Known:
    """A document as the model has it, with what only HTTP shows: contents, events, times."""

    document_id: str
    model: DocumentModel = field(default_factory=DocumentModel)
    title: str = ""
    realm_id: str | None = None
    version: int = 0
    position: int = 0
    staged: dict[str, int] = field(default_factory=dict)
    contents: dict[tuple[str, int], bytes] = field(default_factory=dict)
    """Each file version that was ever current in this life, and ones that are staged."""
    shown: set[tuple[str, int]] = field(default_factory=set)
    lives: int = 0


@dataclass(frozen=True)
class Sent:
    """A command as it goes over HTTP, and what it does to the model."""

    name: str
    send: Callable[[httpx.Client], httpx.Response]
    apply: Callable[[DocumentModel], None]
    accepted: int
    content: bytes | None = None
    stage: str | None = None
    title: str = ""
    realm_id: str | None = None


class Commands:
    """Draws commands for a document: three of four such that the model would accept them."""

    def __init__(self, chance: Random, *, deletes: bool) -> None:
        self._chance = chance
        self._deletes = deletes

    def draw(self, known: Known) -> Sent:
        """Return the next command."""
        if not known.model.exists and self._chance.random() < 0.8:
            return self.register(known)
        if known.model.exists and self._chance.random() < 0.75:
            return self._fitting(known)
        kinds = [self.report] * 12 + [self.upload] * 4 + [self.execute] * 3 + [self.order] * 3
        kinds += [self.start_again, self.register]
        return self._chance.choice(kinds)(known)

    def _fitting(self, known: Known) -> Sent:
        model = known.model
        if self._deletes and self._chance.random() < 0.04:
            return self.delete(known)
        if model.halted == "paused" and self._chance.random() < 0.5:
            return self.order(known, "resume")
        if model.halted == "cancelled" or model.status == "completed":
            if model.halted or self._chance.random() < 0.4:
                return self.start_again(known)
            return self._chance.choice([self.execute, self.upload, self._again])(known)
        if self._chance.random() < 0.06:
            return self.order(known, self._chance.choice(["pause", "cancel"]))
        if model.status == "failed" and self._chance.random() < 0.5:
            return self._again(known)
        kinds = [self.report] * 6 + [self.upload] * 3 + [self.execute]
        return self._chance.choice(kinds)(known)

    def _again(self, known: Known) -> Sent:
        """Retry what failed, or re-run what was completed."""
        stages = known.model.stages
        failed = [name for name, stage in stages.items() if stage.status == "failed"]
        over = [name for name, stage in stages.items() if stage.status == "completed"]
        stage = self._chance.choice(failed or over or list(stages))
        return self.report(known, "pending", stage)

    def register(self, known: Known) -> Sent:
        skips = self._chance.choice([[], [], ["markdown-optimizer"], ["chunker"]])
        fields: dict[str, Any] = {
            "id": known.document_id,
            "title": f"Title {self._chance.randrange(1000)}",
            "workflowType": self._chance.choice(["manual", "automatic"]),
        }
        configuration = {"skipStages": skips, "retries": self._chance.randrange(3)}
        if realm := self._chance.choice([None, "realm-a", "realm-b"]):
            fields["realmId"] = realm

        def told(model: DocumentModel) -> None:
            automatic = fields["workflowType"] == "automatic"
            retries = configuration["retries"]
            model.register(
                FIVE, automatic=automatic, retries=int(str(retries)), skips=frozenset(skips)
            )

        if self._chance.random() < 0.5:
            body = {**fields, "content": "# Text", "configuration": configuration}

            def send(http: httpx.Client) -> httpx.Response:
                return http.post("/documents", json=body)
        else:
            form = {**fields, "configuration": json.dumps(configuration)}

            def send(http: httpx.Client) -> httpx.Response:
                files = {"file": ("paper.md", b"# Text", "text/markdown")}
                return http.post("/documents", data=form, files=files)

        return Sent("register", send, told, 201, title=fields["title"], realm_id=realm)

    def start_again(self, known: Known) -> Sent:
        automatic = self._chance.random() < 0.5
        body = {"workflowType": "automatic" if automatic else "manual"}
        return Sent(
            "start again",
            lambda http: http.post(f"/documents/{known.document_id}/workflow", json=body),
            lambda m: m.start_again(FIVE, automatic=automatic, retries=3, skips=frozenset()),
            201,
        )

    def delete(self, known: Known) -> Sent:
        path = f"/documents/{known.document_id}"
        return Sent("delete", lambda http: http.delete(path), DocumentModel.delete, 204)

    def order(self, known: Known, order: str | None = None) -> Sent:
        order = order or self._chance.choice(["pause", "resume", "resume", "cancel"])
        path = f"/documents/{known.document_id}/workflow/{order}"
        return Sent(order, lambda http: http.post(path), lambda m: getattr(m, order)(), 200)

    def _stage(self, known: Known) -> str:
        names = list(known.model.stages or FIVE.waits_for)
        startable = known.model.next_available()
        if startable is not None and self._chance.random() < 0.7:
            return startable
        running = [n for n, s in known.model.stages.items() if s.status == "in_progress"]
        if running and self._chance.random() < 0.5:
            return running[0]
        return self._chance.choice([*names, "printer"])

    def report(self, known: Known, status: str | None = None, stage: str | None = None) -> Sent:
        stage = stage or self._stage(known)
        status = status or self._chance.choice(
            ["in_progress"] * 3 + ["completed"] * 6 + ["failed", "skipped", "pending"]
        )
        attempt = None
        if self._chance.random() < 0.2 and stage in known.model.stages:
            attempt = max(1, known.model.stages[stage].attempt + self._chance.choice([-1, 0, 0, 1]))
        body: dict[str, Any] = {"status": status}
        if attempt is not None:
            body["attempt"] = attempt
        if status == "failed":
            body["errorMessage"] = "said so"
        path = f"/documents/{known.document_id}/stages/{stage}/status"
        changes: Mapping[str, Callable[[DocumentModel], None]] = {
            "in_progress": lambda m: m.start(stage, attempt, None),
            "completed": lambda m: m.complete(stage, attempt, None, {}, go_on=False),
            "failed": lambda m: m.fail(stage, attempt, None, retryable=False, spends=True),
            "skipped": lambda m: m.skip(stage, attempt),
            "pending": lambda m: m.reset(stage, attempt),
        }
        return Sent(
            f"report {stage} {status} {attempt}",
            lambda http: http.put(path, json=body),
            changes[status],
            200,
        )

    def execute(self, known: Known) -> Sent:
        stage = self._stage(known)
        path = f"/documents/{known.document_id}/stages/{stage}/execute"
        return Sent(
            f"execute {stage}",
            lambda http: http.post(path),
            lambda m: m.request(stage, None),
            202,
        )

    def upload(self, known: Known) -> Sent:
        stage = self._stage(known)
        content = b"content %d" % self._chance.randrange(4)
        path = f"/documents/{known.document_id}/stages/{stage}/files"
        query = {"fileName": FILE_NAME, "fileType": FILE_TYPE}
        mark = hashlib.sha256(content).hexdigest()
        return Sent(
            f"upload to {stage}",
            lambda http: http.post(
                path, params=query, content=content, headers={"content-type": "text/markdown"}
            ),
            lambda m: m.register_file(stage, None, FILE_TYPE, mark),
            201,
            content,
            stage,
        )
