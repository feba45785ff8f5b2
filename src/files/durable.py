"""Folders and locks on a local file system, made so that a power cut cannot undo them."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER_MODE = 0o755
CONTENT_MODE = 0o444
_TELLING_NS = 2 * 10**9
_MOST_REMEMBERED = 65_536


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class DurableFolders:
    """Makes folders below a root and remembers which are known to be durable.

    A folder that is there may have been made by another process a moment ago and not be synced
    yet, so the first use by this process syncs it again; that is cheap when nothing changed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: set[Path] = set()
        self._synced: dict[Path, int] = {}

    def make(self, folder: Path) -> None:
        """Make a folder of the root, or the root, with all that lead to it."""
        if folder in self._known and folder.is_dir():
            return
        if folder == self._root:
            _make_with_parents(folder)
        else:
            self.make(folder.parent)
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
            sync_folder(folder.parent)
        self._known.add(folder)

    def sync(self, folder: Path) -> None:
        """Make the entries of a folder durable, unless none has changed since that was done.

        A folder's time tells of every change but one in the same tick of the clock, so only a time
        that is well past is relied on.
        """
        now = time.time_ns()
        changed_at = folder.stat().st_mtime_ns
        if self._synced.get(folder) == changed_at:
            return
        sync_folder(folder)
        if changed_at < now - _TELLING_NS:
            if len(self._synced) >= _MOST_REMEMBERED:
                self._synced.clear()
            self._synced[folder] = changed_at


def _make_with_parents(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_with_parents(folder.parent)
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    sync_folder(folder.parent)


@contextmanager
def file_lock(path: Path, *, exclusive: bool, wait: bool = True) -> Iterator[bool]:
    """Hold a lock between processes; ends with its holder, however that ends.

    Yields False at once when it is taken and `wait` is False.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(fd, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)
