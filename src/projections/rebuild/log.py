"""What a rebuild asks of the log; whoever starts one hands it in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from projections.log_reader import Recorded

Shard = tuple[str, str | None]
"""The documents from this id on and before that one; None: to the last."""


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

    def shards(self, events_total: int, events_each: int) -> Sequence[Shard]:
        """Return shards of about this many events each that together are all of the log."""

    def open(self) -> AbstractContextManager[DocumentEvents]:
        """Return a reader for one process."""
