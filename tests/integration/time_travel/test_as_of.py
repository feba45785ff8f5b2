"""Documents as they were, against folds of prefixes of real logs."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import psycopg
import pytest

from domain.errors import DocumentNotFound, InvalidValue, LogUnreadable
from domain.events import DocumentDeleted, DocumentRegistered, Event
from domain.moments import parse_moment
from eventstore.history import History
from eventstore.log_shards import LogShards
from eventstore.recorded import RecordedEvent
from integration.projections.log_writer import LogWriter
from projections.fold import fold
from projections.rows import DocumentRows
from projections.time_travel import TimeTravel, events_until

IDS = [f"doc-{number}" for number in range(6)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_as_of_each_position_is_a_fold_of_the_events_up_to_it(
    log: LogWriter, history: History, seed: int
) -> None:
    log.random_histories(IDS, seed, 40)
    travel = TimeTravel(history)
    compared = gone = 0
    for document_id, stream in history.streams(IDS).items():
        rows = DocumentRows.none(document_id)
        for index, recorded in enumerate(stream):
            event = recorded.event
            assert isinstance(event, Event)
            rows = fold(rows, recorded.position, event)
            until = stream[index + 1].position - 1 if index + 1 < len(stream) else None
            for position in {recorded.position, until or recorded.position}:
                if isinstance(event, DocumentDeleted):
                    with pytest.raises(DocumentNotFound, match="deleted before"):
                        travel.document(document_id, position)
                    gone += 1
                else:
                    assert travel.document(document_id, position).rows == rows
                    compared += 1
    assert compared > 100


def test_a_time_means_the_last_position_that_is_not_later(
    log: LogWriter, history: History, database: str
) -> None:
    log.random_histories(IDS, 7, 30)
    whole = history.after(0, 100_000)
    shards = LogShards(partial(psycopg.connect, database))
    times = {at_of(recorded) for recorded in whole}
    assert len(times) > 3
    for at in sorted(times):
        for moment in (at, at + timedelta(microseconds=1), at - timedelta(microseconds=1)):
            position = shards.position_at(moment)
            for stream in history.streams(IDS).values():
                assert events_until(stream, moment) == events_until(stream, position)


def test_a_life_with_an_end_and_a_second_beginning(log: LogWriter, history: History) -> None:
    first = log.register("doc-1")[0].position
    other = log.register("doc-2")[0].position
    deleted = log.delete("doc-1").position
    again = log.register("doc-1")[0].position
    travel = TimeTravel(history)

    for before in (0, first - 2):
        with pytest.raises(DocumentNotFound, match="not registered yet"):
            travel.document("doc-1", max(0, before))
    assert travel.document("doc-1", other).rows.stream.version == 2
    assert not travel.document("doc-1", other).row_is_of_then
    with pytest.raises(DocumentNotFound, match=f"deleted before that: see position {deleted}"):
        travel.document("doc-1", deleted)
    assert travel.document("doc-1", again).row_is_of_then
    assert travel.document("doc-1", again).rows.stream.version == 5
    with pytest.raises(InvalidValue, match=f"ends at position {again}"):
        travel.document("doc-1", again + 1)
    with pytest.raises(DocumentNotFound, match="There is no document"):
        travel.document("doc-9", again)


def test_title_and_times_come_from_the_log_and_the_title_goes_with_its_key(
    log: LogWriter, history: History, database: str
) -> None:
    position = log.register("doc-1")[0].position
    log.delete("doc-1")
    found = TimeTravel(history).document("doc-1", position)
    registered = history.of_document("doc-1")[0].event
    assert isinstance(registered, DocumentRegistered)
    assert (found.title, found.created_at, found.updated_at) == (
        "A title",
        registered.at,
        registered.at,
    )
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM document_keys")
    from eventstore.application import WorkflowApplication

    application = WorkflowApplication(database)
    try:
        erased = TimeTravel(History(application)).document("doc-1", position)
    finally:
        application.close()
    assert erased.title is None
    assert erased.rows.stream.original_name is None


def test_an_event_that_cannot_be_read_is_in_the_way_of_later_moments_only(
    log: LogWriter, history: History
) -> None:
    position = log.register("doc-1")[0].position
    state = '{"at":"2030-01-01T00:00:00.000000Z","actor":"a","command_id":"c"}'
    broken = log.plain_insert("doc-1", 3, "NobodyKnows", state)
    travel = TimeTravel(history)
    assert travel.document("doc-1", position).rows.stream.version == 2
    with pytest.raises(LogUnreadable):
        travel.document("doc-1", broken)


def test_moments_are_positions_or_times_with_an_offset() -> None:
    assert parse_moment("42", "asOf") == 42
    same = {
        parse_moment(text, "asOf")
        for text in (
            "2026-11-24T01:54:33Z",
            "2026-11-24t01:54:33.000000z",
            "2026-11-24 02:54:33+01:00",
            "2026-11-24T02:54:33 01:00",
        )
    }
    assert len(same) == 1
    for text in ("", "-1", "9223372036854775808", "٣", "2026-11-24", "2026-11-24T01:54:33", "now"):
        with pytest.raises(InvalidValue, match="neither a position nor"):
            parse_moment(text, "asOf")
    with pytest.raises(InvalidValue):
        parse_moment("2026-02-31T00:00:00Z", "asOf")


def at_of(recorded: RecordedEvent) -> datetime:
    assert isinstance(recorded.event, Event)
    return recorded.event.at
