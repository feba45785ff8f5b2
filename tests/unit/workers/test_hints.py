"""Which events have a worker look at a document."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from workers.hints import UNREADABLE, Fact, Hint, hints

LATER = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class Story:
    """Facts of documents, versions counted by document."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self._versions: dict[str, int] = {}

    def tell(self, topic: str, *, document_id: str = "a", **fields: Any) -> Story:
        version = self._versions[document_id] = self._versions.get(document_id, 0) + 1
        self.facts.append(Fact(document_id, version, topic, fields))
        return self

    def hints(self) -> list[tuple[str, int, datetime | None]]:
        return [(h.document_id, h.version, h.not_before) for h in hints(self.facts)]


def registered(story: Story, workflow_type: str, document_id: str = "a") -> Story:
    return story.tell("DocumentRegistered", document_id=document_id).tell(
        "WorkflowStarted", document_id=document_id, workflow_type=workflow_type
    )


def test_an_automatic_workflow_asks_for_a_worker() -> None:
    assert registered(Story(), "automatic").hints() == [("a", 2, None)]


def test_a_manual_workflow_waits_to_be_told() -> None:
    story = registered(Story(), "manual")
    assert story.hints() == []
    assert story.tell("StageRequested", stage_name="convert").hints() == [("a", 3, None)]


def test_a_worker_that_has_the_document_is_not_asked_again() -> None:
    story = registered(Story(), "automatic").tell(
        "StageStarted", stage_name="convert", lease_id="x"
    )
    assert story.hints() == []


def test_a_stage_started_from_outside_leaves_the_rest_to_workers() -> None:
    story = registered(Story(), "automatic").tell("StageStarted", stage_name="convert")
    assert story.hints() == [("a", 2, None)]


def test_a_completion_asks_unless_the_next_stage_is_started_with_it() -> None:
    story = Story().tell("StageCompleted", stage_name="convert")
    assert story.hints() == [("a", 1, None)]
    assert story.tell("StageStarted", stage_name="chunk", lease_id="x").hints() == []


def test_a_request_survives_the_start_of_another_stage() -> None:
    story = Story().tell("StageRequested", stage_name="chunk")
    story.tell("StageStarted", stage_name="optimize", lease_id="x")
    assert story.hints() == [("a", 1, None)]


def test_a_retry_is_asked_for_when_it_is_due() -> None:
    story = Story().tell("StageFailed", stage_name="convert")
    story.tell("StageRetried", stage_name="convert", retry_at=LATER.isoformat())
    assert story.hints() == [("a", 2, LATER)]


def test_what_may_run_now_and_what_is_due_later_are_asked_for_apart() -> None:
    story = Story().tell("StageRetried", stage_name="convert", retry_at=LATER.isoformat())
    story.tell("StageRequested", stage_name="other").tell("StageRequested", stage_name="third")
    later = LATER + timedelta(seconds=1)
    story.tell("StageRetried", stage_name="fourth", retry_at=later.isoformat())
    assert sorted(story.hints(), key=lambda hint: hint[1]) == [
        ("a", 1, LATER),
        ("a", 3, None),
        ("a", 4, later),
    ]


def test_nothing_is_asked_for_a_workflow_that_is_paused_over_or_gone() -> None:
    for end in ("WorkflowPaused", "WorkflowCancelled", "WorkflowCompleted", "DocumentDeleted"):
        story = registered(Story(), "automatic").tell("StageRequested", stage_name="convert")
        assert story.tell(end).hints() == []


def test_resuming_asks_again() -> None:
    story = registered(Story(), "manual").tell("WorkflowPaused").tell("WorkflowResumed")
    assert story.hints() == [("a", 4, None)]


def test_a_stage_made_pending_again_asks() -> None:
    assert Story().tell("StageReset", stage_name="convert").hints() == [("a", 1, None)]


def test_a_new_run_forgets_what_the_old_one_asked_for() -> None:
    story = Story().tell("StageRequested", stage_name="convert")
    story.tell("WorkflowStarted", workflow_type="manual")
    assert story.hints() == []


def test_an_event_that_cannot_be_read_asks_for_a_look() -> None:
    assert Story().tell(UNREADABLE).hints() == [("a", 1, None)]


def test_documents_are_told_apart_and_asked_for_once() -> None:
    story = Story()
    for document_id in ("a", "b"):
        registered(story, "automatic", document_id)
        story.tell("StageRequested", document_id=document_id, stage_name="convert")
    assert story.hints() == [("a", 3, None), ("b", 3, None)]


def test_a_hint_carries_the_request_that_led_to_it() -> None:
    fields = {"stage_name": "convert", "command_id": "c", "correlation_id": "r"}
    assert hints([Fact("a", 1, "StageRequested", fields)]) == [Hint("a", 1, None, "c", "r")]


def test_a_command_that_belongs_to_no_other_request_is_the_request() -> None:
    fields = {"stage_name": "convert", "command_id": "c"}
    assert hints([Fact("a", 1, "StageRequested", fields)]) == [Hint("a", 1, None, "c", "c")]
