"""Commands that come together: each gets its own answer, and the log has what was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from typing import Any

import pytest
from eventsourcing.persistence import DatabaseError, DataError

from conftest import SERVERS
from domain import commands as c
from domain.decisions import decide
from domain.decisions.decision import Decision
from domain.errors import (
    Contention,
    DocledgerError,
    DocumentExists,
    DocumentNotFound,
    IllegalTransition,
    LogUnreadable,
    VersionMismatch,
)
from domain.events import (
    DocumentDeleted,
    DocumentRegistered,
    Event,
    StageFailed,
    StageRetried,
    StageStarted,
)
from domain.values import FailureReason, StageStatus
from eventstore import recorder
from eventstore.append_round import Committed
from eventstore.verdict import Verdict
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

both_servers = pytest.mark.parametrize("database", SERVERS, indirect=True)


def outcomes(futures: Iterable[Future[Committed]]) -> tuple[list[Committed], list[BaseException]]:
    """Return the answers and the errors of these futures, in order."""
    done = list(futures)
    errors = [future.exception(30) for future in done]
    won = [future.result() for future, error in zip(done, errors, strict=True) if error is None]
    return won, [error for error in errors if error is not None]


@both_servers
def test_64_commands_on_one_document_get_a_version_each(log: Log) -> None:
    log.registered("d")

    won, errors = outcomes(log.together([add_file("d") for _ in range(64)]))

    assert errors == []
    assert [answer.version for answer in won] == list(range(REGISTERED + 1, REGISTERED + 65))
    stored = log.history.of_document("d", after_version=REGISTERED)
    assert [recorded for answer in won for recorded in answer.events] == stored
    assert [answer.position for answer in won] == [recorded.position for recorded in stored]
    assert 64 in log.batches


@both_servers
def test_64_commands_for_one_version_have_one_winner(log: Log, other: Log) -> None:
    log.registered("d")
    commands = [add_file("d") for _ in range(64)]

    futures = [
        side.commit.submit(command, expected_version=REGISTERED)
        for command, side in zip(commands, [log, other] * 32, strict=True)
    ]
    won, errors = outcomes(futures)

    assert [answer.version for answer in won] == [REGISTERED + 1]
    assert len(log.events("d")) == REGISTERED + 1
    assert {type(error) for error in errors} == {VersionMismatch}
    assert {error.current_version for error in errors if isinstance(error, VersionMismatch)} == {
        REGISTERED + 1
    }


def test_64_commands_that_exclude_each_other_have_one_winner(log: Log, other: Log) -> None:
    log.registered("d")

    sides = [log, other] * 32
    won, errors = outcomes([side.commit.submit(start("d")) for side in sides])

    assert len(won) == 1
    assert {type(error) for error in errors} == {IllegalTransition}
    assert [type(event) for event in log.events("d")[REGISTERED:]] == [StageStarted]


def test_a_refused_command_leaves_no_trace_and_harms_nobody(log: Log) -> None:
    log.registered("a", "b")
    refused = start("b").model_copy(update={"attempt": 7})

    futures = log.together([start("a"), add_file("b"), refused, add_file("b"), start("nowhere")])
    won, errors = outcomes(futures)

    assert [(answer.document_id, answer.version) for answer in won] == [
        ("a", 3),
        ("b", 3),
        ("b", 4),
    ]
    assert len(errors) == 2
    assert isinstance(errors[1], DocumentNotFound)
    assert log.history.of_document("nowhere") == []
    assert refused.context.command_id not in {event.command_id for event in log.events("b")}
    assert log.batches[-1] == 5


def broken_by_the_database(log: Log) -> c.Command:
    """A command whose event the database refuses, as a trigger of somebody's would."""
    log.query("""
        CREATE FUNCTION refuse_b() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'not this one'; END $$""")
    log.query("""
        CREATE TRIGGER refuse_b AFTER INSERT ON docledger_events FOR EACH ROW
        WHEN (NEW.originator_id = 'b' AND NEW.originator_version > 2)
        EXECUTE FUNCTION refuse_b()""")
    return add_file("b")


def broken_in_the_mapper(log: Log) -> c.Command:
    """A command whose event cannot be written as JSON."""
    return fail("b", "x", outside_metadata={"half": "\ud800"})


def broken_in_the_decision(log: Log) -> c.Command:
    """A command that the domain was never taught."""
    return Unheard(document_id="b", context=context())


def broken_in_its_row(log: Log) -> c.Command:
    """A command whose title PostgreSQL's text cannot hold."""
    return register("c", title="a\0b")


def broken_in_its_id(log: Log) -> c.Command:
    """A command for an id that cannot even be looked up."""
    return add_file("b\0")


def broken_in_its_encoding(log: Log) -> c.Command:
    """A command for an id that cannot even be sent."""
    return add_file("\ud800")


class Unheard(c.Command):
    """A command that nobody decides."""


