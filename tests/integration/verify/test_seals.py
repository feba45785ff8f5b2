"""A log that is not what was sealed is found out, and where."""

from __future__ import annotations

import threading
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest

from eventstore.merkle import CompactRange
from eventstore.seals import sealer as seals
from eventstore.seals.checkpoint import Checkpoint
from eventstore.seals.sealer import (
    AlteredSinceSealed,
    Sealer,
    last_seal,
    position_of,
    prove,
    root_at,
    seal_all,
    seal_batch,
    size_until,
)
from eventstore.seals.tiles import SealTiles
from eventstore.stored_log import read_between
from integration.eventstore.writing import wait_for
from integration.verify.ledger import Ledger
from unit.eventstore.merkle_proofs import consistency_proof as proof_between
from unit.eventstore.merkle_proofs import is_consistent, root_by_inclusion
from unit.projections.journeys import START

_SEALED_AT = "SELECT size FROM log_seals WHERE position = %s"
STATE = '{"at":"2026-03-01T00:00:00.000000Z","actor":"a","command_id":"c","correlation_id":"c"}'


def naive_root(ledger: Ledger, size: int) -> bytes:
    compact = CompactRange()
    with ledger.connected() as connection:
        for row in read_between(connection, 0, 2**60):
            if compact.size < size:
                compact.append(row.leaf())
    assert compact.size == size
    return compact.root()


def note_of(ledger: Ledger, size: int | None = None) -> Checkpoint:
    with ledger.connected() as connection:
        newest = seal_all(connection, lambda: START)
        assert newest is not None
        size = size or newest.size
        root, position = root_at(connection, size), position_of(connection, size)
    return Checkpoint("docledger/test", size, root, position, "2026-11-24T00:00:00Z")


@pytest.fixture
def sealed(ledger: Ledger, monkeypatch: Any) -> Ledger:
    """The ledger, sealed five events at a time."""
    monkeypatch.setattr(seals, "BATCH_EVENTS", 5)
    ledger.seal()
    return ledger


def test_seals_go_on_from_one_another(ledger: Ledger, monkeypatch: Any) -> None:
    """Over many tiles, in pieces of any size, with gaps between positions."""
    ledger.execute(
        "INSERT INTO docledger_events (originator_id, originator_version, topic, state) "
        "SELECT 'bulk', n, 'X', %s FROM generate_series(1, 1500) n",
        STATE.encode(),
    )
    ledger.execute("SELECT setval('docledger_events_notification_id_seq', 5000)")
    ledger.register("late")
    for batch in (1, 7, 255, 256, 257, 300, 4096):
        monkeypatch.setattr(seals, "BATCH_EVENTS", batch)
        ledger.seal(batches=2)
    with ledger.connected() as connection:
        made = connection.execute(
            "SELECT size, position, root FROM log_seals ORDER BY 1"
        ).fetchall()
        assert made[-1][:2] == (1514, ledger.docledger.history.last_position())
        for size, position, root in made:
            assert bytes(root) == naive_root(ledger, size)
            assert (size_until(connection, position), position_of(connection, size)) == (
                size,
                position,
            )
        for size in (1, 2, 255, 256, 257, 1024, 1500):
            assert root_at(connection, size) == naive_root(ledger, size)
            node = SealTiles(connection).node
            proof = proof_between(size, 1514, node)
            roots = root_at(connection, size), root_at(connection, 1514)
            assert is_consistent(size, 1514, *roots, proof)
    assert {kind for _, kind in ledger.found()} == {"stream"}, "only for what bulk is"


def test_every_event_is_proven_by_the_root(sealed: Ledger) -> None:
    with sealed.connected() as connection:
        seal = last_seal(connection)
        assert seal is not None
        proven = [event for n in (1, 2, 3) for event in prove(connection, f"doc-{n}", seal.size)]
        assert sorted(event.index for event in proven) == list(range(seal.size))
        for event in proven:
            hashed = event.row.leaf()
            found = root_by_inclusion(hashed, event.index, seal.size, event.proof)
            assert found == seal.root
        assert [e.row.version for e in prove(connection, "doc-1", 2)] == [1, 2]


