"""A batch holds whole appends only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from projections.log_reader import Recorded, read_appends


@dataclass(frozen=True)
class Happened:
    """As much of an event as reading needs."""

    document_id: str
    command_id: str
    version: int = 0


@dataclass(frozen=True)
class Broken:
    """An event that could not be read: its command is unknown."""

    document_id: str


@dataclass(frozen=True)
class At:
    """An event at a position."""

    position: int
    event: Any


class Log:
    """A log in memory."""

    def __init__(self, *events: Any) -> None:
        self._recorded = [At(position, event) for position, event in enumerate(events, start=1)]

    def after(self, position: int, limit: int) -> Sequence[Recorded]:
        return self._recorded[position : position + limit]

    def of_document(self, document_id: str) -> Sequence[Recorded]:
        return [r for r in self._recorded if r.event.document_id == document_id]

    def streams(self, document_ids: Collection[str]) -> Mapping[str, Sequence[Recorded]]:
        return {i: self.of_document(i) for i in document_ids}

    def last_position(self) -> int:
        return len(self._recorded)


A1, A2, B1 = Happened("a", "1"), Happened("a", "2"), Happened("b", "1")
BROKEN = Broken("a")


@pytest.mark.parametrize(
    ("events", "limit", "taken"),
    [
        ([], 3, 0),
        ([A1, A1], 3, 2),
        ([A1, B1, A2], 2, 1),
        ([A1, A2, A2, A2, B1], 3, 1),
        ([A1, A2, A2, A2, B1], 4, 1),
        ([A1, A2, A2, A2, B1], 5, 4),
        ([A1] * 7 + [A2, A2], 2, 7),
        ([A1] * 9, 2, 9),
        ([B1, A1, BROKEN, A1, B1], 4, 1),
        ([A1, B1], 2, 1),
    ],
)
def test_a_batch_ends_with_an_append(events: list[Any], limit: int, taken: int) -> None:
    stretch = read_appends(Log(*events), 0, limit)
    assert len(stretch.events) == taken
    assert stretch.is_last == (taken == len(events))


def test_batches_add_up_to_the_log() -> None:
    log = Log(*[Happened("a", str(number // 4)) for number in range(50)])
    position, seen = 0, 0
    while batch := read_appends(log, position, 6).events:
        commands = [recorded.event.command_id for recorded in batch]
        assert commands.count(commands[-1]) == 4 or batch[-1].position == 50
        position, seen = batch[-1].position, seen + len(batch)
    assert seen == 50
