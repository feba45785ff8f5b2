"""Logs moved from one database to another, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import Server
from docledger.commands.verify import ledger_parts
from domain.events import DocumentRegistered
from eventstore.transfer.incoming import import_events
from eventstore.transfer.lines import NotImportable
from eventstore.transfer.outgoing import export_events
from integration.projections.comparison import assert_tables_are_the_fold
from integration.time_travel.ledgers import LOG, MovableLedger, movable
from integration.verify.ledger import Silent
from verification.ledger import Verification

IDS = [f"doc-{number}" for number in range(12)]


@pytest.fixture
def source(database: str, tmp_path: Path) -> Iterator[MovableLedger]:
    with movable(tmp_path / "source", database) as writer:
        writer.log.random_histories(IDS, 5, 25)
        writer.log.register("deleted", "erased")
        writer.log.delete("deleted")
        writer.rows("DELETE FROM document_keys WHERE document_id = 'erased'")
        writer.rows("UPDATE documents SET content = E'a\\nb\\\\ \\u2028 \"' WHERE id = 'erased'")
    # Another one, which does not remember the key that was erased.
    with movable(tmp_path / "source", database) as ledger:
        ledger.project()
        yield ledger


@pytest.fixture
def target(embedded_server: Server, tmp_path: Path) -> Iterator[MovableLedger]:
    url = embedded_server.create_migrated_database()
    with movable(tmp_path / "target", url) as ledger:
        yield ledger
    embedded_server.drop_database(url)


def test_a_round_trip_is_exact(source: MovableLedger, target: MovableLedger) -> None:
    exported = source.export()
    imported = target.take_in(exported)
    assert imported.kept_positions
    events = len(source.rows(LOG))
    others = [source.rows(f"SELECT 1 FROM {table}") for table in ("documents", "document_keys")]
    assert imported.events == events == len(exported.splitlines()) - 1 - sum(map(len, others))
    assert imported.documents == len(IDS) + 2
    assert target.export() == exported
    target.project()
    assert target.tables() == source.tables()
    assert_tables_are_the_fold(target.url, target.docledger.history)
    assert target.rows("SELECT count(*) FROM docledger_document_changes") == [(0,)]


def test_an_imported_log_verifies_but_for_contents_that_are_not_there(
    source: MovableLedger, target: MovableLedger
) -> None:
    target.take_in(source.export())
    target.project()
    with Verification(ledger_parts(target.docledger), Silent()) as verification:
        differences = verification.check([]).differences
    assert {d.kind for d in differences} == {"blob-missing"}


def test_what_follows_an_import_goes_on_behind_it(
    source: MovableLedger, target: MovableLedger
) -> None:
    target.take_in(source.export())
    last = source.docledger.history.last_position()
    committed = target.log.register("new")[0]
    assert last < committed.events[0].position <= last + 2
    assert target.log.delete("erased").version == 3
    target.project()
    assert_tables_are_the_fold(target.url, target.docledger.history)


def test_some_documents_keep_their_positions(source: MovableLedger, target: MovableLedger) -> None:
    chosen = ["doc-3", "erased"]
    exported = source.export(*chosen)
    target.take_in(exported)
    assert target.rows(LOG) == [row for row in source.rows(LOG) if row[0] in chosen]
    assert target.export() == exported == source.export(*reversed(chosen))


def test_states_that_are_no_compact_json_come_back_byte_for_byte(
    source: MovableLedger, target: MovableLedger
) -> None:
    odd = (
        '{"at":"2030-01-01T00:00:00.000000Z","actor":"a", "command_id":"c","mime_type":"x"}',
        '{"at":"2030-01-01T00:00:00.000000Z","actor":"\\u00e9","command_id":"c","mime_type":"x"}',
    )
    for number, state in enumerate(odd):
        source.log.plain_insert(f"odd-{number}", 1, "DocumentRegistered", state)
    exported = source.export()
    assert exported.count(b"stateBase64") == len(odd)
    target.take_in(exported)
    assert target.rows(LOG) == source.rows(LOG)
    assert target.export() == exported


def test_without_keys_nothing_personal_goes_along(
    source: MovableLedger, target: MovableLedger
) -> None:
    exported = source.export(with_keys=False)
    for line in map(json.loads, exported.splitlines()[1:]):
        assert "key" not in line
        if "document" in line:
            assert line["document"]["title"] is line["document"]["content"] is None
    target.take_in(exported)
    assert target.rows(LOG) == source.rows(LOG)
    for recorded in target.docledger.history.after(0, 10_000):
        if isinstance(recorded.event, DocumentRegistered):
            assert recorded.event.personal is None
    target.project()
    assert_tables_are_the_fold(target.url, target.docledger.history)


def test_a_log_that_has_events_is_left_alone_unless_told(
    source: MovableLedger, target: MovableLedger
) -> None:
    target.log.register("own")
    own = target.rows(LOG)
    exported = source.export()
    with pytest.raises(NotImportable, match="--append"):
        target.take_in(exported)
    assert target.rows(LOG) == own

    assert not target.take_in(exported, append=True).kept_positions
    brought = target.rows(LOG)[len(own) :]
    assert [row[:3] for row in brought] == [row[:3] for row in source.rows(LOG)]
    assert [bytes(row[3])[34:] for row in brought] == [
        bytes(row[3])[34:] for row in source.rows(LOG)
    ]
    times = [bytes(row[3])[7:34] for row in target.rows(LOG)]
    assert times == sorted(times)
    target.project()
    assert_tables_are_the_fold(target.url, target.docledger.history)
    with pytest.raises(NotImportable, match="already"):
        target.take_in(exported, append=True)
    assert len(target.rows(LOG)) == len(own) + len(brought)


def test_rows_that_are_there_already_are_left_alone(
    source: MovableLedger, target: MovableLedger
) -> None:
    target.rows("INSERT INTO documents (id, title) VALUES ('doc-1', 'mine')")
    source.log.register("there")
    target.rows("INSERT INTO documents (id, title) VALUES ('there', 'mine')")
    with pytest.raises(NotImportable, match="here already"):
        target.take_in(source.export())
    assert target.rows(LOG) == []
    assert len(target.rows("SELECT 1 FROM documents")) == 2


def without_line(number: int) -> Callable[[list[Any]], None]:
    def change(lines: list[Any]) -> None:
        del lines[number]

    return change


def last_swapped(lines: list[Any]) -> None:
    lines[-1], lines[-2] = lines[-2], lines[-1]


def version_moved(lines: list[Any]) -> None:
    lines[-1]["version"] += 1


def unknown_topic(lines: list[Any]) -> None:
    lines[-1]["topic"] = "NobodyKnows"


def field_missing(lines: list[Any]) -> None:
    del lines[-1]["state"]["actor"]


def time_before(lines: list[Any]) -> None:
    lines[-1]["state"]["at"] = "2001-01-01T00:00:00.000000Z"


def sealed_altered(lines: list[Any]) -> None:
    key = next(line["key"]["documentId"] for line in lines if "key" in line)
    event = next(
        line
        for line in lines
        if line.get("documentId") == key and "sealed" in line.get("state", {})
    )
    head, _, rest = event["state"]["sealed"].partition(".")
    event["state"]["sealed"] = f"{head}.{'A' if rest[0] != 'A' else 'B'}{rest[1:]}"


def newer_format(lines: list[Any]) -> None:
    lines[0]["formatVersion"] = 3


def no_header(lines: list[Any]) -> None:
    del lines[0]


SPOILT: tuple[tuple[Callable[[list[Any]], None], str], ...] = (
    (without_line(-1), "not whole"),
    (without_line(-4), "not whole"),
    (last_swapped, "not after"),
    (version_moved, "without gap"),
    (unknown_topic, "cannot be read: unknown topic"),
    (field_missing, "cannot be read"),
    (time_before, "its time is before"),
    (sealed_altered, "sealed part was altered"),
    (newer_format, "of format 3"),
    (no_header, "no export of events"),
)


def test_a_spoilt_file_is_refused_whole(source: MovableLedger, target: MovableLedger) -> None:
    exported = source.export().splitlines()
    for spoil, why in SPOILT:
        lines = [json.loads(line) for line in exported]
        spoil(lines)
        text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        with pytest.raises(NotImportable, match=why):
            target.take_in(text.encode())
        assert target.rows(LOG) == []
        assert target.rows("SELECT 1 FROM documents") == []


def test_what_begins_in_the_middle_cannot_be_imported(
    source: MovableLedger, target: MovableLedger
) -> None:
    middle = source.docledger.history.last_position() // 2
    exported = source.export(after=middle)
    events = [line for line in map(json.loads, exported.splitlines()) if "position" in line]
    assert [e["position"] for e in events] == [r[4] for r in source.rows(LOG) if r[4] > middle]
    with pytest.raises(NotImportable, match="without --after"):
        target.take_in(exported)


def test_an_export_is_of_one_moment(source: MovableLedger, target: MovableLedger) -> None:
    with source.connected() as connection:
        lines = export_events(connection)
        begun = next(lines)
        source.log.register("later")
        exported = begun + b"".join(lines)
    assert b'"later"' not in exported
    target.take_in(exported)


def test_a_connection_cut_on_the_way_leaves_nothing(
    source: MovableLedger, target: MovableLedger
) -> None:
    exported = source.export().splitlines(keepends=True)

    def lines() -> Iterator[bytes]:
        yield from exported[:-1]
        with psycopg.connect(target.url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name LIKE 'docledger import%'"
            )
        yield exported[-1]

    connection = target.docledger.connect("import")
    connection.autocommit = True
    with pytest.raises(psycopg.OperationalError):
        import_events(connection, lines())
    assert target.rows(LOG) == []
    target.take_in(b"".join(exported))
    assert target.rows(LOG) == source.rows(LOG)


def live_twice(ledger: MovableLedger) -> None:
    """Register document `twice`, delete it and register it again."""
    ledger.log.register("twice")
    ledger.log.delete("twice")
    ledger.log.register("twice")
    ledger.project()


def keys_of(ledger: MovableLedger) -> list[Any]:
    return ledger.rows(
        "SELECT life, key_id FROM document_keys WHERE document_id = 'twice' ORDER BY life"
    )


def titles(ledger: MovableLedger) -> list[str | None]:
    events = [recorded.event for recorded in ledger.docledger.history.of_document("twice")]
    registered = [event for event in events if isinstance(event, DocumentRegistered)]
    return [event.personal.title if event.personal else None for event in registered]


@pytest.mark.parametrize("append", [False, True])
def test_every_life_comes_with_its_key(
    source: MovableLedger, target: MovableLedger, append: bool
) -> None:
    live_twice(source)
    if append:
        target.log.register("other")
    target.take_in(source.export(*() if not append else ("twice",)), append=append)
    assert keys_of(target) == keys_of(source)
    assert len({key_id for _, key_id in keys_of(target)}) == 2
    assert titles(target) == ["A title", "A title"]


def test_lives_that_shared_a_key_in_an_older_export_go_on_sharing_it(
    source: MovableLedger, target: MovableLedger
) -> None:
    live_twice(source)
    lines = [json.loads(line) for line in source.export("twice").splitlines()]
    (_, first), (_, second) = keys_of(source)
    older = []
    for line in lines:
        line.pop("life", None)
        if "format" in line:
            line["formatVersion"], line["keys"] = 1, 1
        if "key" in line and line["key"].pop("life") == 1:
            continue  # what only the first life names is lost, as with a key that was erased
        older.append(json.dumps(line, ensure_ascii=False))
    target.take_in("\n".join(older).encode())
    assert keys_of(target) == [(2, second)]
    assert titles(target) == [None, "A title"]
    assert first != second
