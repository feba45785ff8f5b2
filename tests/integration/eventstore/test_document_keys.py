"""What may be personal is unreadable without its document's key, and gone once that is deleted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest

from domain import commands as c
from domain.errors import DocumentExists, IllegalTransition
from domain.events import DocumentRegistered, Event, RegisteredPersonal, StageFailed
from domain.values import StageStatus
from eventstore import document_keys
from eventstore.document_keys import DocumentKeys
from eventstore.recorded import UnreadableEvent
from integration.eventstore.writing import (
    FIRST,
    REGISTERED,
    Log,
    add_file,
    context,
    fail,
    opened,
    register,
    start,
)

SECRET = "Ada Lovelace"


def state_of(log: Log, document_id: str) -> bytes:
    """Return all that is stored of the document, one event after the other."""
    rows = log.query(
        "SELECT state FROM docledger_events WHERE originator_id = %s ORDER BY 1", document_id
    )
    return b"\n".join(bytes(state) for (state,) in rows)


def personal_parts(log: Log, document_id: str) -> list[object]:
    """Return the personal parts of the document's events that can have one."""
    return [
        getattr(event, "personal", None)
        for event in log.events(document_id)
        if event.personal_type is not None
    ]


def erase(log: Log, document_id: str) -> None:
    """Delete the document's key, as its erasure does."""
    assert log.query(
        "DELETE FROM document_keys WHERE document_id = %s RETURNING 1", document_id
    ) == [(1,)]


def report(log: Log, words: str) -> None:
    """Have the first stage of document d fail with these words, and be pending again."""
    log.send(fail("d", words, outside_metadata={"by": words}))
    log.send(c.ResetStage(document_id="d", context=context(), stage_name=FIRST))


def words_of(log: Log) -> list[str | None]:
    """Return what was reported of document d, None for what is erased."""
    return [
        event.personal.error_message if event.personal else None
        for event in log.events("d")
        if isinstance(event, StageFailed)
    ]


def test_personal_parts_are_not_readable_in_the_stored_bytes(log: Log, other: Log) -> None:
    log.send(register("d", title=SECRET))
    report(log, SECRET)

    stored = state_of(log, "d")
    assert b"Ada" not in stored
    assert b"a.pdf" not in stored
    assert stored.count(b'"sealed":"') == 2
    (key,) = log.query("SELECT key FROM document_keys")[0]
    assert bytes(key) not in stored
    first = other.events("d")[0]
    assert isinstance(first, DocumentRegistered)
    assert first.personal == RegisteredPersonal(title=SECRET, file_name="a.pdf")
    assert words_of(other) == [SECRET]


def test_every_document_has_one_key_of_its_own(log: Log) -> None:
    log.registered("a", "b", "d")
    report(log, "one")
    report(log, "two")

    keys = log.query("SELECT document_id, key FROM document_keys ORDER BY 1")
    assert [document_id for document_id, _ in keys] == ["a", "b", "d"]
    assert len({key for _, key in keys}) == 3


def test_deleting_the_key_erases_and_the_stream_still_loads(log: Log, database: str) -> None:
    log.send(register("d", title=SECRET))
    report(log, SECRET)
    erase(log, "d")

    with opened(database) as later:
        assert set(personal_parts(later, "d")) == {None}
        loaded = later.commit.load("d")
        assert loaded.version == log.commit.load("d").version
        assert loaded.state.original_name is None
        # It goes on, too.
        assert later.send(start("d")).state.stages[FIRST].status is StageStatus.IN_PROGRESS


def test_what_is_remembered_is_forgotten_within_a_minute(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.send(register("d", title=SECRET))
    assert log.commit.load("d").state.original_name == "a.pdf"
    erase(log, "d")

    monkeypatch.setattr(document_keys, "_REMEMBER_SECONDS", 0.0)
    monkeypatch.setattr(log.commit._snapshots, "_forget_seconds", 0.0)

    assert personal_parts(log, "d") == [None]
    assert log.send(start("d")).state.original_name is None


def test_what_is_said_after_erasure_is_under_a_new_key(log: Log, other: Log) -> None:
    log.registered("d")
    report(log, "before")
    assert words_of(other) == ["before"]
    erase(log, "d")

    # `log` still remembers the old key, and must not seal with it.
    report(log, "after")

    assert words_of(other)[-1] == "after"
    with_new_key, erased = log.query("SELECT count(*) FROM document_keys"), words_of(other)[0]
    assert with_new_key == [(1,)]
    assert erased in (None, "before")  # for as long as `other` remembers the key


def test_a_document_erased_and_handed_in_again_keeps_its_new_title(log: Log, other: Log) -> None:
    log.send(register("d", title="Old"))
    assert other.events("d")
    log.send(c.DeleteDocument(document_id="d", context=context()))
    erase(log, "d")

    log.send(register("d", title="New"))

    again = [e for e in other.events("d") if isinstance(e, DocumentRegistered)][-1]
    assert again.personal is not None
    assert again.personal.title == "New"


def test_two_processes_making_the_first_key_race(log: Log, other: Log) -> None:
    ids = [f"d{number}" for number in range(10)]
    log.registered(*ids)
    barrier = Barrier(2)

    def add_described_file(side: Log, document_id: str) -> None:
        command = add_file(document_id)
        file = command.file.model_copy(update={"outside_metadata": {"of": "whom"}})
        barrier.wait(10)
        side.send(command.model_copy(update={"file": file}))

    for document_id in ids:
        erase(log, document_id)
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(add_described_file, (log, other), (document_id,) * 2))

    assert log.query("SELECT count(*) FROM document_keys") == [(10,)]
    with opened(log.dsn) as later:
        for document_id in ids:
            title, *described = personal_parts(later, document_id)
            assert title is None
            assert len(described) == 2
            assert None not in described


