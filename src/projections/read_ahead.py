"""Reads on in the log while what was read is applied."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from projections.log_reader import LogReader, Stretch, read_appends


class ReadAhead:
    """The log from any position; where it goes on, the next stretch is read meanwhile.

    Reading is mostly this process's work and writing the database's, so that each would otherwise
    wait for the other. Whatever comes after a position is the same whenever it is read: positions
    are committed in order.
    """

    def __init__(self, log: LogReader, limit: int) -> None:
        self._log = log
        self._limit = limit
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="projector reads")
        self._ahead: tuple[int, Future[Stretch]] | None = None

    def after(self, position: int) -> Stretch:
        """Return about `limit` events after `position`, and begin to read those after them."""
        if self._ahead is not None and self._ahead[0] == position:
            reading, self._ahead = self._ahead[1], None
            stretch = reading.result()
        else:
            stretch = read_appends(self._log, position, self._limit)
        if not stretch.is_last:
            self._read_on(stretch.events[-1].position)
        return stretch

    def forget(self) -> None:
        """Have nothing read of what may never be asked for."""
        self._ahead = None

    def _read_on(self, position: int) -> None:
        if self._ahead is None or self._ahead[0] != position:
            reading = self._threads.submit(read_appends, self._log, position, self._limit)
            self._ahead = position, reading