@pytest.mark.parametrize(
    ("breaking", "error"),
    [
        (broken_by_the_database, DatabaseError),
        (broken_in_the_mapper, ValueError),
        (broken_in_the_decision, KeyError),
        (broken_in_its_row, DataError),
        (broken_in_its_id, DataError),
        (broken_in_its_encoding, UnicodeEncodeError),
    ],
)
def test_an_error_that_is_no_conflict_hits_its_own_command(
    log: Log, breaking: Callable[[Log], c.Command], error: type[Exception]
) -> None:
    log.registered("a", "b")
    commands = [add_file("a"), start("b"), breaking(log), start("e"), register("e"), start("e")]
    if breaking is broken_by_the_database:
        del commands[1]

    won, errors = outcomes(log.together(commands))

    assert len(errors) == 2
    assert isinstance(errors[0], error)
    assert isinstance(errors[1], DocumentNotFound)
    assert len(won) == len(commands) - 2
    assert [event.version for event in log.events("e")] == [1, 2, 3]
    assert log.query("SELECT id FROM documents WHERE id NOT LIKE 'plug%' ORDER BY id") == [
        ("a",),
        ("b",),
        ("e",),
    ]


MEANINGS = {
    "P0001": Verdict.REFUSED,
    "23505": Verdict.REFUSED,
    "22P05": Verdict.REFUSED,
    "54000": Verdict.REFUSED,
    "DL001": Verdict.REFUSED,
    "55P03": Verdict.BLOCKED,
    "53100": Verdict.FULL,
    "53200": Verdict.NOT_NOW,
    "40P01": Verdict.NOT_NOW,
    "57014": Verdict.NOT_NOW,
    "25006": Verdict.NOT_NOW,
    "57P01": Verdict.LOST,
    "08006": Verdict.LOST,
}


def test_what_an_error_of_the_server_means(log: Log) -> None:
    for sqlstate, verdict in MEANINGS.items():
        raising = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END $$"
        with (
            pytest.raises(DatabaseError) as raised,
            log.application.append_recorder.datastore.get_connection() as connection,
        ):
            connection.execute(raising.encode())
        assert Verdict.of(raised.value) is verdict, sqlstate


def test_cancelling_all_that_wait_leaves_the_next_command_its_turn(log: Log) -> None:
    log.registered("d")
    with log.plugged():
        gone = [log.commit.submit(add_file("d")) for _ in range(3)]
        assert all(future.cancel() for future in gone)

    assert log.send(add_file("d")).version == REGISTERED + 1
    assert not wait(gone, 5).not_done


def test_a_caller_that_goes_away_takes_only_its_own_command(log: Log) -> None:
    log.registered("d")
    with log.plugged():
        futures = [log.commit.submit(add_file("d")) for _ in range(5)]
        futures[0].cancel()
        futures[3].cancel()

    won, _ = outcomes([futures[1], futures[2], futures[4]])

    assert [answer.version for answer in won] == [3, 4, 5]
    assert len(log.events("d")) == REGISTERED + 3


def test_a_command_cannot_be_withdrawn_once_it_is_under_way(log: Log) -> None:
    log.registered("d")
    with log.plugged():
        future = log.commit.submit(add_file("d"))
    future.result(20)

    assert not future.cancel()


def test_what_is_registered_is_taken_to_be_new_until_the_log_tells(log: Log, other: Log) -> None:
    log.registered("d")
    with pytest.raises(DocumentExists):
        other.send(register("d"))
    log.send(c.DeleteDocument(document_id="d", context=context()))

    won, errors = outcomes(log.together([register("d"), register("new"), start("d")]))

    assert errors == []
    assert [answer.version for answer in won] == [5, 2, 6]


def test_a_refusal_is_decided_on_the_newest_state(log: Log, other: Log) -> None:
    log.registered("d")
    log.send(start("d"))
    other.send(fail("d", "no"))
    other.send(c.ResetStage(document_id="d", context=context(), stage_name=FIRST))

    # What `log` remembers is that the stage runs, so that it could not be started.
    assert log.send(start("d")).state.stages[FIRST].status is StageStatus.IN_PROGRESS


def test_that_nothing_is_to_be_done_is_decided_on_the_newest_state(log: Log, other: Log) -> None:
    log.registered("d")
    other.send(start("d", lease_id="lease"))
    expire = c.ExpireLease(
        document_id="d", context=context(), lease_id="lease", reason=FailureReason.LEASE_LOST
    )

    answer = log.send(expire)

    assert [type(recorded.event) for recorded in answer.events] == [StageFailed, StageRetried]
    again = log.send(expire)
    assert again.events == ()
    assert (again.version, again.position) == (answer.version, answer.position)


def test_what_follows_a_deletion_waits_for_the_next_round(log: Log) -> None:
    log.registered("d")
    delete = c.DeleteDocument(document_id="d", context=context())

    won, errors = outcomes(log.together([delete, register("d", "Another title"), start("d")]))

    assert errors == []
    assert [answer.version for answer in won] == [3, 5, 6]
    assert [type(e) for e in log.events("d")[2:4]] == [DocumentDeleted, DocumentRegistered]
    assert log.query("SELECT title FROM documents WHERE id = 'd'") == [("Another title",)]


