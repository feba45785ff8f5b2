"""Reads and folds the next batch while the one before it is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from projections.live.document_fold import by_document
from projections.live.prepared import Prepared, prepare
from projections.live.row_cache import CachedRows, RowCache
from projections.log_reader import LogReader, Recorded, Stretch, read_appends


class ReadBatch(NamedTuple):
    """A stretch of the log, and what it will make if that could be prepared."""

    events: Sequence[Recorded]
    streams: Mapping[str, Sequence[Recorded]]
    is_last: bool
    prepared: Prepared | None = None


class ReadAhead:
    """Reads the log from any position, and the next stretch ahead on a thread of its own.

    Reading and folding are this process's work and writing is the database's; otherwise each would
    wait for the other. What comes after a position is the same whenever it is read, since positions
    are committed in order.
    """

    def __init__(self, log: LogReader, limit: int, cache: RowCache) -> None:
        self._log = log
        self._limit = limit
        self._cache = cache
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="projector reads")
        self._next: int | None = None
        self._ahead: tuple[int, Future[ReadBatch]] | None = None

    def after(self, position: int) -> ReadBatch:
        """Return about `limit` events after `position`."""
        if self._ahead is not None and self._ahead[0] == position:
            reading, self._ahead = self._ahead[1], None
            read = reading.result()
        else:
            events, is_last = self._stretch(position)
            read = ReadBatch(events, by_document(events), is_last)
        self._next = None if read.is_last else read.events[-1].position
        return read

    def read_on(self, touched: Collection[str], rows: Mapping[str, CachedRows]) -> None:
        """Begin to read what comes after the last stretch, unless it was the log's end.

        By the time that it is applied, the cache will have `rows` of the documents `touched`. To be
        called just before waiting for the database: earlier, reading would compete with the caller
        for the interpreter.
        """
        position = self._next
        if position is not None and (self._ahead is None or self._ahead[0] != position):
            self._ahead = position, self._threads.submit(self._read, position, touched, rows)

    def forget(self) -> None:
        """Drop what was read ahead."""
        self._next = self._ahead = None

    def _read(
        self, position: int, touched: Collection[str], rows: Mapping[str, CachedRows]
    ) -> ReadBatch:
        events, is_last = self._stretch(position)
        streams = by_document(events)
        cached = self._cache.find(i for i in streams if i not in touched)
        return ReadBatch(events, streams, is_last, prepare(streams, {**cached, **rows}))

    def _stretch(self, position: int) -> Stretch:
        return read_appends(self._log, position, self._limit)
