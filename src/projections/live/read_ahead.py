"""Reads on in the log, and folds what it reads, while what was read before is applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from projections.live.prepared import Prepared, prepare
from projections.live.row_cache import Kept
from projections.log_reader import LogReader, Recorded, Stretch, read_appends


class Read(NamedTuple):
    """A stretch of the log, and what it will make if that could be worked out ahead."""

    events: Sequence[Recorded]
    is_last: bool
    prepared: Prepared | None = None


class ReadAhead:
    """The log from any position; where it goes on, the next stretch may be read meanwhile.

    Reading and folding are this process's work and writing is the database's, so that each would
    otherwise wait for the other. Whatever comes after a position is the same whenever it is read:
    positions are committed in order.
    """

    def __init__(self, log: LogReader, limit: int) -> None:
        self._log = log
        self._limit = limit
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="projector reads")
        self._next: int | None = None
        self._ahead: tuple[int, Future[Read]] | None = None

    def after(self, position: int) -> Read:
        """Return about `limit` events after `position`."""
        if self._ahead is not None and self._ahead[0] == position:
            reading, self._ahead = self._ahead[1], None
            read = reading.result()
        else:
            read = Read(*self._stretch(position))
        self._next = None if read.is_last else read.events[-1].position
        return read

    def read_on(self, known: Callable[[], Mapping[str, Kept]]) -> None:
        """Begin to read what comes after the last stretch, unless it was the log's end.

        `known` is asked, if so, what will be known of the tables by then. To be called when there
        is nothing to do but wait: done any sooner, the reading would take the interpreter from its
        caller, who would be no further when he begins to wait.
        """
        position = self._next
        if position is not None and (self._ahead is None or self._ahead[0] != position):
            self._ahead = position, self._threads.submit(self._read, position, known())

    def forget(self) -> None:
        """Have nothing read, and nothing folded, of what may never be asked for."""
        self._next = self._ahead = None

    def _read(self, position: int, known: Mapping[str, Kept]) -> Read:
        events, is_last = self._stretch(position)
        return Read(events, is_last, prepare(events, known))

    def _stretch(self, position: int) -> Stretch:
        return read_appends(self._log, position, self._limit)
