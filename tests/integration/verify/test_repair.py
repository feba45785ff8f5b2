"""Rows and folders are repaired; what is lost is told, and nothing is made of it."""

from __future__ import annotations

import shutil

from integration.verify.ledger import FIRST, Ledger, flip_one_bit


def test_rows_are_made_anew(ledger: Ledger) -> None:
    before = _rows(ledger)
    ledger.execute(
        "UPDATE documents_processing_stages SET status = 'failed' WHERE document_id = 'doc-1'"
    )
    ledger.execute("DELETE FROM processing_workflows WHERE document_id = 'doc-2'")
    ledger.execute("DELETE FROM document_streams WHERE document_id = 'doc-3'")
    ledger.execute(
        "INSERT INTO stage_output_files (id, document_id, stage_name, file_type, file_path) "
        "VALUES ('x', 'doc-1', 'chunker', 'chunks_json', 'documents/doc-1/stages/chunker/x'), "
        "('y', 'nobody', 'chunker', 'chunks_json', 'documents/nobody/stages/chunker/x')"
    )
    found, repaired = ledger.repair()
    assert {d.document_id for d in found} == {"doc-1", "doc-2", "doc-3", "nobody"}
    assert repaired == found
    assert ledger.found() == []
    assert _rows(ledger) == before


def test_only_rows_of_those_documents_are_written(ledger: Ledger) -> None:
    untouched = (
        "SELECT id, xmin::text FROM documents_processing_stages "
        "WHERE document_id <> 'doc-1' ORDER BY id"
    )
    before = ledger.execute(untouched)
    ledger.execute("DELETE FROM documents_processing_stages WHERE document_id = 'doc-1'")
    ledger.repair()
    assert ledger.execute(untouched) == before
    assert ledger.found() == []


def test_folders_are_linked_again(ledger: Ledger) -> None:
    documents = ledger.uploads / "documents"
    shutil.rmtree(documents / "doc-1")
    (documents / "doc-2" / "strange").write_text("x")
    (documents / "nobody").mkdir()
    found, repaired = ledger.repair()
    assert repaired == found
    assert ledger.found() == []
    assert (documents / "doc-1" / "stages" / FIRST / "report.md").read_text() == f"{FIRST} of doc-1"
    assert not (documents / "nobody").exists()


def test_a_path_in_a_row_that_was_changed_takes_its_file_along(ledger: Ledger) -> None:
    """The tree is made from the tables: where rows were wrong, folders are looked at again."""
    ledger.execute("UPDATE stage_output_files SET file_path = file_path || 'x'")
    ledger.complete("doc-1", "markdown-optimizer", file_type="optimized_markdown")
    ledger.catch_up()
    found, repaired = ledger.repair()
    assert repaired == found
    assert ledger.found() == []


def test_positions_beyond_the_log_are_put_back(ledger: Ledger) -> None:
    ledger.execute("UPDATE tracking SET position = 1000000")
    found, repaired = ledger.repair()
    assert [(d.document_id, d.kind) for d in repaired] == [(None, "tracking")] * len(found)
    ledger.register("doc-4")
    ledger.complete("doc-4")
    ledger.catch_up()
    assert ledger.found() == []


def test_parked_documents_get_going_again(ledger: Ledger) -> None:
    ledger.execute(
        "UPDATE document_streams SET parked_at = now(), parked_position = 3, parked_error = 'x'"
    )
    ledger.complete("doc-3")
    ledger.catch_up()
    found, repaired = ledger.repair()
    assert {d.kind for d in found} == {"parked"}
    assert repaired == found
    assert ledger.found() == []


def test_what_is_lost_is_not_repaired_and_told(ledger: Ledger) -> None:
    checksum = ledger.complete("doc-3")
    ledger.catch_up()
    flip_one_bit(ledger.blob(checksum))
    found, repaired = ledger.repair()
    assert [(d.document_id, d.kind) for d in found] == [("doc-3", "blob-changed")]
    assert repaired == []


def test_rows_of_documents_whose_events_were_altered_are_left_alone(ledger: Ledger) -> None:
    """They may be all that is left of the truth; the others are repaired."""
    ledger.seal()
    ledger.execute("DELETE FROM docledger_events WHERE originator_id = 'doc-1'")
    ledger.execute(
        "UPDATE docledger_events SET topic = 'WorkflowPaused' WHERE notification_id = %s",
        ledger.positions("doc-2")[-1],
    )
    ledger.execute("DELETE FROM documents_processing_stages WHERE document_id = 'doc-3'")
    before = _rows(ledger)
    _, repaired = ledger.repair()
    assert {d.document_id for d in repaired} == {"doc-3"}
    assert [row for row in _rows(ledger) if "doc-3" not in row[0]] == [
        row for row in before if "doc-3" not in row[0]
    ]
    assert {i for i, _ in ledger.found()} == {None, "doc-1", "doc-2"}


def test_rows_that_know_more_than_a_log_that_lost_events_are_left_alone(ledger: Ledger) -> None:
    ledger.seal()
    ledger.execute(
        "DELETE FROM docledger_events WHERE notification_id = %s", ledger.positions("doc-2")[-1]
    )
    before = _rows(ledger)
    found, repaired = ledger.repair()
    assert ("doc-2", "row-changed") in {(d.document_id, d.kind) for d in found}
    assert [d for d in repaired if d.document_id] == []
    assert _rows(ledger) == before


def _rows(ledger: Ledger) -> list[tuple[str]]:
    tables = ("documents_processing_stages", "stage_output_files", "processing_workflows")
    union = " UNION ALL ".join(f"SELECT t::text FROM {table} t" for table in tables)
    return ledger.execute(f"{union} UNION ALL SELECT t::text FROM document_streams t ORDER BY 1")
