"""The dispatcher's rule: which documents a worker should look at after these events.

A hint is no order. The worker asks the aggregate what may run, so a hint too many costs a look
and a hint too few would cost a document; where events alone cannot tell, there is a hint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.json_types import JsonMapping
from domain.values import WorkflowStatus, WorkflowType


@dataclass(frozen=True, slots=True)
class Fact:
    """What the rule needs of an event; the topic is UNREADABLE for one that cannot be read."""

    document_id: str
    version: int
    topic: str
    fields: JsonMapping


@dataclass(frozen=True, slots=True)
class Hint:
    """A worker should look at the document, not before `not_before`.

    `version` is that of the event that asks for it, `causation_id` and `correlation_id` come from
    there. With `stage_name`, only a worker that has this stage's executor should.
    """

    document_id: str
    version: int
    not_before: datetime | None = None
    causation_id: str | None = None
    correlation_id: str | None = None
    stage_name: str | None = None


UNREADABLE = "?"
"""The topic that stands for an event of which nothing is known but its document."""

_ANY_STAGE = ""
"""Stands for whatever stage may start next."""


@dataclass(slots=True)
class _Wants:
    """What one document wants of workers: hints by stage."""

    by_stage: dict[str, Hint] = field(default_factory=dict)

    def add(self, stage: str, fact: Fact, not_before: datetime | None = None) -> None:
        command_id = fact.fields.get("command_id")
        self.by_stage[stage] = Hint(
            fact.document_id,
            fact.version,
            not_before,
            causation_id=command_id,
            # an event that names no other request is of the one that its command was
            correlation_id=fact.fields.get("correlation_id") or command_id,
        )

    def drop(self, stage: str) -> None:
        self.by_stage.pop(stage, None)

    def hints(self) -> list[Hint]:
        """Return one hint for all that may be looked at now, and one for each later time."""
        later = {h.not_before: h for h in self.by_stage.values() if h.not_before is not None}
        now = [h for h in self.by_stage.values() if h.not_before is None]
        newest = [max(now, key=lambda hint: hint.version)] if now else []
        return [*newest, *later.values()]


def hints(facts: Iterable[Fact]) -> list[Hint]:
    """Return the hints that these events, in log order, lead to."""
    documents: dict[str, _Wants] = {}
    for fact in facts:
        if (rule := _RULES.get(fact.topic)) is not None:
            rule(documents.setdefault(fact.document_id, _Wants()), fact)
    return [hint for wants in documents.values() for hint in wants.hints()]


def _workflow_started(wants: _Wants, fact: Fact) -> None:
    wants.by_stage.clear()
    if fact.fields["workflow_type"] == WorkflowType.AUTOMATIC:
        wants.add(_ANY_STAGE, fact)


def _nothing_more(wants: _Wants, _fact: Fact) -> None:
    wants.by_stage.clear()


def _workflow_imported(wants: _Wants, fact: Fact) -> None:
    if fact.fields["status"] != WorkflowStatus.RUNNING:
        wants.by_stage.clear()


def _anything(wants: _Wants, fact: Fact) -> None:
    wants.add(_ANY_STAGE, fact)


def _stage_requested(wants: _Wants, fact: Fact) -> None:
    wants.add(fact.fields["stage_name"], fact)


def _stage_started(wants: _Wants, fact: Fact) -> None:
    wants.drop(fact.fields["stage_name"])
    if fact.fields.get("lease_id") is not None:
        # A worker has the document and goes on with whatever may start next.
        wants.drop(_ANY_STAGE)


def _stage_failed(wants: _Wants, fact: Fact) -> None:
    wants.drop(fact.fields["stage_name"])


def _stage_settled(wants: _Wants, fact: Fact) -> None:
    wants.drop(fact.fields["stage_name"])
    wants.add(_ANY_STAGE, fact)


def _stage_retried(wants: _Wants, fact: Fact) -> None:
    retry_at = fact.fields.get("retry_at")
    not_before = None if retry_at is None else datetime.fromisoformat(retry_at)
    wants.add(fact.fields["stage_name"], fact, not_before)


_RULES: Mapping[str, Callable[[_Wants, Fact], None]] = {
    "WorkflowStarted": _workflow_started,
    "WorkflowPaused": _nothing_more,
    "WorkflowResumed": _anything,
    "WorkflowCancelled": _nothing_more,
    "WorkflowCompleted": _nothing_more,
    "DocumentDeleted": _nothing_more,
    "ImportUndone": _nothing_more,
    "WorkflowStateImported": _workflow_imported,
    "StageRequested": _stage_requested,
    "StageRerunRequested": _stage_requested,
    "StageStarted": _stage_started,
    "StageCompleted": _stage_settled,
    "StageFailed": _stage_failed,
    "StageSkipped": _stage_settled,
    "StageRetried": _stage_retried,
    "StageReset": _anything,
    UNREADABLE: _anything,
}

RELEVANT_TOPICS: tuple[str, ...] = tuple(_RULES)
"""The topics whose events the rule looks at."""
