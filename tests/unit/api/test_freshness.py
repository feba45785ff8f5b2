"""A read that finds no row is looked at again before anybody is told that there is no document."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from api.database_threads import DatabaseThreads
from api.http.errors import NotYetReadable
from api.reads.freshness import DocumentReader, GrowingPosition
from api.reads.queries import DocumentRead
from domain.errors import DocumentNotFound

WHOLE = DocumentRead("{}", 5, 15, projected=True, parked_position=None, tracked=20)


class Database:
    """What the tables and the log say, one look after another; the last answer stays."""

    def __init__(self, reads: Sequence[DocumentRead | None], positions: Sequence[int]) -> None:
        self._reads = list(reads)
        self._positions = list(positions)

    async def read(self, *_: Any) -> DocumentRead | None:
        return self._reads.pop(0) if len(self._reads) > 1 else self._reads[0]

    async def tracked(self) -> int:
        return 20

    def load(self, _: str) -> Any:
        at = self._positions.pop(0) if len(self._positions) > 1 else self._positions[0]
        return SimpleNamespace(position=at)

    def position_of(self, _: str) -> int:
        return self._positions[-1]


def read(reads: Sequence[DocumentRead | None], positions: Sequence[int]) -> DocumentRead:
    async def look() -> DocumentRead:
        database: Any = Database(reads, positions)
        tracked = GrowingPosition(database.tracked, 0.001)
        reader = DocumentReader(database, tracked, database, database, DatabaseThreads(10), 0.2)
        return await reader.read("d", "document")

    return asyncio.run(look())


def test_a_document_that_was_registered_after_the_look_is_found() -> None:
    assert read([None, WHOLE], [15]) is WHOLE


def test_one_that_is_replaced_between_looks_is_found() -> None:
    assert read([None, None, WHOLE], [15, 18]) is WHOLE


def test_one_whose_row_others_deleted_is_not_found() -> None:
    with pytest.raises(DocumentNotFound):
        read([None], [15])


def test_one_that_never_comes_is_not_readable_yet() -> None:
    with pytest.raises(NotYetReadable):
        read([None], [30])
