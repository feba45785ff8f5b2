"""What becomes of stored content that no event names: first into the trash, later deleted.

One pass over three sorted lists: the blobs, the trash, and the checksums that the log names.

    blob that the log names               stays
    other blob, old                       moves to the trash
    in the trash, named by the log        moves back
    in the trash for long, not named      is deleted

The trash closes the race with an upload. An upload that finds its content present, or writes it
over, while a sweep removes that content leaves an event that names something in the trash: every
reader looks there too and moves it back, and so does the next sweep. Content is deleted for good
only when the log, read again after the whole period in the trash, still does not name it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from heapq import merge
from typing import Protocol, TypeAlias

import structlog

from domain.storage_errors import StorageError, StorageUnavailable
from files.layout import LIVE, TRASH, Area

NamedChecksums: TypeAlias = Callable[[], AbstractContextManager[Iterator[str]]]
"""Opens the checksums that the log names at this moment: each once, in ascending order."""

_MOST_FAILURES = 10

_log = structlog.get_logger()


class SweepOutOfOrder(StorageError):
    """A list that a sweep compares is not in ascending order; nothing was decided by it."""


@dataclass(slots=True)
class SweepResult:
    """What a sweep did, in blobs and bytes; `uploads` counts uploads that never ended."""

    trashed: int = 0
    trashed_bytes: int = 0
    deleted: int = 0
    deleted_bytes: int = 0
    restored: int = 0
    uploads: int = 0
    failed: int = 0


class SweptStore(Protocol):
    """A store as the sweep sees it; `before` is in seconds since the epoch."""

    def checksums(self, area: Area) -> Iterator[str]:
        """Yield the checksums of an area in ascending order."""

    def trash(self, checksum: str, before: float) -> int | None:
        """Move a blob to the trash if it is older; return its size, None if it stays."""

    def restore(self, checksum: str) -> bool:
        """Move content back from the trash; return whether it was there."""

    def delete(self, checksum: str, before: float) -> int | None:
        """Delete content that was trashed earlier; return its size, None if it stays."""


def sweep_store(store: SweptStore, named: NamedChecksums, before: float) -> SweepResult:
    """Sweep once: only what is older than `before`, in seconds since the epoch, moves or goes.

    `before` is fixed ahead of the log being read, and the log is read ahead of the listing: what
    the log names later belongs to content that was young then. Raises SweepOutOfOrder.
    """
    result = SweepResult()
    with named() as checksums:
        log = _Ascending(checksums)
        last = ""
        for checksum, area in merge(_entries(store, LIVE), _entries(store, TRASH)):
            last = _checked(last, checksum)
            is_named = log.has(checksum)
            if area == TRASH or not is_named:
                with _one_failure(checksum, result):
                    _apply(store, checksum, area, is_named, before, result)
    return result


def _entries(store: SweptStore, area: Area) -> Iterator[tuple[str, Area]]:
    return ((checksum, area) for checksum in store.checksums(area))


def _apply(
    store: SweptStore,
    checksum: str,
    area: Area,
    is_named: bool,
    before: float,
    result: SweepResult,
) -> None:
    if is_named:
        result.restored += store.restore(checksum)
    elif area == LIVE:
        if (size := store.trash(checksum, before)) is not None:
            result.trashed += 1
            result.trashed_bytes += size
    elif (size := store.delete(checksum, before)) is not None:
        result.deleted += 1
        result.deleted_bytes += size


@contextmanager
def _one_failure(checksum: str, result: SweepResult) -> Iterator[None]:
    """Pass over content that cannot be moved just now; end the sweep when that goes on."""
    try:
        yield
    except StorageUnavailable as error:
        result.failed += 1
        if result.failed >= _MOST_FAILURES:
            raise
        _log.warning("content left by the sweep", checksum=checksum, error=str(error))


class _Ascending:
    """Tells of ascending checksums whether they are in an ascending list, which it reads once."""

    def __init__(self, checksums: Iterator[str]) -> None:
        self._checksums = checksums
        self._head: str | None = next(checksums, None)

    def has(self, checksum: str) -> bool:
        """Tell whether the list has it; never ask for one below the last that was asked for."""
        head = self._head
        while head is not None and head < checksum:
            following = next(self._checksums, None)
            self._head = following if following is None else _checked(head, following)
            head = self._head
        return head == checksum


def _checked(last: str, checksum: str) -> str:
    """Return the checksum; raises SweepOutOfOrder: content could pass for unnamed."""
    if checksum < last:
        raise SweepOutOfOrder(f"{checksum} comes after {last}; the sweep is stopped.")
    return checksum
