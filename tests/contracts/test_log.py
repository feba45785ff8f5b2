"""What the log promises to whoever writes or reads it, on each server that docledger runs on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from eventsourcing.application import AggregateNotFoundError
from eventsourcing.persistence import IntegrityError
from msgspec.structs import replace

from conftest import EVERY_SERVER
from domain.document_workflow import DocumentWorkflow
from domain.events import Event, StageReset, WorkflowPaused
from eventstore.recorded import RecordedEvent, UnreadableEvent
from eventstore.recorder import Append
from integration.eventstore.writing import Log, opened, readable, register, wait_for, waits_for_lock
from unit.event_examples import AT, EXAMPLES

HOUR = timedelta(hours=1)
INSERT = """
    INSERT INTO docledger_events (originator_id, originator_version, topic, state)
    VALUES (%s, %s, %s, convert_to(%s, 'UTF8'))"""


@pytest.fixture(params=EVERY_SERVER)
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    """The log on each of the servers in turn."""
    server = request.getfixturevalue(f"{request.param}_server")
    url = server.create_migrated_database()
    with opened(url) as log:
        yield log
    server.drop_database(url)


def event(document_id: str, version: int, at: datetime = AT, **fields: Any) -> Event:
    """Return an event that needs no other."""
    return WorkflowPaused(
        document_id=document_id, version=version, at=at, actor="a", command_id="c", **fields
    )


def state(at: str = "2026-11-24T01:54:33.000000Z") -> str:
    """Return what is stored of such an event."""
    return f'{{"at":"{at}","actor":"a","command_id":"c"}}'


def aggregate(log: Log, document_id: str, version: int | None = None) -> DocumentWorkflow:
    """Return the document as the library's repository gives it."""
    found: DocumentWorkflow = log.application.repository.get(document_id, version=version)
    return found


def times(log: Log) -> list[datetime]:
    """Return the time of each event, in log order."""
    return [readable(recorded).at for recorded in log.history.after(0, 1000)]


def test_every_event_comes_back_as_it_was(log: Log) -> None:
    # Personal parts are encrypted under the key of a life, which a registration begins.
    registered = EXAMPLES["DocumentRegistered.v1"]
    begun = [replace(registered, document_id=name, version=1) for name in EXAMPLES]
    given = [replace(example, document_id=name, version=2) for name, example in EXAMPLES.items()]

    log.application.save(*begun)
    log.application.save(*given)

    with opened(log.dsn) as later:
        every = [readable(recorded) for recorded in later.history.after(0, 1000)]
    assert every == [*begun, *given]


def test_the_log_is_read_in_the_order_in_which_it_was_written(log: Log) -> None:
    given = [event(document_id, version) for version in (1, 2, 3) for document_id in "bca"]
    for start in (0, 3, 6):
        log.application.save(*given[start : start + 3])

    seen: list[RecordedEvent] = []
    while batch := log.history.after(seen[-1].position if seen else 0, limit=2):
        assert len(batch) <= 2
        seen += batch

    assert [recorded.event for recorded in seen] == given
    positions = [recorded.position for recorded in seen]
    assert positions == sorted(set(positions))
    assert log.history.last_position() == positions[-1]
    assert log.history.position_of("b") == positions[6]
    assert log.history.of_document("c") == [seen[1], seen[4], seen[7]]
    assert log.history.of_document("c", after_version=1) == [seen[4], seen[7]]
    assert log.history.streams(["a", "x"]) == {"a": [seen[2], seen[5], seen[8]], "x": []}


def test_an_empty_log_has_nothing_in_it(log: Log) -> None:
    assert log.history.last_position() == 0
    assert log.history.after(0, 10) == []
    assert log.history.of_document("x") == []
    assert log.history.position_of("x") is None
    assert log.history.streams([]) == {}


def test_ids_are_told_apart_byte_by_byte(log: Log) -> None:
    ids = ["a", "A", "a-", "a_", "a.", "x" * 255]
    log.application.save(*(event(document_id, 1) for document_id in ids))

    assert {i: len(stream) for i, stream in log.history.streams(ids).items()} == dict.fromkeys(
        ids, 1
    )


def test_the_librarys_save_and_repository_work_on_it(log: Log) -> None:
    log.commit.execute(register("d"))

    loaded = aggregate(log, "d")
    assert loaded == log.commit.load("d").state
    recordings = log.application.save(event("d", 3))
    assert [recording.notification.id for recording in recordings] == [log.history.last_position()]
    assert aggregate(log, "d").version == 3
    assert aggregate(log, "d", version=2) == loaded
    assert log.application.save() == []
    with pytest.raises(AggregateNotFoundError):
        aggregate(log, "x")


def test_a_conflict_in_save_raises_and_stores_nothing_of_it(log: Log) -> None:
    log.application.save(event("d", 1))
    position = log.history.last_position()

    with pytest.raises(IntegrityError):
        log.application.save(event("other", 1), event("d", 1))
    with pytest.raises(IntegrityError):
        log.application.save(event("d", 3))
    with pytest.raises(IntegrityError):
        log.application.save(event("other", 1), event("other", 3))

    assert log.history.last_position() == position
    assert log.history.of_document("other") == []


