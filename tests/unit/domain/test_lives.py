"""A registration begins a life of the id, and what is of one life is told from the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from domain import events as e
from domain.errors import DocumentNotFound
from domain.lives import Life, current_life, life_at, lives_of
from eventstore.recorded import UnreadableEvent
from unit.domain.given import BEGINNING, given
from unit.domain.vocabulary import (
    CONVERSION,
    begun,
    complete,
    delete,
    output,
    register,
    register_file,
    registered,
)


def happened(kind: type[e.Event], version: int, **fields: Any) -> e.Event:
    context: dict[str, Any] = {"at": BEGINNING, "actor": "a", "command_id": "c"}
    return kind(document_id="d", version=version, **context, **fields)


STREAM = (
    happened(e.DocumentRegistered, 1, realm_id="one", mime_type="text/plain"),
    happened(e.WorkflowPaused, 2),
    happened(e.DocumentChanged, 3, realm_id="moved"),
    happened(e.DocumentDeleted, 4),
    happened(e.DocumentRegistered, 5, realm_id="two", mime_type="text/plain"),
    happened(e.WorkflowPaused, 6),
)


def recorded(*events: Any) -> list[Any]:
    return [SimpleNamespace(position=n, event=event) for n, event in enumerate(events, start=1)]


def test_lives_are_numbered_and_have_the_realm_that_they_had_last() -> None:
    lives = lives_of(STREAM)
    assert lives == [Life(1, 1, 4, "moved"), Life(2, 5, None, "two")]
    numbers = [found.number if (found := life_at(lives, v)) else None for v in range(7)]
    assert numbers == [None, 1, 1, 1, 1, 2, 2]


def test_only_the_life_that_goes_on_is_current() -> None:
    assert [r.event.version for r in current_life(recorded(*STREAM))] == [5, 6]
    assert current_life(recorded(*STREAM[:4])) == ()
    undone = (STREAM[0], happened(e.ImportUndone, 2))
    assert current_life(recorded(*undone)) == ()
    assert current_life([]) == ()


def test_an_unreadable_registration_begins_a_life_all_the_same() -> None:
    unreadable = UnreadableEvent("d", 5, "DocumentRegistered", "why")
    history = recorded(*STREAM[:4], unreadable, STREAM[5])
    assert [r.event.version for r in current_life(history)] == [5, 6]
    assert lives_of([r.event for r in history])[1] == Life(2, 5, None, None)


def test_each_registration_is_one_life_more() -> None:
    first = given([registered(), begun()]).has(life=1)
    ended = first.when(delete()).succeeds().has(life=1, registered=False)
    ended.when(register()).succeeds().has(life=2, registered=True, run=1)


def test_files_and_runs_are_counted_anew_in_each_life_and_attempts_are_not() -> None:
    life = given([registered(), begun()])
    for number in (1, 2, 3):
        life.has(life=number, run=1, file_versions={}).has_stage(CONVERSION, attempt=number)
        converted = life.when(complete(CONVERSION, output("markdown"))).succeeds()
        converted.has(file_versions={(CONVERSION, "markdown"): 1})
        life = converted.when(delete()).succeeds().when(register()).succeeds()


def test_a_command_for_a_former_life_is_refused() -> None:
    again = given([registered(), begun()]).when(delete()).succeeds().when(register()).succeeds()
    file = output("markdown")
    refused = again.when(register_file(CONVERSION, file, life=1))
    refused.refused(DocumentNotFound, match="another has its id now")
    again.when(register_file(CONVERSION, file, life=2)).succeeds()
    again.when(register_file(CONVERSION, file)).succeeds()