def test_sealing_keeps_nobody_waiting(ledger: Ledger) -> None:
    with ledger.docledger.connect() as connection, connection.transaction():
        assert seal_batch(connection, START) is not None
        ledger.register("meanwhile")
        with ledger.connected() as other:
            assert seal_batch(other, START) is None, "one seals at a time"
    ledger.seal()
    assert ledger.found() == []


def test_many_sealers_make_one_tree(ledger: Ledger, monkeypatch: Any) -> None:
    monkeypatch.setattr(seals, "BATCH_EVENTS", 3)

    def work(number: int) -> None:
        ledger.register(*[f"by-{number}-{n}" for n in range(10)])
        ledger.seal()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    ledger.seal()
    ledger.catch_up()
    assert ledger.found() == []
    with ledger.connected() as connection:
        seal = last_seal(connection)
    assert seal is not None
    assert (seal.size, seal.root) == (92, naive_root(ledger, 92))


def test_the_sealer_seals_by_itself_and_outlives_trouble(ledger: Ledger) -> None:
    troubles = [psycopg.OperationalError("gone")]

    def connect() -> psycopg.Connection[Any]:
        if troubles:
            raise troubles.pop()
        return ledger.docledger.connect("seal")

    stop = threading.Event()
    sealer = Sealer(connect, every_seconds=0.02, clock=lambda: START)
    thread = threading.Thread(target=sealer.run, args=(stop,))
    thread.start()
    try:
        for number in (1, 2):
            ledger.register(f"new-{number}")
            last = ledger.docledger.history.last_position()
            wait_for(partial(ledger.execute, _SEALED_AT, last))
    finally:
        stop.set()
        thread.join(10)
    assert not troubles


def test_an_event_altered_is_found(sealed: Ledger) -> None:
    position = sealed.positions("doc-2")[1]
    sealed.execute(
        "UPDATE docledger_events SET state = "
        "convert_to(replace(convert_from(state, 'UTF8'), 'test', 'tess'), 'UTF8') "
        "WHERE notification_id = %s",
        position,
    )
    [difference] = sealed.check().differences
    assert (difference.document_id, difference.kind) == ("doc-2", "event-altered")
    assert difference.detail.startswith(f"version 2, WorkflowStarted, at position {position}:")


@pytest.mark.parametrize("which", [0, -1])
def test_an_event_removed_is_found(sealed: Ledger, which: int) -> None:
    sealed.execute(
        "DELETE FROM docledger_events WHERE notification_id = %s", sealed.positions("doc-2")[which]
    )
    found = sealed.found()
    assert (None, "event-removed") in found
    assert "doc-2" in {document_id for document_id, _ in found}, "its document is named as well"
    assert not {kind for _, kind in found} & {"event-altered", "event-inserted", "seal"}


def test_the_end_of_the_log_removed_is_found(sealed: Ledger) -> None:
    last = sealed.docledger.history.last_position()
    sealed.execute("DELETE FROM docledger_events WHERE notification_id > %s", last - 3)
    found = sealed.found()
    assert found.count((None, "event-removed")) == 3
    assert (None, "tracking") in found


def test_the_whole_log_removed_is_found(sealed: Ledger) -> None:
    sealed.execute("DELETE FROM docledger_events")
    assert sealed.found().count((None, "event-removed")) == 12


@pytest.mark.parametrize("position", [0, 50])
def test_an_event_inserted_is_found(ledger: Ledger, position: int) -> None:
    """Put into a gap between positions, or ahead of all, as no append could."""
    ledger.execute("SELECT setval('docledger_events_notification_id_seq', 100)")
    ledger.register("late")
    ledger.catch_up()
    ledger.seal()
    ledger.execute(
        "INSERT INTO docledger_events "
        "SELECT 'doc-3', 3, 'WorkflowPaused', state, %s FROM docledger_events "
        "WHERE originator_id = 'doc-3' AND originator_version = 2",
        position,
    )
    found = ledger.found()
    assert ("doc-3", "event-inserted") in found
    assert not {kind for _, kind in found} & {"event-altered", "event-removed", "seal"}


def test_events_reordered_are_found(sealed: Ledger) -> None:
    one, other = sealed.positions("doc-1")[1], sealed.positions("doc-2")[1]
    for before, after in ((one, -1), (other, one), (-1, other)):
        sealed.execute(
            "UPDATE docledger_events SET notification_id = %s WHERE notification_id = %s",
            *(after, before),
        )
    assert {("doc-1", "event-altered"), ("doc-2", "event-altered")} <= set(sealed.found())


