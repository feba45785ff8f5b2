"""Files that others have put under the storage root, taken in as blobs."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import obstore
from obstore.store import ObjectStore

from domain.storage_errors import BlobNotFound, PathRefused
from files.blobs import PIECE_BYTES, Blob, BlobStore, system_errors
from files.identity import MARKER
from files.object_files import object_errors

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ABSENT = "The storage has no file at this path; put it there first."


class StoredFiles(Protocol):
    """Takes in files by their path relative to the storage root."""

    def adopt(self, path: str) -> Blob:
        """Make a blob of the file; raises PathRefused or BlobNotFound."""

    def inspect(self, path: str) -> Blob:
        """Return what blob the file would be, storing nothing; raises the same."""


class LocalStoredFiles:
    """Files under a folder; no symbolic link is followed on the way to one."""

    def __init__(self, root: Path, blobs: BlobStore) -> None:
        self._root = root
        self._blobs = blobs

    def adopt(self, path: str) -> Blob:
        """Make a blob of the regular file at `path`."""
        with self._opened(path) as pieces:
            return self._blobs.put_stream(pieces)

    def inspect(self, path: str) -> Blob:
        """Return the checksum and size of the regular file at `path`."""
        with self._opened(path) as pieces:
            return _hashed(pieces)

    @contextmanager
    def _opened(self, path: str) -> Iterator[Iterator[bytes]]:
        with system_errors():
            fd = _opened(self._root, _parts(path))
            try:
                found = os.fstat(fd)
                if not stat.S_ISREG(found.st_mode):
                    raise PathRefused("The path does not name a regular file.")
                yield _pieces(fd, found.st_size)
            finally:
                os.close(fd)


class ObjectStoredFiles:
    """Objects under a prefix."""

    def __init__(self, store: ObjectStore, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs

    def adopt(self, path: str) -> Blob:
        """Make a blob of the object at `path`."""
        with object_errors():
            return self._blobs.put_stream(self._pieces(path))

    def inspect(self, path: str) -> Blob:
        """Return the checksum and size of the object at `path`."""
        with object_errors():
            return _hashed(self._pieces(path))

    def _pieces(self, path: str) -> Iterator[bytes]:
        try:
            found = obstore.get(self._store, "/".join(_parts(path)))
        except FileNotFoundError:
            raise BlobNotFound(_ABSENT) from None
        return (bytes(piece) for piece in found.stream(min_chunk_size=PIECE_BYTES))


def _hashed(pieces: Iterable[bytes]) -> Blob:
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return Blob(digest.hexdigest(), size)


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise PathRefused("A path is relative to the storage root and does not lead out of it.")
    if parts == [MARKER]:
        raise PathRefused("This object is the storage's own.")
    return parts


def _opened(root: Path, parts: list[str]) -> int:
    """Open a file step by step, so that nothing can be swapped for a link meanwhile."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in parts[:-1]:
            outer, folder = folder, _open(name, _FOLDER, folder)
            os.close(outer)
        return _open(parts[-1], _FILE, folder)
    finally:
        os.close(folder)


def _open(name: str, flags: int, folder: int) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise PathRefused("The path leads over a link or to no regular file.") from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise BlobNotFound(_ABSENT) from error
        raise


def _pieces(fd: int, size_bytes: int) -> Iterator[bytes]:
    """Read to the end; a buffer larger than the file takes longer to make than to fill."""
    wanted = min(size_bytes + 1, PIECE_BYTES)
    while piece := os.read(fd, wanted):
        yield piece
        if len(piece) < wanted:
            return
        wanted = PIECE_BYTES