def test_threads_that_save_side_by_side_lose_no_key(log: Log) -> None:
    """Two saves of one stream seal under the same new key; the one that lands stores it."""
    events = [_registered(number) for number in range(8)]
    barrier = Barrier(8)

    def save(event: Event) -> bool:
        barrier.wait(10)
        try:
            log.application.save(event)
        except Exception:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(save, events))

    assert sum(won) == 1
    assert personal_parts(log, "raced") == [events[won.index(True)].personal]


def _registered(number: int) -> DocumentRegistered:
    at = context().at
    return DocumentRegistered(
        document_id="raced",
        version=1,
        at=at,
        actor="a",
        command_id=str(number),
        mime_type="text/plain",
        personal=RegisteredPersonal(title=f"Title {number}"),
    )


@pytest.mark.parametrize("how", ["altered", "moved", "cut"])
def test_an_altered_sealed_part_is_unreadable_and_named(log: Log, how: str) -> None:
    log.registered("d")
    report(log, "one")
    report(log, "two")
    sealed = [bytes(s) for (s,) in log.query(_SEALED)]
    one = sealed[1]
    changed = {"altered": _altered(one), "moved": _moved(one, sealed[2]), "cut": _cut(one)}[how]
    change_stored(log.dsn, one, changed)

    found = log.history.of_document("d")

    broken = [recorded.event for recorded in found if isinstance(recorded.event, UnreadableEvent)]
    assert [event.version for event in broken] == [REGISTERED + 2]
    assert "sealed part was altered" in broken[0].error
    assert len(found) == REGISTERED + 6


_SEALED = """
    SELECT state FROM docledger_events
    WHERE position('"sealed"'::bytea IN state) > 0 ORDER BY notification_id"""


def change_stored(dsn: str, old: bytes, new: bytes) -> None:
    """Change what is stored of one event, as only the owner of the server can."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        changed = connection.execute(
            "UPDATE docledger_events SET state = %s WHERE state = %s", (new, old)
        )
        assert changed.rowcount == 1


def _altered(state: bytes) -> bytes:
    at = state.index(b'"sealed":"') + 40
    return state[:at] + (b"A" if state[at : at + 1] != b"A" else b"B") + state[at + 1 :]


def _moved(state: bytes, other: bytes) -> bytes:
    return state[: state.index(b'"sealed"')] + other[other.index(b'"sealed"') :]


def _cut(state: bytes) -> bytes:
    return state[:-6] + b'"}'


def test_a_key_is_stored_only_with_its_event(log: Log) -> None:
    log.query("INSERT INTO documents (id) VALUES ('legacy')")
    log.registered("d")

    for command in (register("legacy"), register("d")):
        with pytest.raises((DocumentExists, IllegalTransition)):
            log.send(command)
    with pytest.raises(UnicodeEncodeError):
        log.send(register("e", title="half \ud800"))

    assert log.query("SELECT document_id FROM document_keys") == [("d",)]


def test_a_key_left_from_elsewhere_is_used(log: Log) -> None:
    log.query(
        "INSERT INTO document_keys VALUES ('d', 'abc', decode(repeat('00', 32), 'hex'), now())"
    )

    log.send(register("d", title="Told"))

    assert log.query("SELECT key_id FROM document_keys") == [("abc",)]
    assert personal_parts(log, "d")[0] == RegisteredPersonal(title="Told", file_name="a.pdf")


def test_keys_are_not_remembered_without_bound(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_keys, "_MOST_REMEMBERED", 10)
    log.registered(*(f"d{number}" for number in range(30)))

    keys: DocumentKeys = log.application.keys
    assert len(keys._sealing._entries) <= 10
    assert len(keys._unsealing._entries) <= 10

    sealing = keys._sealing.get(("d29", 1))
    assert sealing is not None
    assert repr(sealing.key.key) not in repr(sealing)
