"""Of words that are everywhere only some chunks are ranked; rare words are never cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import psycopg
import pytest

from stages.chunker import chunk
from stages.postgres_search import PostgresSearchStore
from stages.search import finding
from stages.search_store import IndexedFrom, SearchPage

DOCUMENTS = 12


@pytest.fixture
def store(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresSearchStore]:
    """A dozen documents with a lamp, of which the last has zinc and a realm of its own."""
    monkeypatch.setattr(finding, "RANKED", 3)
    with psycopg.connect(database, autocommit=True) as connection:
        store = PostgresSearchStore(lambda: nullcontext(connection))
        for number in range(DOCUMENTS):
            is_first = number == 0
            connection.execute(
                "INSERT INTO documents (id, realm_id) VALUES (%s, %s)",
                (f"doc-{number:02}", "small" if is_first else "big"),
            )
            text = f"The lamp burns. {'Zinc and copper' if is_first else 'Iron'} is its metal."
            store.replace(f"doc-{number:02}", chunk(text), [], IndexedFrom("0" * 64, None))
        yield store


def counted(store: PostgresSearchStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the statistics read, and every size of a table count as large."""
    monkeypatch.setattr(finding, "_COMMON_CHUNKS", 0)
    with store._connect() as connection:
        connection.execute("ANALYZE search_chunks")


def ids(page: SearchPage) -> list[str]:
    return [hit.document_id for hit in page.hits]


def test_all_are_ranked_where_few_are_found(store: PostgresSearchStore) -> None:
    page = store.search("zinc")
    assert (ids(page), page.ranked.chunks, page.ranked.is_complete) == (["doc-00"], 1, True)


def test_the_answer_says_which_are_ranked(store: PostgresSearchStore) -> None:
    page = store.search("lamp")
    assert len(page.hits) == page.ranked.chunks == 3
    assert not page.ranked.is_complete
    assert page.ranked.order == "the first 3 that the index gives"


def test_words_of_nearly_every_chunk_are_looked_for_by_id(
    store: PostgresSearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted(store, monkeypatch)
    page = store.search("lamp")
    assert sorted(ids(page)) == ["doc-09", "doc-10", "doc-11"]
    assert page.ranked.order == "3 of the documents with the last ids"


@pytest.mark.parametrize("words", ["lamp zinc", '"zinc and copper" lamp', "copper -iron", "zin*"])
def test_rare_words_are_found_among_common_ones(
    store: PostgresSearchStore, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    counted(store, monkeypatch)
    page = store.search(words)
    assert ids(page) == ["doc-00"]
    assert page.ranked.is_complete


def test_a_rare_side_of_or_is_ranked_with_a_common_one(
    store: PostgresSearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted(store, monkeypatch)
    for words in ("lamp or zinc", "zinc or lamp"):
        assert "doc-00" in ids(store.search(words)), words


def test_a_small_realm_is_searched_whole(
    store: PostgresSearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted(store, monkeypatch)
    page = store.search("lamp", realm_id="small")
    assert (ids(page), page.ranked.is_complete) == (["doc-00"], True)


def test_pages_go_through_what_was_ranked(store: PostgresSearchStore) -> None:
    seen: list[str] = []
    asked: dict[str, Any] = {"limit": 1}
    while True:
        page = store.search("lamp", **asked)
        seen += ids(page)
        if page.next_cursor is None:
            break
        asked["cursor"] = page.next_cursor
    assert sorted(seen) == sorted(ids(store.search("lamp")))
