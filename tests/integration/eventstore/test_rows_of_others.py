"""Rows of `documents` that a legacy application has, makes or holds."""

from __future__ import annotations

import time

import psycopg
import pytest

from conftest import SERVERS
from domain import commands as c
from domain.errors import Contention, DocumentExists
from integration.eventstore.writing import REGISTERED, Log, add_file, context, register, start

both_servers = pytest.mark.parametrize("database", SERVERS, indirect=True)


@both_servers
def test_a_legacy_row_in_the_way_leaves_no_event_and_no_key(log: Log) -> None:
    log.query("INSERT INTO documents (id, title) VALUES ('legacy', 'Theirs')")

    futures = log.together([register("legacy"), start("legacy"), register("d"), start("d")])

    with pytest.raises(DocumentExists):
        futures[0].result(20)
    assert futures[1].exception(20) is not None
    assert futures[3].result(20).version == 3
    assert log.query("SELECT 1 FROM docledger_events WHERE originator_id = 'legacy'") == []
    assert log.query("SELECT 1 FROM document_keys WHERE document_id = 'legacy'") == []
    assert log.query("SELECT title FROM documents WHERE id = 'legacy'") == [("Theirs",)]


def test_a_document_gone_in_between_can_be_handed_in_again(log: Log) -> None:
    log.registered("d")
    log.send(c.DeleteDocument(document_id="d", context=context()))
    log.query("INSERT INTO documents (id) VALUES ('d')")

    with pytest.raises(DocumentExists):
        log.send(register("d"))
    log.query("DELETE FROM documents WHERE id = 'd'")
    assert log.send(register("d")).version == 5


def test_a_row_that_another_is_about_to_insert_stalls_nobody_for_long(log: Log, other: Log) -> None:
    log.registered("a")
    other.registered("b")
    with psycopg.connect(log.dsn) as legacy:
        legacy.execute("INSERT INTO documents (id) VALUES ('legacy')")
        started = time.monotonic()
        futures = log.together([register("legacy"), add_file("a"), register("d")])
        elsewhere = other.send(add_file("b"))
        with pytest.raises(Contention):
            futures[0].result(20)
        assert futures[1].result(20).version == 3
        assert futures[2].result(20).version == 2
        assert time.monotonic() - started < 5
        legacy.rollback()

    assert elsewhere.version == 3
    assert log.send(register("legacy")).version == 2


def test_a_row_that_another_holds_delays_its_deletion_only(log: Log, other: Log) -> None:
    log.registered("a", "d")
    delete = c.DeleteDocument(document_id="d", context=context())
    with psycopg.connect(log.dsn) as legacy:
        legacy.execute("SELECT 1 FROM documents WHERE id = 'd' FOR UPDATE")
        deleting = log.commit.submit(delete)
        while not deleting.done():
            other.send(add_file("a"))
        with pytest.raises(Contention):
            deleting.result(20)
        assert len(other.events("a")) > REGISTERED
        legacy.rollback()

    assert log.send(delete).version == 3
    assert log.query("SELECT 1 FROM documents WHERE id = 'd'") == []


def test_a_row_that_another_lets_go_is_deleted_and_the_log_goes_on_meanwhile(
    log: Log, other: Log
) -> None:
    log.registered("a", "d")
    with psycopg.connect(log.dsn) as legacy:
        legacy.execute("SELECT 1 FROM documents WHERE id = 'd' FOR UPDATE")
        deleting = log.commit.submit(c.DeleteDocument(document_id="d", context=context()))
        for _ in range(3):
            other.send(add_file("a"))
        assert not deleting.done()
        legacy.rollback()

    assert deleting.result(20).version == 3
    assert len(other.events("a")) == REGISTERED + 3
