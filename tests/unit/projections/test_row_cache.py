"""The row cache holds what was projected last, and nothing that was touched without rows."""

from __future__ import annotations

from projections.folding import EventRefusal, Folding
from projections.live.row_cache import CachedRows, RowCache, rows_to_cache
from projections.rows import DocumentRows


def cached(document_id: str, xmin: str = "1") -> CachedRows:
    return CachedRows(xmin, DocumentRows.none(document_id))


def test_the_least_recently_projected_rows_are_dropped() -> None:
    cache = RowCache(2)
    cache.update(["a"], {"a": cached("a")})
    cache.update(["b"], {"b": cached("b")})
    cache.update(["a"], {"a": cached("a", "2")})
    cache.update(["c"], {"c": cached("c")})
    assert cache.find("abc") == {"a": cached("a", "2"), "c": cached("c")}


def test_rows_of_a_touched_document_are_dropped_where_none_come_instead() -> None:
    cache = RowCache(2)
    cache.update("ab", {"a": cached("a"), "b": cached("b")})
    cache.update("a", {})
    assert cache.find("ab") == {"b": cached("b")}


def test_nothing_is_cached_of_documents_that_are_gone_or_refused() -> None:
    foldings = [Folding(DocumentRows.none(i)) for i in ("there", "gone", "refused")]
    foldings[2].refusal = EventRefusal(1, "it does not fit")
    assert rows_to_cache(foldings, {"there": "7", "refused": "8"}) == {
        "there": cached("there", "7")
    }
