"""Reads on in the log while what was read is applied."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from projections.log_reader import LogReader, Stretch, read_appends


class ReadAhead:
    """The log from any position; where it goes on, the next stretch may be read meanwhile.

    Reading is mostly this process's work and writing the database's, so that each would otherwise
    wait for the other. Whatever comes after a position is the same whenever it is read: positions
    are committed in order.
    """

    def __init__(self, log: LogReader, limit: int) -> None:
        self._log = log
        self._limit = limit
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="projector reads")
        self._next: int | None = None
        self._ahead: tuple[int, Future[Stretch]] | None = None

    def after(self, position: int) -> Stretch:
        """Return about `limit` events after `position`."""
        if self._ahead is not None and self._ahead[0] == position:
            reading, self._ahead = self._ahead[1], None
            stretch = reading.result()
        else:
            stretch = read_appends(self._log, position, self._limit)
        self._next = None if stretch.is_last else stretch.events[-1].position
        return stretch

    def read_on(self) -> None:
        """Begin to read what comes after the last stretch, unless it was the log's end.

        To be called when there is nothing to do but wait: done any sooner, the reading would take
        the interpreter from its caller, who would be no further when he begins to wait.
        """
        position = self._next
        if position is not None and (self._ahead is None or self._ahead[0] != position):
            reading = self._threads.submit(read_appends, self._log, position, self._limit)
            self._ahead = position, reading

    def forget(self) -> None:
        """Have nothing read of what may never be asked for."""
        self._next = self._ahead = None
