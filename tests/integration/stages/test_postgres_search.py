"""The search store in PostgreSQL: found by words in any language, replaced as a whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from conftest import SERVERS
from stages.chunker import ChunkerOptions, chunk
from stages.facts import facts
from stages.ingestor import Ingestor
from stages.postgres_search import PostgresSearchStore
from stages.search_store import Comparison, CursorInvalid, IndexedFrom, SearchUnavailable, Stored
from stages.shapes import ChunksDocument, ChunksSource, FactsDocument, write_document
from unit.stages.making import SAMPLES, converted, input_file, task_of

MADE_FROM = IndexedFrom("a" * 64, None)
_SMALL = ChunkerOptions(min_tokens=10, max_tokens=40)


@pytest.fixture
def pool(database: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(database, min_size=1, max_size=6, open=True) as pool:
        yield pool


@pytest.fixture
def store(pool: ConnectionPool) -> PostgresSearchStore:
    return PostgresSearchStore(pool.connection)


def add_document(pool: ConnectionPool, *document_ids: str, realm_id: str | None = None) -> None:
    with pool.connection() as connection:
        for document_id in document_ids:
            connection.execute(
                "INSERT INTO documents (id, realm_id) VALUES (%s, %s)", [document_id, realm_id]
            )


def put(store: PostgresSearchStore, document_id: str, markdown: str) -> Stored:
    chunks = chunk(markdown, _SMALL)
    return store.replace(document_id, chunks, facts(chunks), MADE_FROM)


def found(store: PostgresSearchStore, words: str, realm_id: str | None = None) -> list[str]:
    return [hit.document_id for hit in store.search(words, realm_id=realm_id).hits]


@pytest.mark.parametrize("database", SERVERS, indirect=True)
def test_words_are_found_in_the_language_of_their_document(
    store: PostgresSearchStore, pool: ConnectionPool
) -> None:
    for path in SAMPLES.iterdir():
        add_document(pool, path.name)
        put(store, path.name, converted(path).markdown)
    assert "harbour-bulletin.pdf" in found(store, "buoy")  # the text says buoys
    assert found(store, "Leuchttürme") == ["leuchtturm-varn.md"] * len(found(store, "Leuchttürme"))
    assert "carnet-de-riviere.txt" in found(store, "bateaux")  # the text says bateau
    assert "toudai.txt" in found(store, "灰色")
    assert found(store, "色灰") == []
    assert "gauge-readings.csv" in found(store, '"Boot des Müllers"')
    assert "keepers-handbook.docx" in found(store, "prisms -granite")
    assert found(store, "nosuchwordanywhere") == []


def test_hits_say_where_they_are(store: PostgresSearchStore, pool: ConnectionPool) -> None:
    add_document(pool, "a")
    filler = "Nothing at all happens here. " * 5
    markdown = f"# Varn\n\n{filler}\n\n## The weir\n\nThe keeper measured the **weir** twice.\n"
    put(store, "a", markdown)
    (hit, *_) = store.search("keepers measuring").hits
    assert hit.document_id == "a"
    assert hit.heading_path == ("Varn", "The weir")
    assert "weir** twice" in markdown[hit.start : hit.end]
    assert [hit.snippet[a:b] for a, b in hit.highlights] == ["keeper", "measured"]
    assert "The keeper measured the weir twice." in hit.snippet
    assert 0 < hit.score < 1


def test_snippets_hold_nothing_that_a_browser_would_run(
    store: PostgresSearchStore, pool: ConnectionPool
) -> None:
    add_document(pool, "a")
    put(store, "a", "The lamp <script>alert(1)</script> & <img src=x onerror=alert(2)> lamp 3 < 5.")
    (hit,) = store.search("lamp").hits
    assert "<" not in hit.snippet
    assert ">" not in hit.snippet
    assert hit.snippet.startswith("The lamp")


@pytest.mark.parametrize(
    "words",
    ["", " ", "'", '"', "a & | ! ( )", "-", "\\", "%s", "the", "\x00lamp", "or or", "😀", "-lamp"],
)
def test_any_words_may_be_asked_for(store: PostgresSearchStore, words: str) -> None:
    assert store.search(words).hits == ()


def test_realms_are_kept_apart(store: PostgresSearchStore, pool: ConnectionPool) -> None:
    add_document(pool, "a", realm_id="harbour")
    add_document(pool, "b", realm_id="mill")
    put(store, "a", "The lamp of the harbour.")
    put(store, "b", "The lamp of the mill.")
    assert found(store, "lamp", realm_id="mill") == ["b"]
    assert sorted(found(store, "lamp")) == ["a", "b"]


def test_a_document_that_moves_takes_its_chunks_along(
    store: PostgresSearchStore, pool: ConnectionPool
) -> None:
    """Another application's UPDATE moves them in its own transaction."""
    add_document(pool, "a", realm_id="harbour")
    put(store, "a", "The lamp of the harbour.")
    with pool.connection() as connection:
        connection.execute("UPDATE documents SET realm_id = 'mill'")
    assert found(store, "lamp", realm_id="harbour") == []
    assert found(store, "lamp", realm_id="mill") == ["a"]


