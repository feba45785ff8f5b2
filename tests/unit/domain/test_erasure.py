"""Events whose personal part was erased still evolve, and say no more than they may."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from domain import events
from domain.document_workflow import DocumentWorkflow, evolve
from domain.events import EVENT_TYPES, Event
from domain.values import StageStatus, WorkflowStatus
from unit.domain import vocabulary as v
from unit.domain.given import BEGINNING, Fact, context_at, fact, given
from unit.domain.vocabulary import CHUNKER, CONVERSION, OPTIMIZER

SAID = {"error_message": "Ada's page is torn", "metadata": {"author": "Ada"}}
NAMED = v.output("notes", file_name="ada.txt", outside_metadata={"author": "Ada"})
LIFE: Sequence[Fact] = [
    v.registered(personal={"title": "Ada", "file_name": "ada.pdf"}),
    v.begun(),
    v.started(CONVERSION, personal=SAID),
    v.failed(CONVERSION, personal=SAID),
    v.retried(CONVERSION, 2),
    v.started(CONVERSION, 2, personal=SAID),
    v.file_registered(CONVERSION, NAMED, attempt=2),
    v.file_registered(CONVERSION, v.output("markdown", suffix=".md"), attempt=2),
    v.completed(CONVERSION, 2, personal=SAID),
    v.skipped(OPTIMIZER, personal=SAID),
    fact(events.DocumentChanged, personal={"title": "Ada, again"}),
    fact(
        events.StageStateImported,
        stage_name=CHUNKER,
        attempt=1,
        status=StageStatus.FAILED,
        personal=SAID,
    ),
    fact(
        events.OutputFileImported,
        stage_name=CHUNKER,
        attempt=1,
        file_type="chunks_json",
        personal={"file_path": "elsewhere/ada.chunks.json"},
    ),
    fact(
        events.WorkflowStateImported,
        status=WorkflowStatus.FAILED,
        total_stages=5,
        completed_stages=2,
        personal={"configuration": {"author": "Ada"}},
    ),
]


def erased(event: Event) -> Event:
    """Return the event as the log gives it once the document's key is gone."""
    return replace(event, personal=None) if event.personal_type else event


def lived() -> list[Event]:
    """Return the events of the document's life."""
    return [each.as_event(n, context_at(BEGINNING)) for n, each in enumerate(LIFE, start=1)]


def test_every_kind_of_personal_part_is_in_this_life() -> None:
    with_personal = {name for name, kind in EVENT_TYPES.items() if kind.personal_type}
    assert with_personal == {type(e).__name__ for e in lived() if e.personal_type}


def test_the_state_is_the_same_but_for_names() -> None:
    whole = given(LIFE).state
    state = DocumentWorkflow.unborn("doc-1")
    for event in lived():
        state = evolve(state, erased(event))
    assert state.statuses == whole.statuses
    assert state.version == whole.version
    assert state.original_name is None
    assert {f.name for f in state.stages[CONVERSION].files.values()} == {"doc-1.notes", "doc-1.md"}


def test_nothing_personal_is_left_in_it() -> None:
    state = DocumentWorkflow.unborn("doc-1")
    for event in lived():
        state = evolve(state, erased(event))
    assert re.search(r"\bada\b", repr(state).lower()) is None


@pytest.mark.parametrize("upto", range(1, len(LIFE)))
def test_the_document_goes_on_from_any_point_of_its_life(upto: int) -> None:
    document = given([erased(event) for event in lived()[:upto]])
    document = document.when(v.delete()).succeeds().when(v.register()).succeeds()
    document.has_stage(CONVERSION, status=StageStatus.PENDING)