def test_what_is_in_the_log_stays_as_it_is(log: Log) -> None:
    log.application.save(event("d", 1))

    for change in (
        "UPDATE docledger_events SET topic = 'x'",
        "UPDATE docledger_events SET topic = 'x' WHERE false",
        "DELETE FROM docledger_events WHERE originator_id = 'd'",
        "TRUNCATE docledger_events",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="append only"):
            log.query(change)

    assert log.events("d") == [event("d", 1)]


def test_times_never_go_back_along_the_log(log: Log) -> None:
    log.application.save(event("a", 1, AT), event("a", 2, AT - HOUR), event("b", 1, AT + HOUR))
    log.application.save(event("a", 3, AT), event("b", 2, AT + 2 * HOUR))
    log.query(INSERT, "c", 1, "WorkflowPaused", state())
    later = state("2026-11-25T00:00:00.000000Z")
    log.query(INSERT + ", ('e', 1, 'WorkflowPaused', convert_to(%s, 'UTF8'))",
              "d", 1, "WorkflowPaused", later, state())  # fmt: skip

    latest = datetime(2026, 11, 25, tzinfo=UTC)
    assert times(log) == [
        *(AT, AT, AT + HOUR, AT + HOUR, AT + 2 * HOUR, AT + 2 * HOUR, latest, latest),
    ]


def test_the_time_of_an_event_that_lost_moves_no_other(log: Log) -> None:
    log.commit.execute(register("d"))
    stale = log.commit.load("d").state
    with opened(log.dsn) as other:
        other.application.save(event("d", 3))
    ahead = datetime.now(UTC) + 100 * HOUR
    append = Append()

    log.application.save(event("d", stale.version + 1, ahead), event("e", 1), append=append)

    assert append.refusals == {"d": "conflict"}
    assert max(times(log)) < ahead - HOUR


def test_a_state_without_a_time_is_refused(log: Log) -> None:
    for unreadable in (
        "",
        "{}",
        '{"actor":"a"}',
        state("2026-11-24T01:54:33Z"),
        state("2026-13-24T01:54:33.000000Z"),
        state("2026-02-30T01:54:33.000000Z"),
        '{"at":"zzzz-zz-zzTzz:zz:zz.zzzzzzZ"}',
        '{"at":"2026-11-24T01:54:33.0000000Z"}',
        '{"at":"2026-11-24 01:54:33.000000Z"}',
        '{"at":"٢٠٢٦-11-24T01:54:33.000000Z"}',
        '{"at": "2026-11-24T01:54:33.000000Z"}',
        '{"At":"2026-11-24T01:54:33.000000Z"}',
        '{"at":"2026-11-24T01:54:33.000000Z',
    ):
        with pytest.raises(psycopg.errors.DatabaseError):
            log.query(INSERT, "d", 1, "WorkflowPaused", unreadable)

    log.application.save(event("d", 1, AT - HOUR))
    assert times(log) == [AT - HOUR]


BROKEN = (
    ("StageMeltedDown", state()),
    ("WorkflowPaused", state()[:-1]),
    ("WorkflowPaused", state()[:-1] + ',"class_version":2}'),
    ("WorkflowPaused", state()[:-1] + ',"class_version":"one"}'),
    ("WorkflowPaused", state()[:-1] + ',"class_version":1,"actor":7}'),
    ("StageFailed", state()[:-1] + ',"sealed":7}'),
    ("StageReset", state()),
)


def test_one_event_that_cannot_be_read_hides_no_other(log: Log) -> None:
    for number, (topic, stored) in enumerate(BROKEN):
        log.application.save(event(f"before-{number}", 1))
        log.query(INSERT, f"broken-{number}", 1, topic, stored)

    found = [recorded.event for recorded in log.history.after(0, 100)]

    assert [e.document_id for e in found[::2]] == [f"before-{n}" for n in range(len(BROKEN))]
    broken = [e for e in found[1::2] if isinstance(e, UnreadableEvent)]
    assert [(e.document_id, e.version, e.topic) for e in broken] == [
        (f"broken-{number}", 1, topic) for number, (topic, _) in enumerate(BROKEN)
    ]
    assert all(e.error for e in broken)


def test_listeners_hear_of_every_append(log: Log) -> None:
    with psycopg.connect(log.dsn, autocommit=True) as listener:
        listener.execute("LISTEN docledger_events")
        log.application.save(event("a", 1))
        assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1
        log.query(INSERT, "b", 1, "WorkflowPaused", state())
        assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1


def test_nobody_appends_around_the_lock(log: Log) -> None:
    """A transaction that has appended and not yet committed keeps the others waiting."""
    with psycopg.connect(log.dsn) as slow, ThreadPoolExecutor(1) as threads:
        slow.execute(INSERT, ("slow", 1, "WorkflowPaused", state()))
        saving = threads.submit(log.application.save, event("quick", 1))
        wait_for(lambda: waits_for_lock(log.dsn))
        assert log.history.after(0, 10) == []
        slow.commit()
        saving.result(20)

    assert [r.event.document_id for r in log.history.after(0, 10)] == ["slow", "quick"]


def test_values_are_stored_as_they_are(log: Log) -> None:
    example = StageReset(
        document_id="d",
        version=1,
        at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        actor='quote " and \\ and "sealed":"abc.def" and ü \U0001f600',
        command_id="c",
        stage_name="chunker",
        attempt=2**53,
        because_of='","sealed":"0123456789ab.AAAA"}',
    )
    log.application.save(example)

    assert log.events("d") == [example]
