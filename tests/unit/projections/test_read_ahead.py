"""Reading ahead gives what reading gives."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from projections.live.read_ahead import ReadAhead
from projections.live.row_cache import RowCache
from projections.log_reader import Recorded
from unit.projections.test_log_reader import Happened, Log


class Watched(Log):
    """A log that knows from where it was read."""

    def __init__(self, appends: int) -> None:
        super().__init__(*[Happened("a", str(number)) for number in range(appends)])
        self.read_from: list[int] = []

    def after(self, position: int, limit: int) -> Sequence[Recorded]:
        self.read_from.append(position)
        return super().after(position, limit)


class Broken(Watched):
    """A log that cannot be read beyond its first stretch."""

    def after(self, position: int, limit: int) -> Sequence[Recorded]:
        if position:
            raise OSError("cut off")
        return super().after(position, limit)


def test_every_event_comes_once_and_is_read_once() -> None:
    log = Watched(20)
    ahead, position, seen = ReadAhead(log, 6, RowCache(10)), 0, []
    while (stretch := ahead.after(position)).events:
        seen += [recorded.position for recorded in stretch.events]
        position = seen[-1]
        ahead.read_on((), {})
        if stretch.is_last:
            break
    assert seen == list(range(1, 21))
    assert sorted(set(log.read_from)) == sorted(log.read_from) == [0, 5, 10, 15]


def test_who_goes_on_from_elsewhere_gets_what_is_there() -> None:
    ahead = ReadAhead(Watched(20), 6, RowCache(10))
    ahead.after(0)
    ahead.read_on((), {})
    assert [recorded.position for recorded in ahead.after(2).events] == [3, 4, 5, 6, 7]


def test_nothing_is_read_ahead_of_the_end() -> None:
    log = Watched(5)
    ahead = ReadAhead(log, 6, RowCache(10))
    assert ahead.after(0).is_last
    ahead.read_on((), {})
    assert log.read_from == [0]


def test_an_error_of_reading_ahead_is_raised_where_the_batch_is_asked_for() -> None:
    ahead = ReadAhead(Broken(20), 6, RowCache(10))
    ahead.after(0)
    ahead.read_on((), {})
    for _ in range(2):
        with pytest.raises(OSError, match="cut off"):
            ahead.after(5)