def test_a_cache_smaller_than_a_batch_is_only_slower(database: str) -> None:
    with opened(database, cache_size=1) as log:
        ids = [f"d{number}" for number in range(20)]
        log.registered(*ids)
        won, errors = outcomes(log.together([add_file(i) for i in ids * 2]))

    assert errors == []
    assert sorted(answer.version for answer in won) == [3] * 20 + [4] * 20


def test_a_stream_that_makes_no_sense_stops_its_own_document_only(log: Log, other: Log) -> None:
    log.registered("a", "b")
    state = '{"at":"2026-01-01T00:00:00.000000Z","actor":"a","command_id":"c","attempt":1'
    log.query(
        "INSERT INTO docledger_events VALUES ('b', 3, 'StageStarted', convert_to(%s, 'UTF8'))",
        state + ',"stage_name":"no-such"}',
    )

    won, errors = outcomes(other.together([add_file("a"), add_file("b"), register("c")]))

    assert [answer.document_id for answer in won] == ["a", "c"]
    assert [type(error) for error in errors] == [LogUnreadable]


class MoodyView:
    """A view that cannot take version 3 of document b."""

    def none(self, document_id: str) -> int:
        """Return no events."""
        return 0

    def fold(self, rows: int, position: int, event: Event) -> int:
        """Count the event."""
        if event.document_id == "b" and event.version == REGISTERED + 1:
            raise RuntimeError("moody")
        return rows + 1


def test_a_defect_of_the_view_stops_its_own_document_only(database: str) -> None:
    with opened(database, MoodyView()) as log:
        log.registered("a", "b")
        commands = [add_file("a"), add_file("b"), add_file("b"), add_file("a")]
        won, errors = outcomes(log.together(commands))
        later = log.commit.submit(add_file("b"))

        assert [(answer.document_id, answer.rows) for answer in won] == [("a", 3), ("a", 4)]
        assert [type(error) for error in errors] == [LogUnreadable] * 2
        assert isinstance(later.exception(20), LogUnreadable)
        assert len(log.events("b")) == REGISTERED + 2


def test_a_document_that_others_keep_changing_is_contended(
    log: Log, other: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.registered("d")
    decided = decide.decided

    def beaten(state: Any, command: c.Command) -> Decision:
        if command.context.actor == "slow":
            theirs = decided(other.commit.load("d").state, add_file("d"))
            other.application.save(*theirs.events)
        return decided(state, command)

    monkeypatch.setattr(decide, "decided", beaten)
    slow = add_file("d")
    slow = slow.model_copy(update={"context": slow.context.model_copy(update={"actor": "slow"})})

    with pytest.raises(Contention):
        log.send(slow)
    assert slow.context.command_id not in {event.command_id for event in log.events("d")}


def test_a_log_restored_from_a_backup_is_believed(log: Log) -> None:
    log.registered("d")
    for _ in range(3):
        log.send(add_file("d"))
    log.query("""
        DO $$ BEGIN
            SET LOCAL session_replication_role = replica;
            DELETE FROM docledger_events WHERE originator_version > 3;
        END $$""")

    assert log.send(add_file("d")).version == REGISTERED + 2


def test_after_close_nothing_is_taken(database: str) -> None:
    with opened(database) as log:
        log.registered("d")
    with pytest.raises(DocledgerError, match="stopping"):
        log.commit.submit(add_file("d"))
    log.commit.close()


def test_a_connection_closed_while_it_lay_idle_is_not_used(log: Log) -> None:
    log.registered("d")
    ended = """
        SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
        WHERE application_name = 'docledger log' AND datname = current_database()"""
    assert log.query(ended) != [(0,)]

    assert log.history.last_position() > 0
    assert log.query(ended) != [(0,)]
    assert log.commit.load("d").version == REGISTERED


def test_streams_are_read_by_the_index_even_if_it_was_planned_on_an_empty_log(log: Log) -> None:
    log.query("VACUUM (ANALYZE) docledger_events")
    query = recorder._SELECT_STREAMS.replace("%s", "$1", 1).replace("%s", "$2", 1)
    with log.application.append_recorder.datastore.get_connection() as connection:
        plan = connection.execute(f"EXPLAIN (GENERIC_PLAN) {query}".encode()).fetchall()

    lines = [str(row["QUERY PLAN"]).strip() for row in plan]
    assert (
        "Index Cond: ((originator_id = wanted.id) AND (originator_version > wanted.after))" in lines
    )
    assert not any("Hash" in line or "Merge" in line for line in lines)


def test_plans_made_while_the_log_is_empty_do_not_scan_it_later(database: str) -> None:
    with opened(database, cache_size=1) as log:
        log.query("VACUUM (ANALYZE) docledger_events, documents, document_keys")
        ids = [f"d{number}" for number in range(300)]
        for chunk in (ids[:10], ids[10:20], ids[20:30], ids[30:40], ids[40:50], ids[50:]):
            log.registered(*chunk)
            outcomes(log.together([add_file(i) for i in chunk[:20]]))

    scanned = """
        SELECT relname, seq_tup_read FROM pg_stat_user_tables
        WHERE relname IN ('docledger_events', 'documents', 'document_keys') AND seq_tup_read > 0"""
    with opened(database) as later:
        assert later.query(scanned) == []
