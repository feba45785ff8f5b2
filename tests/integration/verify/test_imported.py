"""What an import listed is looked for where it was listed, and left where its owner put it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from domain import commands as c
from domain.imported_state import ImportedFile, ImportedStage
from domain.values import Original, StageStatus
from integration.projections.log_writer import context
from integration.verify.ledger import FIRST, Ledger, flip_one_bit
from unit.projections.journeys import FIVE

CONTENT = b"What the other system made"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PATH = f"documents/theirs/stages/{FIRST}/report.md"


def import_one(ledger: Ledger, path: str = PATH, checksum: str | None = SHA256) -> Path:
    """Import document `theirs`; return where its file is to be."""
    file = ImportedFile(stage_name=FIRST, file_type="markdown", file_path=path, checksum=checksum)
    command = c.ImportDocument(
        document_id="theirs",
        context=context(),
        title="Theirs",
        original=Original(mime_type="text/markdown"),
        pipeline=FIVE,
        stages=(ImportedStage(stage_name=FIRST, status=StageStatus.COMPLETED),),
        files=(file,),
    )
    ledger.docledger.commands.execute(command)
    ledger.catch_up()
    return ledger.uploads / path


def put(path: Path, content: bytes = CONTENT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize("checksum", [SHA256, None])
@pytest.mark.parametrize("path", [PATH, "old/place/report.md"])
def test_listed_content_that_is_absent_is_named(
    ledger: Ledger, path: str, checksum: str | None
) -> None:
    file = import_one(ledger, path, checksum)
    assert ledger.found() == [("theirs", "blob-missing")]
    put(file)
    assert ledger.found() == []
    file.unlink()
    assert ledger.found() == [("theirs", "blob-missing")]


def test_content_out_of_reach_is_absent(ledger: Ledger) -> None:
    import_one(ledger, "/srv/elsewhere/report.md")
    (detail,) = ledger.details()
    assert FIRST in detail
    assert "elsewhere" not in detail


def test_another_content_than_was_recorded_is_named(ledger: Ledger) -> None:
    file = import_one(ledger)
    put(file, b"something else")
    assert ledger.found() == [("theirs", "blob-changed")]


def test_content_that_was_made_a_blob_is_held_against_its_checksum(ledger: Ledger) -> None:
    file = import_one(ledger)
    put(file)
    blob = ledger.docledger.imported_contents.find(PATH, SHA256)
    file.unlink()
    assert ledger.found() == []
    flip_one_bit(ledger.blob(blob.checksum))
    assert ledger.found() == [("theirs", "blob-changed")]


def test_the_tree_leaves_listed_files_alone(ledger: Ledger) -> None:
    file = import_one(ledger)
    put(file)
    put(file.with_name("stray.md"), b"nobody listed this")
    command: Any = c.StartStage(document_id="theirs", context=context(), stage_name="chunker")
    ledger.docledger.commands.execute(
        c.SkipStage(document_id="theirs", context=context(), stage_name="markdown-optimizer")
    )
    ledger.docledger.commands.execute(command)
    ledger.catch_up()
    assert file.read_bytes() == CONTENT
    assert not file.with_name("stray.md").exists()
    assert ledger.found() == []


def test_a_listed_file_gives_way_to_a_version_that_is_stored_here(ledger: Ledger) -> None:
    file = import_one(ledger, PATH.replace("report", "theirs"))
    put(file)
    blob = ledger.docledger.storage.blobs.put_stream([b"ours"])
    ledger.docledger.commands.execute(
        c.ResetStage(document_id="theirs", context=context(), stage_name=FIRST)
    )
    ledger.complete("theirs", checksum=blob.checksum, size_bytes=blob.size_bytes)
    ledger.catch_up()
    assert file.read_bytes() == b"ours"
    assert ledger.found() == []


def test_a_document_that_is_deleted_takes_listed_files_in_its_folder_along(ledger: Ledger) -> None:
    file = import_one(ledger)
    put(file)
    ledger.docledger.commands.execute(c.DeleteDocument(document_id="theirs", context=context()))
    ledger.register("theirs")
    ledger.catch_up()
    assert not file.exists()
    assert ledger.found() == []
