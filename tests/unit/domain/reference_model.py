"""A second, much smaller telling of what the contract says a document may go through.

It knows no events, derives the workflow's status instead of keeping it, and has the order of
stages written out by hand. Methods change the model or raise `No`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from domain.errors import (
    DocumentExists,
    DocumentNotFound,
    IllegalTransition,
    InvalidValue,
    Refused,
    StaleAttempt,
    UnknownStage,
)
from unit.domain import vocabulary as v
from unit.domain.vocabulary import CHUNKER, CONVERSION, FACTS, INGESTOR, OPTIMIZER, Rows


class No(Exception):
    """The command has to be refused with this error."""

    def __init__(self, error: type[Refused]) -> None:
        super().__init__(error.__name__)
        self.error = error


@dataclass(frozen=True)
class Plan:
    """A pipeline, spelt out: in order, all that each stage waits for."""

    rows: Rows
    waits_for: Mapping[str, tuple[str, ...]]
    may_be_skipped: frozenset[str]


_FIVE = {
    CONVERSION: (),
    OPTIMIZER: (CONVERSION,),
    CHUNKER: (CONVERSION, OPTIMIZER),
    FACTS: (CONVERSION, OPTIMIZER, CHUNKER),
    INGESTOR: (CONVERSION, OPTIMIZER, CHUNKER, FACTS),
}
FIVE = Plan(v.FIVE, _FIVE, frozenset({OPTIMIZER}))
SIX = Plan(
    v.SIX,
    {**_FIVE, "translator": (CONVERSION, OPTIMIZER, CHUNKER)},
    frozenset({OPTIMIZER, "translator"}),
)
BRANCHED = Plan(
    v.BRANCHED_JOINED, {"a": (), "b": ("a",), "c": ("a",), "d": ("a", "b", "c")}, frozenset()
)
OPTIONAL = Plan(v.OPTIONAL_ONLY, {"x": (), "y": ("x",)}, frozenset({"x", "y"}))
PLANS = (FIVE, FIVE, SIX, BRANCHED, OPTIONAL)

_SETTLED = ("completed", "skipped")


@dataclass
class StageModel:
    """One stage; `staged` and `files` map types to what the files say."""

    attempt: int
    status: str = "pending"
    retry_count: int = 0
    spent: int = 0
    asked_for: bool = False
    held: bool = False  # made pending by somebody who has not asked for it to be run
    waits: bool = False
    lease: str | None = None
    staged: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def becomes(self, status: str) -> None:
        """Come to rest in this status."""
        self.status, self.staged, self.lease = status, {}, None
        self.asked_for, self.held, self.waits, self.spent = False, False, False, 0

    def is_reset(self) -> None:
        """Be pending for the next attempt of a re-run."""
        self.becomes("pending")
        self.attempt, self.retry_count = self.attempt + 1, 0


@dataclass
class DocumentModel:
    """A document, its current run, and what outlives runs."""

    exists: bool = False
    run: int = 0
    automatic: bool = False
    retries: int = 3
    halted: str | None = None  # paused or cancelled
    plan: Plan = FIVE
    stages: dict[str, StageModel] = field(default_factory=dict)
    last_attempts: dict[str, int] = field(default_factory=dict)
    file_versions: dict[tuple[str, str], int] = field(default_factory=dict)

    def copy(self) -> DocumentModel:
        """Return a copy that can be changed for itself."""
        stages = {
            name: replace(stage, staged=dict(stage.staged), files=dict(stage.files))
            for name, stage in self.stages.items()
        }
        return replace(
            self,
            stages=stages,
            last_attempts=dict(self.last_attempts),
            file_versions=dict(self.file_versions),
        )

    # What can be asked

    @property
    def status(self) -> str:
        """The workflow's status."""
        if self.halted:
            return self.halted
        statuses = [stage.status for stage in self.stages.values()]
        if "failed" in statuses:
            return "failed"
        return "completed" if all(each in _SETTLED for each in statuses) else "running"

    def may_start(self, name: str) -> bool:
        """Tell whether the stage is pending and nothing that it waits for is open."""
        upstream = self.plan.waits_for[name]
        return self.stages[name].status == "pending" and all(
            self.stages[other].status in _SETTLED for other in upstream
        )

    def next_available(self) -> str | None:
        """Return the first stage that may start."""
        if not self.run or self.halted:
            return None
        return next((name for name in self.stages if self.may_start(name)), None)

    def runnable(self) -> tuple[str, ...]:
        """Return the stages that a worker should run."""
        if not self.run or self.halted:
            return ()
        by_itself = self.automatic and self.status == "running"
        return tuple(
            name
            for name, stage in self.stages.items()
            if self.may_start(name) and (stage.asked_for or (by_itself and not stage.held))
        )

    # The document and its runs

    def register(self, plan: Plan, *, automatic: bool, retries: int, skips: frozenset[str]) -> None:
        if self.exists:
            raise No(DocumentExists)
        self._begin(plan, automatic=automatic, retries=retries, skips=skips)
        self.exists = True

    def delete(self) -> None:
        self._require_document()
        self._remember_attempts()
        self.exists, self.run, self.halted = False, 0, None
        self.stages, self.file_versions = {}, {}

    def start_again(
        self, plan: Plan, *, automatic: bool, retries: int, skips: frozenset[str]
    ) -> None:
        self._require_document()
        if self.status in ("running", "paused") or self._running():
            raise No(IllegalTransition)
        self._begin(plan, automatic=automatic, retries=retries, skips=skips)

    def pause(self) -> None:
        self._require_document()
        if self.status != "running":
            raise No(IllegalTransition)
        self.halted = "paused"

    def resume(self) -> None:
        self._require_document()
        if self.status != "paused":
            raise No(IllegalTransition)
        self.halted = None

    def cancel(self) -> None:
        self._require_document()
        if self.status in ("completed", "cancelled"):
            raise No(IllegalTransition)
        for name in self._running():
            self.stages[name].becomes("failed")
        self.halted = "cancelled"

    # Stages

    def request(self, name: str, attempt: int | None) -> None:
        stage = self._look_at(name, attempt)
        self._require_open()
        if stage.status == "in_progress":
            raise No(IllegalTransition)
        if stage.asked_for and not stage.waits:
            return
        if stage.status != "pending":
            self._make_pending(name)
        if not self.may_start(name):
            raise No(IllegalTransition)
        stage.asked_for, stage.held, stage.waits, stage.spent = True, False, False, 0

    def start(self, name: str, attempt: int | None, lease: str | None) -> None:
        stage = self._look_at(name, attempt)
        if stage.status != "pending":
            raise No(IllegalTransition)
        self._start(name, lease)

    def complete(
        self,
        name: str,
        attempt: int | None,
        lease: str | None,
        files: Mapping[str, str],
        *,
        go_on: bool,
    ) -> None:
        stage = self._running_stage(name, attempt, lease)
        for file_type, content in files.items():
            self._count(name, file_type)
            stage.staged[file_type] = content
        files_now = dict(stage.staged) or stage.files
        changed, stage.files = files_now != stage.files, files_now
        stage.becomes("completed")
        if changed:
            self._reset_downstream(name)
        if go_on and self.automatic and self.status == "running":
            ready = [other for other in self.runnable() if not self.stages[other].waits]
            if ready:
                self._start(ready[0], lease)

    def fail(
        self,
        name: str,
        attempt: int | None,
        lease: str | None,
        *,
        retryable: bool,
        spends: bool,
    ) -> None:
        self._running_stage(name, attempt, lease)
        self._fail(name, retryable=retryable, spends=spends)

    def expire(self, lease: str, *, worker_said_goodbye: bool) -> None:
        self._require_document()
        for name in self._running():
            if self.stages[name].lease == lease:
                self._fail(name, retryable=True, spends=not worker_said_goodbye)

    def skip(self, name: str, attempt: int | None) -> None:
        stage = self._look_at(name, attempt)
        self._require_open(even_paused=True)
        if stage.status != "pending" or name not in self.plan.may_be_skipped:
            raise No(IllegalTransition)
        had_files, stage.files = bool(stage.files), {}
        stage.becomes("skipped")
        if had_files:
            self._reset_downstream(name)

    def reset(self, name: str, attempt: int | None) -> None:
        stage = self._look_at(name, attempt)
        self._require_open(even_paused=True)
        if stage.status in ("pending", "in_progress"):
            raise No(IllegalTransition)
        self._make_pending(name)

    def register_file(self, name: str, attempt: int | None, file_type: str, content: str) -> None:
        stage = self._look_at(name, attempt)
        self._require_open(even_paused=True)
        if stage.status == "completed":
            self._refuse_while_downstream_runs(name)
            changed = stage.files.get(file_type) != content
            stage.files[file_type] = content
            if changed:
                self._reset_downstream(name)
        elif stage.status == "in_progress" or self.may_start(name):
            stage.staged[file_type] = content
        else:
            raise No(IllegalTransition)
        self._count(name, file_type)

    # What they share

    def _begin(self, plan: Plan, *, automatic: bool, retries: int, skips: frozenset[str]) -> None:
        if not skips <= plan.may_be_skipped:
            raise No(InvalidValue)
        self._remember_attempts()
        files = {name: stage.files for name, stage in self.stages.items()}
        self.run, self.plan, self.halted = self.run + 1, plan, None
        self.automatic, self.retries = automatic, retries
        self.stages = {
            name: StageModel(
                attempt=self.last_attempts.get(name, 0) + 1,
                status="skipped" if name in skips else "pending",
                files={} if name in skips else files.get(name, {}),
            )
            for name in plan.waits_for
        }

    def _remember_attempts(self) -> None:
        self.last_attempts |= {name: stage.attempt for name, stage in self.stages.items()}

    def _require_document(self) -> None:
        if not self.exists:
            raise No(DocumentNotFound)

    def _require_open(self, *, even_paused: bool = False) -> None:
        if self.halted == "cancelled" or (self.halted == "paused" and not even_paused):
            raise No(IllegalTransition)

    def _look_at(self, name: str, attempt: int | None) -> StageModel:
        self._require_document()
        if name not in self.stages:
            raise No(UnknownStage)
        stage = self.stages[name]
        if attempt not in (None, stage.attempt):
            raise No(StaleAttempt)
        return stage

    def _running(self) -> list[str]:
        return [name for name, stage in self.stages.items() if stage.status == "in_progress"]

    def _running_stage(self, name: str, attempt: int | None, lease: str | None) -> StageModel:
        stage = self._look_at(name, attempt)
        if stage.status == "pending":
            self._start(name, lease)
        elif stage.status != "in_progress":
            raise No(IllegalTransition)
        elif lease not in (None, stage.lease):
            raise No(StaleAttempt)
        return stage

    def _start(self, name: str, lease: str | None) -> None:
        self._require_open()
        if not self.may_start(name):
            raise No(IllegalTransition)
        stage = self.stages[name]
        stage.status, stage.lease = "in_progress", lease
        stage.held, stage.waits = False, False

    def _fail(self, name: str, *, retryable: bool, spends: bool) -> None:
        stage = self.stages[name]
        if not retryable or (spends and stage.spent >= self.retries):
            stage.becomes("failed")
            return
        stage.status, stage.lease, stage.staged = "pending", None, {}
        stage.attempt, stage.retry_count = stage.attempt + 1, stage.retry_count + 1
        stage.spent, stage.waits = stage.spent + spends, spends

    def _make_pending(self, name: str) -> None:
        stage = self.stages[name]
        if stage.status == "failed":
            stage.status, stage.held = "pending", True
            stage.attempt, stage.retry_count = stage.attempt + 1, stage.retry_count + 1
            return
        self._refuse_while_downstream_runs(name)
        stage.is_reset()
        stage.held = True

    def _downstream(self, name: str) -> list[StageModel]:
        return [
            self.stages[other]
            for other, waits_for in self.plan.waits_for.items()
            if name in waits_for
        ]

    def _refuse_while_downstream_runs(self, name: str) -> None:
        if any(stage.status == "in_progress" for stage in self._downstream(name)):
            raise No(IllegalTransition)

    def _reset_downstream(self, name: str) -> None:
        for stage in self._downstream(name):
            if stage.status in ("completed", "failed"):
                stage.is_reset()

    def _count(self, name: str, file_type: str) -> None:
        key = (name, file_type)
        self.file_versions[key] = self.file_versions.get(key, 0) + 1
