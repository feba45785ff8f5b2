"""The files of blobs on a local or mounted file system, as the sweep sees them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from domain.values import CHECKSUM
from files.durable import FOLDER_MODE, DurableFolders, file_lock
from files.layout import HEX_PAIRS, LIVE, TRASH, Area, blob_path

_FOLDERS = frozenset(HEX_PAIRS)


class LocalBlobFiles:
    """Blobs and trash below `root`; what renews a blob holds the lock shared, the sweep alone."""

    def __init__(self, root: Path, folders: DurableFolders) -> None:
        self._root = root
        self._folders = folders
        self.lock_path = root / "blobs" / "lock"

    def path(self, checksum: str, area: Area = LIVE) -> Path:
        """Return where the content of a checksum is."""
        return self._root / blob_path(checksum, area)

    def checksums(self, area: Area) -> Iterator[str]:
        """Yield the checksums of an area in ascending order, holding one folder's at a time."""
        top = f"{self._root}/blobs/{area}"
        for first in _folders(top):
            for second in _folders(f"{top}/{first}"):
                prefix = first + second
                for name in sorted(_names(f"{top}/{first}/{second}")):
                    if name.startswith(prefix) and CHECKSUM.fullmatch(name):
                        yield name

    def trash(self, checksum: str, before: float) -> int | None:
        """Move a blob to the trash if it is older, with the time at which it went there."""
        path = self.path(checksum)
        with file_lock(self.lock_path, exclusive=True):
            size = size_if_older(path, before)
            if size is not None:
                os.utime(path, follow_symlinks=False)
                trashed = self.path(checksum, TRASH)
                trashed.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
                path.rename(trashed)
        return size

    def restore(self, checksum: str) -> bool:
        """Move content back from the trash, young again."""
        trashed, path = self.path(checksum, TRASH), self.path(checksum)
        try:
            os.utime(trashed, follow_symlinks=False)
            self._folders.make(path.parent)
            trashed.rename(path)
        except FileNotFoundError:
            return False
        return True

    def delete(self, checksum: str, before: float) -> int | None:
        """Delete content that was trashed earlier."""
        with file_lock(self.lock_path, exclusive=True):
            return removed_if_older(self.path(checksum, TRASH), before)


def size_of(path: Path) -> int | None:
    """Give the size of a regular file; None when there is none."""
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def size_if_older(path: Path, before: float) -> int | None:
    """Give the size of a file that is older; None when it is younger or not there."""
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_size if found.st_mtime < before else None


def removed_if_older(path: Path, before: float) -> int | None:
    """Remove a file that still is old; give its size, or None when it was left."""
    size = size_if_older(path, before)
    if size is not None:
        path.unlink(missing_ok=True)
    return size


def _folders(folder: str) -> list[str]:
    return sorted(_FOLDERS.intersection(_names(folder)))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  (Path.iterdir takes six times as long)
    except (FileNotFoundError, NotADirectoryError):
        return []
