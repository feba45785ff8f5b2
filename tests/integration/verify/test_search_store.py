"""The search store is a read model: it fills itself, is checked, repaired and rebuilt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from docledger.bootstrap import Docledger
from docledger.settings import Settings
from domain import commands as c
from eventstore.transfer.incoming import import_events
from eventstore.transfer.outgoing import export_events
from integration.projections.log_writer import context
from integration.verify.ledger import Ledger, ledger_at
from postgres.migrate import Migrator
from stages import postgres_search
from stages.search import current, indexer

COPY = """
    INSERT INTO search_chunks SELECT {}, 7, realm_id, config, heading_path, body,
        start_offset, end_offset, token_count, facts, tsv, index_version, pages FROM search_chunks
"""
MADE_BEFORE = """
    UPDATE search_chunks SET index_version = 1, config = 'english', pages = NULL,
        tsv = to_tsvector('english', body);
    UPDATE search_documents SET index_version = 1, title_md5 = NULL;
    UPDATE tracking SET version = 1 WHERE projection = 'search_store';
"""


@pytest.fixture
def ledger(database: str, tmp_path: Path) -> Iterator[Ledger]:
    """Two documents that can be found, and one that never came so far."""
    with ledger_at(tmp_path, database) as ledger:
        ledger.register("doc-1", "doc-2", "doc-3")
        ledger.ingest("doc-1", "The lamp of the harbour.", "The keeper is asleep.")
        ledger.ingest("doc-2", "The lamp of the mill.")
        ledger.catch_up()
        ledger.index()
        yield ledger


def differences(ledger: Ledger) -> list[tuple[str | None, str, str]]:
    return [(d.document_id, d.kind, d.detail) for d in ledger.check().differences]


def test_documents_are_found_once_their_ingestor_is_completed(ledger: Ledger) -> None:
    assert ledger.found_by("lamp") == ["doc-1", "doc-2"]
    assert ledger.found_by("report") == ["doc-1", "doc-2"]
    assert differences(ledger) == []


def test_a_store_that_was_dropped_is_filled_again(ledger: Ledger, database: str) -> None:
    Migrator(database).down(2, delete_events=False)
    Migrator(database).up()
    assert ledger.found_by("lamp") == []
    ledger.catch_up()
    ledger.index()
    assert ledger.found_by("lamp") == ["doc-1", "doc-2"]
    assert differences(ledger) == []


def test_a_store_that_was_emptied_is_filled_again(ledger: Ledger) -> None:
    """Also by the indexer that runs, without a restart."""
    running = indexer.SearchIndexer(
        ledger.docledger.connecting("index"), ledger.docledger.search_filler
    )
    for emptied in (
        "TRUNCATE search_chunks",
        "DELETE FROM search_chunks",
        "TRUNCATE search_chunks, search_documents",
    ):
        while running.step().has_more:
            pass
        with ledger.connected() as connection:
            connection.execute(emptied.encode())
        running._check_emptied_at = 0.0
        while running.step().has_more:
            pass
        assert ledger.found_by("lamp") == ["doc-1", "doc-2"], emptied
    running.close()


def test_another_version_of_the_index_fills_it_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (postgres_search, current, indexer):
        monkeypatch.setattr(module, "INDEX_VERSION", 3)
    ledger.execute("UPDATE search_chunks SET body = 'as another version would have it'")
    ledger.index()
    versions = ledger.execute("SELECT DISTINCT index_version FROM search_documents")
    assert versions == [(3,)]
    assert ledger.execute("SELECT version FROM tracking WHERE projection = 'search_store'") == [
        (3,)
    ]
    assert differences(ledger) == []


def test_a_store_of_before_is_searched_while_it_is_filled_again(ledger: Ledger) -> None:
    def indexed() -> tuple[int, int]:
        found = ledger.docledger.status()["search"]
        return found["indexed"], found["documents"]

    ledger.execute(MADE_BEFORE)
    assert indexed() == (0, 2)
    assert ledger.found_by("lamps") == ["doc-1", "doc-2"]
    assert ledger.found_by("the title") == []
    with ledger.connected() as connection:
        [first, _] = current.ingested_after(connection, "", 10)
    ledger.docledger.search_filler.fill(first)
    assert indexed() == (1, 2)
    assert ledger.found_by("lamps") == ["doc-1", "doc-2"]
    ledger.index()
    assert indexed() == (2, 2)
    assert ledger.found_by("lamps") == ["doc-1", "doc-2"]
    assert ledger.found_by("the title") == ["doc-1", "doc-2"]
    assert differences(ledger) == []


def test_a_document_is_found_by_its_new_title(ledger: Ledger) -> None:
    ledger.execute("UPDATE documents SET title = 'Zebrawood' WHERE id = 'doc-1'")
    assert {kind for _, kind, _ in differences(ledger)} == {"search-changed"}
    ledger.index()
    assert ledger.found_by("zebrawood") == ["doc-1"]
    assert differences(ledger) == []


def test_imported_events_are_found(ledger: Ledger, embedded_server: object, tmp_path: Path) -> None:
    url = embedded_server.create_migrated_database()  # type: ignore[attr-defined]
    with ledger.connected() as connection:
        lines = list(export_events(connection, None, after=0, with_keys=True))
    with psycopg.connect(url, autocommit=True) as connection:
        import_events(connection, lines, append=False, advance=lambda _done, _total: None)
    with Docledger(Settings(home=tmp_path, database_url=url, pool_connections=4)) as docledger:
        copy = Ledger(docledger)
        copy.catch_up()
        copy.index()
        assert copy.found_by("lamp") == ["doc-1", "doc-2"]
    embedded_server.drop_database(url)  # type: ignore[attr-defined]


def test_one_indexer_is_at_work(ledger: Ledger) -> None:
    ledger.execute("TRUNCATE search_chunks, search_documents")
    other = indexer.SearchIndexer(
        ledger.docledger.connecting("index"), ledger.docledger.search_filler
    )
    with ledger.docledger.connect("test") as busy:
        busy.execute("SELECT FROM tracking WHERE projection = 'search_store' FOR UPDATE")
        assert other.step() == indexer.IndexStep()
        assert ledger.found_by("lamp") == []
    while other.step().has_more:
        pass
    other.close()
    assert ledger.found_by("lamp") == ["doc-1", "doc-2"]


def test_events_that_follow_are_indexed(ledger: Ledger) -> None:
    running = indexer.SearchIndexer(
        ledger.docledger.connecting("index"), ledger.docledger.search_filler
    )
    while running.step().has_more:
        pass
    ledger.ingest("doc-3", "The lamp of the bridge.")
    ledger.catch_up()
    while running.step().has_more:
        pass
    assert ledger.found_by("lamp") == ["doc-1", "doc-2", "doc-3"]
    ledger.execute("UPDATE search_chunks SET realm_id = 'r' WHERE document_id = 'doc-3'")
    ledger.docledger.commands.execute(c.DeleteDocument(document_id="doc-1", context=context()))
    ledger.catch_up()
    while running.step().has_more:
        pass
    running.close()
    assert ledger.found_by("lamp") == ["doc-2", "doc-3"]
    position = ledger.execute("SELECT position FROM tracking WHERE projection = 'search_store'")
    assert position == [(ledger.docledger.history.last_position(),)]


def test_chunks_that_are_none_leave_nothing_and_are_not_tried_again(ledger: Ledger) -> None:
    ledger.ingest("doc-3", "x")
    blob = ledger.docledger.storage.blobs.put_stream([b"no chunks at all"])
    ledger.catch_up()
    ledger.execute(
        "UPDATE stage_output_files SET checksum = %s"
        " WHERE document_id = 'doc-3' AND file_type = 'chunks_json'",
        blob.checksum,
    )
    ledger.index()
    query = "SELECT chunks, problem FROM search_documents WHERE document_id = 'doc-3'"
    assert ledger.execute(query) == [(0, "UnconvertibleDocument")]
    with ledger.connected() as connection:
        (found,) = current.ingested_among(connection, ["doc-3"])
    assert not found.is_due


CHANGES: list[tuple[str, tuple[str, str, str]]] = [
    (
        "DELETE FROM search_chunks WHERE document_id = 'doc-1' AND chunk_index = 1",
        ("doc-1", "search-missing", "1 of 2 chunks are not found in searches"),
    ),
    (
        "DELETE FROM search_chunks WHERE document_id = 'doc-1'",
        ("doc-1", "search-missing", "2 of 2 chunks are not found in searches"),
    ),
    (
        "UPDATE search_chunks SET body = 'forged' WHERE document_id = 'doc-2'",
        (
            "doc-2",
            "search-changed",
            "1 of 1 chunks are held with other content than its current output",
        ),
    ),
    (
        "UPDATE search_chunks SET tsv = '' WHERE document_id = 'doc-2'",
        (
            "doc-2",
            "search-changed",
            "1 of 1 chunks are held with other content than its current output",
        ),
    ),
    (
        "UPDATE search_chunks SET realm_id = 'other' WHERE document_id = 'doc-1'",
        ("doc-1", "search-realm", "2 chunks are found in another realm than the document's"),
    ),
    (
        COPY.format("'doc-1'") + " WHERE document_id = 'doc-2'",
        ("doc-1", "search-extra", "1 chunk is held that its current output does not have"),
    ),
    (
        "UPDATE search_chunks SET document_id = 'doc-3' WHERE document_id = 'doc-2'",
        ("doc-3", "search-extra", "it is found in searches and should not be"),
    ),
    (
        "UPDATE search_chunks SET document_id = 'stranger' WHERE document_id = 'doc-2'",
        ("stranger", "search-extra", "it is found in searches and should not be"),
    ),
]


def test_each_difference_is_named_and_repaired(ledger: Ledger) -> None:
    for change, expected in CHANGES:
        ledger.execute(change)
        found = differences(ledger)
        assert expected in found, change
        assert {kind for _, kind, _ in found} <= {"search-missing", expected[1]}
        before, repaired = ledger.repair()
        assert repaired == before
        assert differences(ledger) == []
    assert ledger.found_by("lamp") == ["doc-1", "doc-2"]


def test_a_refill_puts_everything_right_while_searches_go_on(ledger: Ledger) -> None:
    ledger.execute("UPDATE search_chunks SET body = 'forged', realm_id = 'x'")
    ledger.execute(COPY.format("'doc-3'") + " LIMIT 1")
    with ledger.connected() as connection:
        assert ledger.docledger.search_filler.refill(connection) == 2
    assert differences(ledger) == []


def test_missing_content_is_named_by_itself_and_tried_again(ledger: Ledger) -> None:
    (checksum,) = ledger.execute(
        "SELECT checksum FROM stage_output_files"
        " WHERE document_id = 'doc-1' AND file_type = 'chunks_json'"
    )[0]
    content = ledger.blob(checksum).read_bytes()
    ledger.blob(checksum).unlink()
    assert {kind for _, kind, _ in differences(ledger)} == {"blob-missing"}
    ledger.execute("TRUNCATE search_chunks, search_documents")
    running = indexer.SearchIndexer(
        ledger.docledger.connecting("index"), ledger.docledger.search_filler
    )
    while running.step().has_more:
        pass
    assert ledger.found_by("lamp") == ["doc-2"]
    ledger.docledger.storage.blobs.put_stream([content])
    assert not running.step().has_more
    running._retry_at = 0.0
    while running.step().has_more:
        pass
    running.close()
    assert ledger.found_by("lamp") == ["doc-1", "doc-2"]