def test_times_that_go_back_are_found_without_a_seal(ledger: Ledger) -> None:
    ledger.execute(
        "UPDATE docledger_events SET state = overlay(state PLACING '2030' FROM 8 FOR 4) "
        "WHERE notification_id = %s",
        ledger.positions("doc-1")[0],
    )
    assert ("doc-1", "event-order") in ledger.found() or (("doc-1", "stream") in ledger.found())


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE log_seals SET root = sha256(root) WHERE size = (SELECT max(size) FROM log_seals)",
        "UPDATE log_seal_tiles SET hashes = overlay(hashes PLACING '\\x00' FROM 40 FOR 1)",
        "UPDATE log_seal_tiles SET hashes = substring(hashes FROM 1 FOR 64)",
        "DELETE FROM log_seal_tiles",
    ],
)
def test_tampering_with_the_seals_themselves_is_found(ledger: Ledger, tampering: str) -> None:
    ledger.seal()
    ledger.execute(tampering)
    assert (None, "seal") in ledger.found()


def test_a_hash_above_the_leaves_is_checked(ledger: Ledger) -> None:
    ledger.execute(
        "INSERT INTO docledger_events (originator_id, originator_version, topic, state) "
        "SELECT 'bulk', n, 'X', %s FROM generate_series(1, 600) n",
        STATE.encode(),
    )
    ledger.seal()
    ledger.execute("UPDATE log_seal_tiles SET hashes = sha256(hashes) WHERE level = 1")
    found = [d.detail for d in ledger.check().differences if d.kind == "seal"]
    assert found == ["hash 0 of tile 0, level 1, is not that of a tile"]


def test_what_is_behind_the_last_seal_is_not_sealed_yet(ledger: Ledger) -> None:
    ledger.seal()
    ledger.register("late")
    ledger.catch_up()
    findings = ledger.check()
    assert (findings.differences, findings.sealed_events) == ([], 12)


def test_no_proof_of_an_event_that_was_altered(sealed: Ledger) -> None:
    sealed.execute("UPDATE docledger_events SET topic = 'WorkflowResumed' WHERE topic LIKE 'Work%'")
    with sealed.connected() as connection, pytest.raises(AlteredSinceSealed):
        prove(connection, "doc-1", 12)


def test_a_seal_kept_elsewhere_holds_while_the_log_grows(ledger: Ledger) -> None:
    early = note_of(ledger)
    ledger.register("late")
    ledger.catch_up()
    assert ledger.found(early, note_of(ledger), note_of(ledger, 5)) == []


def test_whoever_recomputes_everything_is_found_out_by_a_seal_kept_elsewhere(
    ledger: Ledger,
) -> None:
    kept = note_of(ledger)
    ledger.execute(
        "UPDATE docledger_events SET state = convert_to("
        "replace(convert_from(state, 'UTF8'), '\"actor\":\"test\"', '\"actor\":\"eve!\"'), 'UTF8')"
    )
    ledger.execute("DELETE FROM log_seals")
    ledger.execute("DELETE FROM log_seal_tiles")
    ledger.seal()
    assert ledger.found() == [], "inside the database everything agrees again"
    assert ledger.found(kept) == [(None, "seal")]


def test_a_log_shorter_than_a_seal_kept_elsewhere_is_found_out(ledger: Ledger) -> None:
    kept = note_of(ledger)
    ledger.execute("DELETE FROM log_seals")
    ledger.execute("DELETE FROM log_seal_tiles")
    ledger.execute("DELETE FROM docledger_events WHERE notification_id > 4")
    details = [d.detail for d in ledger.check(kept).differences if d.kind == "seal"]
    assert details == ["the seal of 2026-11-24T00:00:00Z is over 12 events; there are 4"]


def test_a_root_of_another_log_does_not_hold(ledger: Ledger) -> None:
    kept = note_of(ledger)
    other = Checkpoint(kept.origin, kept.size, bytes(32), kept.position, kept.at)
    assert b64encode(other.root) != b64encode(kept.root)
    assert ledger.found(other) == [(None, "seal")]