def test_a_move_waits_for_no_ingestion_and_is_not_lost(
    store: PostgresSearchStore, pool: ConnectionPool
) -> None:
    """The rows are locked while their document is moved: they follow it afterwards."""
    add_document(pool, "a", realm_id="harbour")
    put(store, "a", "The lamp of the harbour.")
    with pool.connection() as busy, busy.transaction(force_rollback=True):
        busy.execute("SELECT FROM search_chunks FOR UPDATE")
        with pool.connection() as connection:
            connection.execute("UPDATE documents SET realm_id = 'mill'")
    assert found(store, "lamp", realm_id="mill") == []
    store.move(["a"])
    assert found(store, "lamp", realm_id="mill") == ["a"]


def test_a_realm_of_any_length_refuses_nothing(
    store: PostgresSearchStore, pool: ConnectionPool
) -> None:
    with pool.connection() as connection:
        connection.execute("ALTER TABLE documents ALTER realm_id TYPE text, ADD extra json")
    add_document(pool, "a")
    put(store, "a", "The lamp of the harbour.")
    with pool.connection() as connection:
        # A type without an equality operator is none of our business either.
        connection.execute("UPDATE documents SET realm_id = repeat('r', 1000), extra = '{}'")
    assert found(store, "lamp", realm_id="r" * 1000) == ["a"]


def test_what_was_ingested_of_a_former_life_is_not_kept(
    store: PostgresSearchStore, pool: ConnectionPool
) -> None:
    """The document was deleted and registered again while its ingestor ran."""
    add_document(pool, "a")
    chunks = chunk("The lamp of the harbour.", _SMALL)
    with pool.connection() as connection:
        connection.execute(
            "INSERT INTO docledger_document_changes (document_id, change, version)"
            " VALUES ('a', 'deleted', 7)"
        )
    assert store.replace("a", chunks, [], MADE_FROM, after_version=7) == Stored(0, 0)
    with pool.connection() as connection:
        connection.execute("DELETE FROM docledger_document_changes")
    assert store.replace("a", chunks, [], MADE_FROM, if_current=True) == Stored(0, 0)
    assert found(store, "lamp") == []
    assert store.replace("a", chunks, [], MADE_FROM, after_version=7) == Stored(1, 0)
    assert found(store, "lamp") == ["a"]


def test_what_is_held_is_compared_with_what_should_be(
    store: PostgresSearchStore, pool: ConnectionPool
) -> None:
    add_document(pool, "a")
    parts = [f"# Part {n}\n\nThe lamp burns {n} litres. Depth: {n} m" for n in range(9)]
    chunks = chunk("\n\n".join(parts), _SMALL)
    store.replace("a", chunks, facts(chunks), MADE_FROM)
    count = len(chunks)
    assert store.compare("a", chunks, facts(chunks)) == Comparison(count, 0, 0, 0)
    for change in (
        "body = 'x'",
        "realm_id = realm_id, tsv = to_tsvector('simple', 'x')",
        "start_offset = 0, end_offset = 1",
        "heading_path = '{x}'",
        "facts = '[1]'",
        "config = 'french'",
        "token_count = token_count + 1",
    ):
        with pool.connection() as connection:
            connection.execute(f"UPDATE search_chunks SET {change} WHERE chunk_index = 1".encode())
        assert store.compare("a", chunks, facts(chunks)) == Comparison(count, 0, 0, 1), change
        store.replace("a", chunks, facts(chunks), MADE_FROM)
    assert store.compare("a", chunks[:-1], facts(chunks[:-1])).surplus == 1
    with pool.connection() as connection:
        connection.execute("DELETE FROM search_chunks WHERE chunk_index > 1")
    assert store.compare("a", chunks, facts(chunks)) == Comparison(count, count - 2, 0, 0)


