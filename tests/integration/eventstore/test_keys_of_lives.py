"""Each life of an id is sealed under a key of its own, whichever way its events come in."""

from __future__ import annotations

import pytest

from domain import commands as c
from domain.events import DocumentRegistered, RegisteredPersonal
from domain.lives import Life
from integration.eventstore.test_document_keys import report, words_of
from integration.eventstore.writing import Log, context, opened, register

KEYS = "SELECT life, key_id FROM document_keys WHERE document_id = 'd' ORDER BY life"


def live(log: Log, *titles: str, **fields: str) -> None:
    """Register document d once for each title, deleting it in between."""
    for number, title in enumerate(titles):
        if number:
            log.send(delete())
        log.send(register("d", title=title, **fields))


def delete() -> c.DeleteDocument:
    return c.DeleteDocument(document_id="d", context=context())


def erase(log: Log, life: int) -> None:
    """Delete the key of one life."""
    assert log.query(
        "DELETE FROM document_keys WHERE document_id = 'd' AND life = %s RETURNING 1", life
    ) == [(1,)]


def titles(log: Log) -> list[str | None]:
    """Return each life's title as a process reads it that has remembered nothing."""
    with opened(log.dsn) as fresh:
        registered = [e for e in fresh.events("d") if isinstance(e, DocumentRegistered)]
    return [event.personal.title if event.personal else None for event in registered]


def test_a_registration_after_a_deletion_makes_a_new_key(log: Log) -> None:
    live(log, "one", "two", "three")

    keys = log.query(KEYS)
    assert [life for life, _ in keys] == [1, 2, 3]
    assert len({key_id for _, key_id in keys}) == 3
    assert titles(log) == ["one", "two", "three"]


@pytest.mark.parametrize("erased", [1, 2])
def test_a_life_can_be_erased_without_the_other(log: Log, erased: int) -> None:
    live(log, "one", "two")
    report(log, "said in life 2")
    erase(log, erased)

    kept = {1: [None, "two"], 2: ["one", None]}
    assert titles(log) == kept[erased]
    with opened(log.dsn) as fresh:
        assert words_of(fresh) == ["said in life 2" if erased == 1 else None]


def test_what_is_said_after_an_erasure_is_not_under_the_key_of_a_former_life(log: Log) -> None:
    live(log, "one", "two")
    former = log.query(KEYS)[0]
    erase(log, 2)

    with opened(log.dsn) as fresh:
        report(fresh, "after")
        assert words_of(fresh) == ["after"]

    assert log.query(KEYS)[0] == former
    assert log.query(KEYS)[1][1] != former[1]
    erase(log, 1)
    assert titles(log) == [None, None]
    with opened(log.dsn) as fresh:
        assert words_of(fresh) == ["after"]


def test_a_process_that_remembers_a_former_life_seals_with_the_key_of_this_one(
    log: Log, other: Log
) -> None:
    live(log, "one")
    report(other, "said in life 1")
    live_again = (delete(), register("d", title="two"))
    for command in live_again:
        log.send(command)

    report(other, "said in life 2")

    erase(log, 1)
    with opened(log.dsn) as fresh:
        assert words_of(fresh) == [None, "said in life 2"]


def test_the_library_s_own_save_finds_out_of_which_life_an_event_is(log: Log) -> None:
    live(log, "one", "two")
    last = log.events("d")[-1]
    event = DocumentRegistered(
        document_id="d",
        version=last.version + 2,
        at=last.at,
        actor="a",
        command_id="c",
        mime_type="text/plain",
        personal=RegisteredPersonal(title="three"),
    )
    log.send(delete())
    log.application.save(event)
    assert [life for life, _ in log.query(KEYS)] == [1, 2, 3]


def test_lives_are_told_without_a_key(log: Log) -> None:
    live(log, "one", "two", realm_id="a realm")
    log.query("DELETE FROM document_keys")
    with opened(log.dsn) as fresh:
        assert fresh.history.lives(["d", "unknown"]) == {
            "d": [Life(1, 1, 3, "a realm"), Life(2, 4, None, "a realm")],
            "unknown": [],
        }


def test_keys_are_remembered_by_life(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    live(log, "one", "two")
    monkeypatch.setattr(log.application.keys, "_read", pytest.fail)
    report(log, "sealed without asking")
