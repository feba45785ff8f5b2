"""What is wrong with the tables is found and named; what only is under way is not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from conftest import SERVERS
from domain import commands as c
from eventstore.application import WorkflowApplication
from eventstore.group_commit import GroupCommit
from eventstore.history import History
from files.tree_projector import TreeProjector
from integration.projections.log_writer import LogWriter, context
from integration.projections.projecting import eventually, make_projector
from integration.verify.ledger import Ledger, ledger_at
from projections import fold
from projections.rebuild_lock import RebuildRunning, rebuild_lock
from verification.rows import same_json
from verification.streams_reader import StreamsUnderCheck
from verification.tables import check_tables


@pytest.mark.parametrize("database", SERVERS, indirect=True)
def test_a_ledger_in_order_shows_no_difference(ledger: Ledger) -> None:
    findings = ledger.check()
    assert findings.differences == []
    assert findings.counts == {"events": 12, "documents": 3, "contents": 5}
    assert findings.position == ledger.docledger.history.last_position()


@pytest.mark.parametrize("shard_documents", [3, 500])
def test_random_histories_show_no_difference(
    database: str, tmp_path: Path, shard_documents: int
) -> None:
    with ledger_at(tmp_path, database) as ledger:
        application = WorkflowApplication(database)
        commit = GroupCommit(application, view=fold)
        history = History(application)
        LogWriter(commit, database).random_histories([f"d{n}" for n in range(20)], 7, rounds=40)
        make_projector(database, history).run_until(history.last_position())
        with ledger.connected() as connection:
            shards = list(
                check_tables(
                    connection,
                    StreamsUnderCheck(history),
                    shard_documents=shard_documents,
                    shard_events=200,
                )
            )
        commit.close()
        application.close()
    assert [d for shard in shards for d in shard.differences] == []
    assert sum(shard.documents for shard in shards) == 20
    assert len(shards) >= 20 / shard_documents


CHANGES = [
    ("documents_processing_stages", "status = 'failed'", "status"),
    ("documents_processing_stages", "attempt = 7, retry_count = 1", "retry_count, attempt"),
    ("documents_processing_stages", "metadata = '{\"a\": 1}'", "metadata"),
    ("documents_processing_stages", "updated_at = updated_at + interval '1 us'", "updated_at"),
    ("stage_output_files", "checksum = repeat('0', 64)", "checksum"),
    ("stage_output_files", "file_size = file_size + 1", "file_size"),
    ("stage_output_files", "metadata = '{\"pages\": true}'", "metadata"),
    ("processing_workflows", "completed_stages = 5, status = 'completed'", "completed_stages"),
    ("processing_workflows", "configuration = '{\"retries\": 9}'", "configuration"),
    ("document_streams", "version = version + 1", "version"),
    ("document_streams", "pipeline = pipeline - 0", "pipeline"),
    ("document_streams", "file_versions = '{\"x:y\": 3}'", "file_versions"),
]


def test_rows_changed_by_hand_are_found(ledger: Ledger) -> None:
    changed = {f"changed-{number}": change for number, change in enumerate(CHANGES)}
    ledger.register(*changed)
    for document_id in changed:
        ledger.complete(document_id, metadata={"pages": 1})
    ledger.catch_up()
    for document_id, (table, change, _) in changed.items():
        ledger.execute(
            f"UPDATE {table} SET {change} WHERE ctid = "
            f"(SELECT ctid FROM {table} WHERE document_id = %s LIMIT 1)",
            document_id,
        )
    found = [d for d in ledger.check().differences if d.kind.startswith("row")]
    assert [(d.document_id, d.kind) for d in found] == [(i, "row-changed") for i in sorted(changed)]
    for difference in found:
        table, _, columns = changed[str(difference.document_id)]
        assert difference.detail.startswith(f"{table}: ")
        assert columns in difference.detail


TABLES = ("documents_processing_stages", "stage_output_files", "processing_workflows")


def test_rows_missing_are_found(ledger: Ledger) -> None:
    missing = {f"missing-{n}": table for n, table in enumerate([*TABLES, "document_streams"])}
    ledger.register(*missing)
    for document_id in missing:
        ledger.complete(document_id)
    ledger.catch_up()
    for document_id, table in missing.items():
        ledger.execute(
            f"DELETE FROM {table} WHERE ctid = "
            f"(SELECT ctid FROM {table} WHERE document_id = %s LIMIT 1)",
            document_id,
        )
    found = [d for d in ledger.check().differences if d.kind.startswith("row")]
    assert [(d.document_id, d.kind) for d in found] == [(i, "row-missing") for i in sorted(missing)]
    assert all(d.detail.startswith(missing[str(d.document_id)]) for d in found)


def test_rows_too_many_are_found(ledger: Ledger) -> None:
    for document_id in ("doc-2", "nobody"):
        for number, table in enumerate(TABLES):
            ledger.execute(
                f"INSERT INTO {table} SELECT (jsonb_populate_record(r, jsonb_build_object("
                "'id', %s::text, 'document_id', %s::text, 'stage_name', 'translation'))).* "
                f"FROM {table} r WHERE document_id = 'doc-1' LIMIT 1",
                *(f"{document_id}-{number}", document_id),
            )
    found = [d for d in ledger.check().differences if d.kind.startswith("row")]
    assert [(d.document_id, d.kind) for d in found] == [
        *[("doc-2", "row-extra")] * 3,
        *[("nobody", "row-extra")] * 3,
    ]
    assert {d.detail.split(":")[0] for d in found} == set(TABLES)


def test_a_stream_of_nobody_is_found(ledger: Ledger) -> None:
    ledger.execute("INSERT INTO document_streams (document_id, version, position) SELECT 'x', 1, 1")
    assert ledger.found() == [("x", "row-extra")]


def test_rows_that_are_behind_are_found(ledger: Ledger) -> None:
    """As when a position was moved on by hand: nobody would apply these events any more."""
    ledger.complete("doc-3")
    last = ledger.docledger.history.last_position()
    ledger.execute("UPDATE tracking SET position = %s", last)
    assert ("doc-3", "row-changed") in ledger.found()


def test_what_the_projector_has_not_applied_yet_is_no_difference(ledger: Ledger) -> None:
    ledger.complete("doc-3")
    ledger.register("doc-4")
    assert ledger.found() == []


def test_parked_documents_are_told(ledger: Ledger) -> None:
    ledger.execute(
        "INSERT INTO docledger_events (originator_id, originator_version, topic, state) "
        """SELECT 'doc-1', 7, 'Melted', '{"at":"2027-01-01T00:00:00.000000Z"}'"""
    )
    ledger.catch_up()
    found = {d.kind: d for d in ledger.check().differences}
    assert found.keys() == {"parked", "stream"}
    assert found["parked"].document_id == "doc-1"
    assert "Melted" in found["parked"].detail


def test_events_that_no_command_led_to_are_told(ledger: Ledger) -> None:
    """Whether or not rows can be made of them, and whether or not the log was sealed."""
    ledger.execute(
        "INSERT INTO docledger_events (originator_id, originator_version, topic, state) "
        "SELECT 'doc-1', 6, 'WorkflowResumed', state FROM docledger_events "
        "WHERE originator_id = 'doc-1' AND originator_version = 2"
    )
    ledger.execute(
        "UPDATE docledger_events SET originator_version = originator_version + 1 "
        "WHERE originator_id = 'doc-2' AND originator_version = 5"
    )
    one, other = ledger.positions("doc-3")
    for before, after in ((one, 0), (other, one), (0, other)):
        ledger.execute(
            "UPDATE docledger_events SET notification_id = %s WHERE notification_id = %s",
            *(after, before),
        )
    found = {d.document_id: d.detail for d in ledger.check().differences if d.kind == "stream"}
    assert found == {
        "doc-1": "version 6, WorkflowResumed: it is not allowed there: the workflow is running",
        "doc-2": "version 6, StageCompleted: it is not allowed there: version 5 is due",
        "doc-3": "version 2, WorkflowStarted: its position is before that of the version ahead",
    }


def test_numbers_come_back_from_the_database_as_the_same(ledger: Ledger) -> None:
    numbers = {"a": 1e23, "b": 0.1, "c": 2**53 - 1, "d": 1.5e-9, "e": 1e300, "f": -0.0, "g": 1.0}
    ledger.complete("doc-3", metadata=numbers)
    ledger.catch_up()
    assert ledger.found() == []
    ledger.execute(
        "UPDATE stage_output_files SET metadata = jsonb_set(metadata, '{a}', '1e24') "
        "WHERE document_id = 'doc-3'"
    )
    assert ledger.found() == [("doc-3", "row-changed")]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1e23, 10**23, True),
        (1.0, 1, True),
        (True, 1, False),
        (0, False, False),
        ({"a": [1, (2,)]}, {"a": [1, [2]]}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ([1, 2], [1], False),
        ("1", 1, False),
        (2**53, 2**53 + 1, False),
        (None, None, True),
    ],
)
def test_json_is_the_same_when_the_database_would_say_so(
    one: object, other: object, same: bool
) -> None:
    assert same_json(one, other) is same


def test_commands_and_projectors_at_work_make_no_difference(ledger: Ledger) -> None:
    """Checks one after the other, while documents come and go, stages end and folders change."""
    stop = threading.Event()
    projector = ledger.docledger.projector()
    tree = TreeProjector(
        ledger.docledger.connecting("tree"), ledger.docledger.storage.tree, poll_seconds=0.02
    )

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            ledger.register(f"new-{number}")
            ledger.complete(f"new-{number}")
            if number % 3 == 0:
                ledger.docledger.commands.execute(_deletion(f"new-{number}"))
            ledger.seal(batches=1)

    threads = [
        threading.Thread(target=write),
        threading.Thread(target=projector.run),
        threading.Thread(target=tree.run, args=(stop,)),
    ]
    for thread in threads:
        thread.start()
    try:
        checks = [ledger.check()]
        eventually(lambda: _documents(ledger) > checks[0].counts["documents"], seconds=60)
        checks += [ledger.check() for _ in range(4)]
    finally:
        stop.set()
        projector.stop()
        for thread in threads:
            thread.join(20)
    assert [d for check in checks for d in check.differences] == []
    assert checks[-1].counts["documents"] > checks[0].counts["documents"]
    ledger.catch_up()
    assert ledger.found() == []


def test_no_check_while_the_tables_are_rebuilt_and_no_rebuild_during_a_check(
    ledger: Ledger,
) -> None:
    with ledger.connected() as connection:
        with rebuild_lock(connection, exclusive=True), pytest.raises(RebuildRunning):
            ledger.check()
        assert ledger.found() == []


def _deletion(document_id: str) -> c.DeleteDocument:
    return c.DeleteDocument(document_id=document_id, context=context())


def _documents(ledger: Ledger) -> int:
    with ledger.connected() as connection:
        row = connection.execute("SELECT count(*) FROM document_streams").fetchone()
    return int(row[0]) if row else 0
