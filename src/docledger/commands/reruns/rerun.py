"""Has workers make outputs again, a bounded number of documents at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

from docledger.overview import DocumentProgress
from domain.commands import Context, RerunStage
from domain.decisions.files import Contents, contents
from domain.document_workflow import DocumentWorkflow, StageState
from domain.errors import DocumentNotFound, Refused
from domain.values import StageStatus

_UNDER_WAY = 64  # little enough that other documents are not kept waiting for long
_FIRST_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 1.0
_MOST_ERRORS = 1000
_STOPPED = ("paused", "cancelled", "deleted")


class Committed(Protocol):
    """What a command made."""

    @property
    def state(self) -> DocumentWorkflow: ...


@dataclass(frozen=True)
class Parts:
    """What a re-run needs of the rest: the log, and how documents stand.

    `check` raises what keeps documents from being worked on at all.
    """

    submit: Callable[[RerunStage], Future[Any]]
    load: Callable[[str], Committed]
    context: Callable[[], Context]
    standings: Callable[[Sequence[str]], list[DocumentProgress]]
    check: Callable[[], None]


@dataclass
class Tally:
    """How many documents came to which end; `errors` holds the first thousand.

    `matched` had an output of the executor. `done` have a new one, and all downstream of it;
    `unchanged` of them have an equal one, so that nothing downstream ran; `made_by` counts them by
    executor. `failed` ones keep the old output, or what is downstream of the new one failed.
    `refused` counts the others by reason.
    """

    matched: int = 0
    done: int = 0
    unchanged: int = 0
    failed: int = 0
    made_by: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[str, str]] = field(default_factory=list)

    @property
    def over(self) -> int:
        """How many documents are done with."""
        return self.done + self.failed + self.refused.total()

    def fail(self, document_id: str, why: str) -> None:
        """Count a document that failed."""
        self.failed += 1
        self._note(document_id, why)

    def refuse(self, document_id: str, why: str) -> None:
        """Count a document that was left as it was."""
        self.refused[why] += 1
        self._note(document_id, why)

    def _note(self, document_id: str, why: str) -> None:
        if len(self.errors) < _MOST_ERRORS:
            self.errors.append((document_id, why))


class Rerun:
    """One re-run of a stage for the outputs that `executor` made.

    What it asks for is in the log, so a run that is killed leaves nothing half done: the next one
    goes on with the documents that still have such an output.
    """

    def __init__(
        self, parts: Parts, stage_name: str, executor: str, on_progress: Callable[[Tally], None]
    ) -> None:
        self.tally = Tally()
        self._parts = parts
        self._stage_name = stage_name
        self._executor = executor
        self._on_progress = on_progress
        self._under_way: dict[str, Contents] = {}

    def run(self, document_ids: Iterable[str]) -> Tally:
        """Have the documents' outputs made again, and wait until all of it is over."""
        waiting = iter(document_ids)
        poll_seconds = _FIRST_POLL_SECONDS
        while True:
            self._ask(islice(waiting, _UNDER_WAY - len(self._under_way)))
            if not self._under_way:
                return self.tally
            over = self.tally.over
            self._look()
            self._on_progress(self.tally)
            poll_seconds = _FIRST_POLL_SECONDS if self.tally.over > over else poll_seconds * 1.5
            if self._under_way:
                self._parts.check()
                time.sleep(poll_seconds := min(poll_seconds, _LONGEST_POLL_SECONDS))

    def _ask(self, document_ids: Iterable[str]) -> None:
        answers = [(i, self._parts.submit(self._command(i))) for i in document_ids]
        self.tally.matched += len(answers)
        for document_id, answer in answers:
            try:
                state: DocumentWorkflow = answer.result().state
            except Refused as refusal:
                self.tally.refuse(document_id, str(refusal))
            else:
                self._under_way[document_id] = contents(state.stages[self._stage_name].files)

    def _command(self, document_id: str) -> RerunStage:
        return RerunStage(
            document_id=document_id,
            context=self._parts.context(),
            stage_name=self._stage_name,
            executor=self._executor,
        )

    def _look(self) -> None:
        for standing in self._parts.standings(list(self._under_way)):
            if self._may_be_over(standing):
                self._settle(standing)

    def _may_be_over(self, standing: DocumentProgress) -> bool:
        """Tell whether the log is worth asking; the read models may be behind it."""
        if standing.running_stage:
            return False
        if standing.workflow_status in _STOPPED or standing.missing_executor is not None:
            return True
        return dict(standing.stages).get(self._stage_name) != "pending"

    def _settle(self, standing: DocumentProgress) -> None:
        document_id = standing.document_id
        try:
            state = self._parts.load(document_id).state
        except DocumentNotFound:
            del self._under_way[document_id]
            self.tally.refuse(document_id, "The document was deleted.")
            return
        runs = any(stage.status is StageStatus.IN_PROGRESS for stage in state.stages.values())
        if runs or (state.runnable_stages() and standing.missing_executor is None):
            return
        self._count(state, self._under_way.pop(document_id), standing.missing_executor)

    def _count(
        self, state: DocumentWorkflow, before: Contents, missing_executor: str | None
    ) -> None:
        stage = state.stages[self._stage_name]
        is_equal = contents(stage.files) == before
        if (failed := _failed(state, stage, is_equal=is_equal)) is not None:
            self.tally.fail(state.id, f"Stage '{failed}' failed.")
        elif missing_executor is not None:
            self.tally.fail(state.id, f"Stage '{missing_executor}' has no executor here.")
        elif stage.status is not StageStatus.COMPLETED:
            self.tally.refuse(state.id, f"The workflow is {state.workflow_status}.")
        else:
            self.tally.done += 1
            self.tally.unchanged += is_equal
            self.tally.made_by[stage.executor or "unknown"] += 1


def _failed(state: DocumentWorkflow, stage: StageState, *, is_equal: bool) -> str | None:
    """Return the name of a stage that failed in the re-run, None if none did."""
    ran = [stage] if is_equal else list(state.stages.values())
    return next((s.name for s in ran if s.status is StageStatus.FAILED), None)