def test_pages_leave_out_and_repeat_nothing(
    store: PostgresSearchStore, pool: ConnectionPool
) -> None:
    ids = [f"doc-{n}" for n in range(7)]
    add_document(pool, *ids)
    for number, document_id in enumerate(ids):
        put(store, document_id, "The lamp burns. " + "Nothing else happens here. " * (number // 2))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = store.search("lamp", limit=2, cursor=cursor)
        seen += [hit.document_id for hit in page.hits]
        cursor = page.next_cursor
        if cursor is None:
            break
    whole = [hit.document_id for hit in store.search("lamp").hits]
    assert seen == whole
    assert set(seen) == set(ids)


@pytest.mark.parametrize("cursor", ["x", "e30=", "WzEsMl0=", "\x00", "W251bGwsMSwxXQ=="])
def test_cursors_of_others_are_refused(store: PostgresSearchStore, cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        store.search("lamp", cursor=cursor)


def test_replacing_leaves_nothing_of_before(
    store: PostgresSearchStore, pool: ConnectionPool
) -> None:
    add_document(pool, "a")
    put(store, "a", "The old lamp.\n\n" * 30)
    assert put(store, "a", "The new motor burns 3 litres.") == Stored(1, 1)
    assert found(store, "lamp") == []
    assert found(store, "motor") == ["a"]


def test_a_document_that_is_gone_stays_gone(
    store: PostgresSearchStore, pool: ConnectionPool
) -> None:
    assert put(store, "never", "The lamp.") == Stored(0, 0)
    add_document(pool, "a")
    put(store, "a", "The lamp.")
    with pool.connection() as connection:
        connection.execute("DELETE FROM documents WHERE id = 'a'")
    assert found(store, "lamp") == []


def test_a_delete_under_way_is_waited_for(
    store: PostgresSearchStore, pool: ConnectionPool, database: str
) -> None:
    add_document(pool, "a")
    with psycopg.connect(database) as deleter, ThreadPoolExecutor(1) as threads:
        deleter.execute("DELETE FROM documents WHERE id = 'a'")
        future = threads.submit(put, store, "a", "The lamp.")
        time.sleep(0.3)
        assert not future.done()
        deleter.commit()
        assert future.result(timeout=10) == Stored(0, 0)


def test_two_at_once_take_turns(store: PostgresSearchStore, pool: ConnectionPool) -> None:
    add_document(pool, "a")
    texts = [f"The {name} burns all night.\n\n" * 40 for name in ("lamp", "stove", "candle")]
    start = threading.Barrier(len(texts))

    def replace_often(text: str) -> None:
        start.wait()
        for _ in range(5):
            put(store, "a", text)

    with ThreadPoolExecutor(len(texts)) as threads:
        list(threads.map(replace_often, texts))
    with pool.connection() as connection:
        rows = connection.execute("SELECT body FROM search_chunks ORDER BY chunk_index").fetchall()
    assert " ".join(body for (body,) in rows).split() in [text.split() for text in texts]


def test_long_words_and_nuls_are_stored(store: PostgresSearchStore, pool: ConnectionPool) -> None:
    add_document(pool, "a")
    chunks = chunk("lamp " + "x" * 600_000, ChunkerOptions(min_tokens=99_000, max_tokens=100_000))
    whole = chunks[0].model_copy(update={"text": chunks[0].text + "\x00end"})
    assert store.replace("a", [whole, *chunks[1:]], [], MADE_FROM).chunks == len(chunks)
    assert found(store, "lamp") == ["a"]


def test_a_database_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    store = PostgresSearchStore(lambda: psycopg.connect(f"host={tmp_path} dbname=none"))
    with pytest.raises(SearchUnavailable):
        store.search("lamp")


def test_the_ingestor_writes_what_it_stored(
    store: PostgresSearchStore, pool: ConnectionPool, tmp_path: Path
) -> None:
    add_document(pool, "doc-1", realm_id="harbour")
    chunks = chunk("The lamp burns 3 litres.\n\nDepth: 4 m\n")
    source = ChunksSource(file_type="markdown", checksum="0" * 64)
    write_document(tmp_path / "chunks", ChunksDocument(source=source, chunks=tuple(chunks)))
    write_document(tmp_path / "facts", FactsDocument(facts=tuple(facts(chunks))))
    task = task_of(
        "ingestor",
        tmp_path / "work",
        input_file(tmp_path / "chunks", file_type="chunks_json"),
        input_file(tmp_path / "facts", file_type="facts_json"),
        realm_id="harbour",
    )
    outcome = Ingestor(store).run(task)
    written = outcome.files[0].path.read_text(encoding="utf-8")
    assert written == '{"chunks":1,"facts":2,"target":"postgresql"}'
    assert found(store, "lamp", realm_id="harbour") == ["doc-1"]
