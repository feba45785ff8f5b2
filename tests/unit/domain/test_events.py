"""What holds of every event: frozen, named for ever, and known to the aggregate."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from domain import events
from domain.document_workflow import DocumentWorkflow, evolve
from domain.events import EVENT_TYPES, Event
from unit.domain import vocabulary as v
from unit.domain.given import BEGINNING, DOCUMENT_ID, context_at, given

HISTORY = v.all_done()


def happened() -> list[Event]:
    """Return the events of a document that went through its five stages."""
    return [each.as_event(n, context_at(BEGINNING)) for n, each in enumerate(HISTORY, start=1)]


def test_the_names_under_which_events_are_stored() -> None:
    assert set(EVENT_TYPES) == {
        "DocumentRegistered",
        "DocumentDeleted",
        "WorkflowStarted",
        "WorkflowPaused",
        "WorkflowResumed",
        "WorkflowCancelled",
        "WorkflowCompleted",
        "StageRequested",
        "StageRerunRequested",
        "StageStarted",
        "StageCompleted",
        "StageFailed",
        "StageSkipped",
        "StageRetried",
        "StageReset",
        "OutputFileRegistered",
        "OutputFileRemoved",
        "DocumentChanged",
        "OriginalStored",
        "DocumentExtracted",
        "ImportUndone",
        "WorkflowStateImported",
        "StageStateImported",
        "OutputFileImported",
    }


def test_every_event_that_is_defined_can_be_stored() -> None:
    bases = {Event, events.StageEvent}
    defined = {
        each
        for each in vars(events).values()
        if isinstance(each, type) and issubclass(each, Event) and each not in bases
    }
    assert defined == set(EVENT_TYPES.values())


def test_events_that_have_a_personal_part_say_of_which_type() -> None:
    for event_type in EVENT_TYPES.values():
        assert ("personal" in event_type.__struct_fields__) == (
            event_type.personal_type is not None
        )


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        setattr(happened()[0], "version", 7)  # noqa: B010  # the type checker sees it too


def test_the_librarys_words_for_id_and_version_are_understood() -> None:
    state = DocumentWorkflow.unborn(DOCUMENT_ID)
    for event in happened():
        state = evolve(state, event)
        assert (event.originator_id, event.originator_version) == (DOCUMENT_ID, state.version)
    assert state == given(HISTORY).state


def test_an_event_is_moved_on_to_the_time_at_which_the_log_took_it() -> None:
    event = happened()[0]
    later = BEGINNING + timedelta(seconds=3)
    assert event.happened_at(later).at == later
    assert replace(event.happened_at(later), at=event.at) == event
    assert event.happened_at(BEGINNING) is event
