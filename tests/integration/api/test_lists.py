"""Pages of lists with every filter, whichever way they are found, against plain Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from api.reads.listing import After, DocumentFilter, Estimate, page_query
from api.reads.listing_sql import MANY
from api.reads.title_words import COMMON_WORDS, CommonWords
from conftest import SERVERS
from integration.api.conftest import Service
from integration.api.listed import Listed, filters, insert, newest_first, random_documents

DOCUMENTS = random_documents(900, seed=4)
NO_WORDS = CommonWords(900, ())
COMMON = CommonWords(20_000, (("report", 0.6), ("repair", 0.05), ("annual", 0.2), ("sum", 0.2)))

ESTIMATES = {
    "nothing is known": Estimate(MANY, NO_WORDS),
    "few by stage": Estimate(10, NO_WORDS),
    "a short walk, then few by stage": Estimate(1001, COMMON),
    "many by stage, common words": Estimate(MANY, COMMON),
}


@pytest.fixture(scope="module")
def listed(service: Service) -> list[Listed]:
    insert(service.database_url, DOCUMENTS)
    return DOCUMENTS


def expected(documents: list[Listed], wanted: DocumentFilter) -> list[str]:
    return newest_first([d for d in documents if d.matches(wanted)])


def walked(page: Callable[[Any], tuple[list[str], Any]]) -> Iterator[str]:
    """Yield the ids of all pages; `page` takes the cursor and gives a page's ids and the next."""
    cursor: Any = None
    while True:
        ids, cursor = page(cursor)
        yield from ids
        if cursor is None:
            return


@pytest.mark.parametrize("limit", [41, 1000])
def test_every_filter_shows_its_documents_once_and_in_order(
    service: Service, listed: list[Listed], limit: int
) -> None:
    for wanted in filters():
        names = {"realmId": wanted.realm_id, "stage": wanted.stage, "status": wanted.status}
        query = {k: v for k, v in (names | {"q": wanted.words}).items() if v is not None}

        def page(cursor: str | None, query: dict[str, str] = query) -> tuple[list[str], str | None]:
            more = {} if cursor is None else {"cursor": cursor}
            params = {"limit": str(limit), **query, **more}
            answer = service.client.get("/v1/documents", params=params)
            assert answer.status_code == 200, answer.text
            found = answer.json()
            return [item["id"] for item in found["items"]], found["nextCursor"]

        assert list(walked(page)) == expected(listed, wanted), wanted


@pytest.mark.parametrize("estimate", ESTIMATES.values(), ids=ESTIMATES.keys())
def test_each_way_finds_the_same(
    service: Service, listed: list[Listed], estimate: Estimate
) -> None:
    with psycopg.connect(service.database_url, row_factory=dict_row) as connection:
        for wanted in filters():

            def page(after: After | None, wanted: DocumentFilter = wanted) -> tuple[list[str], Any]:
                query, values, _ = page_query(wanted, after, 60, estimate, "to_json(d.id)")
                row = connection.execute(query.encode(), values).fetchone()
                assert row is not None
                following = row["last_id"] and After(row["last_at"], row["last_id"])
                return json.loads(f"[{row['bodies']}]"), following

            assert list(walked(page)) == expected(listed, wanted), wanted


@pytest.mark.parametrize("database", SERVERS, indirect=True)
def test_the_common_words_are_those_of_the_titles(database: str) -> None:
    with psycopg.connect(database, row_factory=dict_row) as connection:
        before = connection.execute(COMMON_WORDS.encode()).fetchone()
        assert before is not None
        assert before["words"] is None

        insert(database, random_documents(400, seed=1))

        row = connection.execute(COMMON_WORDS.encode()).fetchone()
        assert row is not None
        words = CommonWords.of(row)
    assert words.titles == 400
    assert 0.5 < words.share("report") < 0.7
    assert 0.5 < words.share("rep") < 0.8
    assert 0.1 < words.share("annual report") < 0.3
    assert words.share("unheard report") == 0
