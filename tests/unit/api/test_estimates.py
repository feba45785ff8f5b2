"""What is known of how many documents match, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from api.reads.estimates import Estimates
from api.reads.listing import DocumentFilter
from api.reads.title_words import COMMON_WORDS


class Database:
    """Answers counts with 7 and knows no words; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now = 100.0

    async def rows(self, query: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        self.asked.append(query)
        if query == COMMON_WORDS:
            return [{"titles": -1.0, "words": None, "shares": None}]
        return [{"matches": 7}]


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def estimates(database: Database) -> Estimates:
    return Estimates(database.rows, lambda: database.now)


def test_without_such_filters_nothing_is_asked(database: Database, estimates: Estimates) -> None:
    asyncio.run(estimates.of(DocumentFilter(realm_id="r", words="...")))
    assert database.asked == []


def test_a_count_is_kept_for_a_while(database: Database, estimates: Estimates) -> None:
    failed = DocumentFilter(stage="chunker", status="failed")
    for wanted in (failed, failed, DocumentFilter(status="failed")):
        assert asyncio.run(estimates.of(wanted)).stages == 7
    assert len(database.asked) == 2

    database.now += 11
    asyncio.run(estimates.of(failed))
    assert len(database.asked) == 3


def test_any_number_of_stages_can_be_asked_for(database: Database, estimates: Estimates) -> None:
    async def ask() -> None:
        for number in range(1000):
            await estimates.of(DocumentFilter(stage=f"stage-{number}"))

    asyncio.run(ask())
    assert len(database.asked) == 1000


def test_a_table_that_was_never_analysed_has_no_common_words(
    database: Database, estimates: Estimates
) -> None:
    words = asyncio.run(estimates.of(DocumentFilter(words="report"))).words
    assert (words.titles, words.share("report")) == (0.0, 0.0)
    asyncio.run(estimates.of(DocumentFilter(words="other")))
    assert database.asked == [COMMON_WORDS]
