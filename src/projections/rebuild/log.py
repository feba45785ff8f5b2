"""What a rebuild needs of the log, which is handed to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from projections.log_reader import Recorded

IdRange = tuple[str, str | None]
"""A shard of the log: documents from the first id up to the second, without it, or to the end."""


class DocumentEvents(Protocol):
    """A reader of whole documents, for one process."""

    def documents(
        self, first: str, end: str | None, until: int
    ) -> Iterator[tuple[str, Sequence[Recorded]]]:
        """Yield each document of a shard with its events up to position `until`, in order."""

    def streams(self, document_ids: Collection[str]) -> Mapping[str, Sequence[Recorded]]:
        """Return every event of these documents, each one's in order."""


class ShardedLog(Protocol):
    """The log, for reading it in many processes at once; it can be pickled."""

    def count(self, until: int) -> int:
        """Return how many events there are up to this position."""

    def shards(self, events_total: int, events_each: int) -> Sequence[IdRange]:
        """Return shards of about this many events each that together are all of the log."""

    def open(self) -> AbstractContextManager[DocumentEvents]:
        """Return a reader for one process."""
