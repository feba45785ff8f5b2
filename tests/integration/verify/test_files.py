"""What is wrong with contents and with the uploads tree is found, and whose it is."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from files.object_blobs import ObjectBlobStore
from files.object_tree import ObjectTree
from integration.verify.ledger import FIRST, Ledger, flip_one_bit
from verification import tree as verify_tree
from verification.tree_reader import ObjectTreeReader, blob_fault


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _original(ledger: Ledger, document_id: str) -> Path:
    return ledger.uploads / "documents" / document_id / "original" / "report.pdf"


def _output(ledger: Ledger, document_id: str) -> Path:
    return ledger.uploads / "documents" / document_id / "stages" / FIRST / "report.md"


def test_a_flipped_bit_and_a_missing_content_are_found(ledger: Ledger) -> None:
    flipped, missing = _checksum("original of doc-1"), _checksum(f"{FIRST} of doc-2")
    flip_one_bit(ledger.blob(flipped))
    ledger.blob(missing).unlink()
    found = ledger.check().differences
    blobs = {(d.document_id, d.kind, d.detail) for d in found if d.kind.startswith("blob")}
    assert blobs == {
        (
            "doc-1",
            "blob-changed",
            f"documents/doc-1/original/report.pdf: {flipped} holds something else",
        ),
        (
            "doc-2",
            "blob-missing",
            f"documents/doc-2/stages/{FIRST}/report.md, version 1: {missing} is not in the storage",
        ),
    }


def test_files_that_share_a_content_are_each_missed_by_their_own_name(ledger: Ledger) -> None:
    """Six files of three documents, one content."""
    shared = ledger.docledger.storage.blobs.put_stream([b"shared"])
    stages = {FIRST: ".md", "markdown-optimizer": ".opt.md"}
    for document_id in ("doc-4", "doc-5", "doc-6"):
        ledger.register(document_id)
        for stage_name, suffix in stages.items():
            ledger.complete(
                document_id,
                stage_name,
                file_type="markdown",
                suffix=suffix,
                checksum=shared.checksum,
                size_bytes=shared.size_bytes,
            )
    ledger.catch_up()
    ledger.blob(shared.checksum).unlink()
    found = [d.detail for d in ledger.check().differences if d.kind == "blob-missing"]
    assert sorted(found) == [
        f"documents/{document_id}/stages/{stage_name}/report{suffix}, version 1: "
        f"{shared.checksum} is not in the storage"
        for document_id in ("doc-4", "doc-5", "doc-6")
        for stage_name, suffix in stages.items()
    ]


def test_a_content_of_another_length_is_found_and_each_of_its_documents_named(
    ledger: Ledger,
) -> None:
    shared = ledger.docledger.storage.blobs.put_stream([b"shared"])
    ledger.complete("doc-3", checksum=shared.checksum, size_bytes=shared.size_bytes)
    ledger.register("doc-4")
    ledger.complete("doc-4", checksum=shared.checksum, size_bytes=shared.size_bytes)
    ledger.catch_up()
    path = ledger.blob(shared.checksum)
    path.chmod(0o644)
    path.write_bytes(b"shared and more")
    assert set(ledger.found()) == {("doc-3", "blob-changed"), ("doc-4", "blob-changed")}


def test_the_tree_is_held_against_the_tables(ledger: Ledger) -> None:
    _output(ledger, "doc-1").unlink()
    changed = _original(ledger, "doc-2")
    changed.unlink()
    changed.write_text("something else")
    extra = ledger.uploads / "documents" / "doc-3" / "notes" / "mine.txt"
    extra.parent.mkdir()
    extra.write_text("mine")
    found = ledger.check().differences
    assert {(d.document_id, d.kind, d.detail) for d in found} == {
        ("doc-1", "tree-missing", f"documents/doc-1/stages/{FIRST}/report.md"),
        ("doc-2", "tree-changed", "documents/doc-2/original/report.pdf"),
        ("doc-3", "tree-extra", "documents/doc-3/notes/mine.txt"),
    }


def test_links_that_lead_elsewhere_are_found(ledger: Ledger, tmp_path: Path) -> None:
    path = _original(ledger, "doc-1")
    elsewhere = tmp_path / "elsewhere"
    shutil.copy(path, elsewhere)
    path.unlink()
    path.symlink_to(elsewhere)
    folder = _output(ledger, "doc-2").parent
    shutil.rmtree(folder)
    folder.symlink_to(tmp_path)
    assert {("doc-1", "tree-changed"), ("doc-2", "tree-extra"), ("doc-2", "tree-missing")} == set(
        ledger.found()
    )


def test_copies_are_as_good_as_links(ledger: Ledger) -> None:
    path = _original(ledger, "doc-1")
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert ledger.found() == []


def test_folders_of_nobody_are_found(ledger: Ledger) -> None:
    for name in ("doc-9", "100%", "a~b"):
        (ledger.uploads / "documents" / name).mkdir()
    (ledger.uploads / "documents" / os.fsdecode(b"\xff")).mkdir()
    long_id = "ä" * 200
    ledger.register(long_id)
    ledger.catch_up()
    found = ledger.found()
    assert ("doc-9", "tree-extra") in found
    assert found.count((None, "tree-extra")) == 3
    assert len(found) == 4


def test_a_folder_that_is_behind_is_no_difference_until_its_turn_is_over(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_tree, "_PATIENCE_SECONDS", 0.2)
    ledger.complete("doc-3")
    ledger.docledger.projector().run_until(ledger.docledger.history.last_position())
    findings = ledger.check()
    assert (findings.differences, findings.folders_behind) == ([], 1)
    ledger.execute("UPDATE tracking SET position = (SELECT max(position) FROM tracking)")
    assert ledger.found() == [("doc-3", "tree-missing")]


@pytest.mark.parametrize("tags", [True, False])
def test_an_object_store_is_looked_at_as_well(tags: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    blobs = ObjectBlobStore(store)
    one, other = blobs.put_stream([b"one"]), blobs.put_stream([b"other"])
    wanted = {
        "documents/doc-1/original/a.pdf": one.checksum,
        "documents/doc-1/stages/x/a.md": other.checksum,
    }
    ObjectTree(store).reconcile("doc-1", wanted)
    reader = ObjectTreeReader(store)
    if not tags:
        monkeypatch.setattr(reader, "_held", lambda prefix: ((path, None) for path in wanted))
    assert reader.faults("doc-1", wanted) == []
    assert list(reader.folders()) == ["doc-1"]
    obstore.put(store, "documents/doc-1/original/a.pdf", b"another")
    assert reader.faults("doc-1", wanted) == [("documents/doc-1/original/a.pdf", "changed")]
    obstore.put(store, f"blobs/sha256/{one.checksum[:2]}/{one.checksum[2:4]}/{one.checksum}", b"x")
    assert blob_fault(blobs, one.checksum, 3) == "changed"
    assert blob_fault(blobs, other.checksum, 5) is None
    assert blob_fault(blobs, "0" * 64, 5) == "missing"
