"""Blobs on a local or mounted file system."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import structlog

from domain.storage_errors import StorageUnavailable, UploadFinished
from files.blobs import (
    PIECE_BYTES,
    Blob,
    BlobWriter,
    check_content,
    not_found,
    pieces_of,
    system_errors,
    write_all,
)
from files.durable import CONTENT_MODE, DurableFolders, file_lock
from files.local_files import LocalBlobFiles, removed_if_older, size_of
from files.sweep import NamedChecksums, SweepResult, sweep_store

_log = structlog.get_logger()


class LocalBlobStore:
    """Blobs as read-only files below `root/blobs`.

    An upload is written beside them, synced, then renamed into place, so that a file under its
    checksum is always whole. `clock` gives seconds since the epoch, as file times do.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.time) -> None:
        self.root = root.absolute()
        self._clock = clock
        self._folders = DurableFolders(self.root)
        self._incoming = self.root / "blobs" / "incoming"
        self._files = LocalBlobFiles(self.root, self._folders)
        with system_errors():
            self._folders.make(self._incoming)

    def begin(self) -> BlobWriter:
        """Begin an upload in a temporary file of its own."""
        with system_errors():
            self._folders.make(self._incoming)
            return LocalBlobWriter(self._incoming / secrets.token_hex(16), self._adopt)

    def put_stream(self, chunks: Iterable[bytes]) -> Blob:
        """Store the chunks as one blob."""
        pieces = iter(chunks)
        first, second = next(pieces, b""), next(pieces, None)
        if second is None and (known := self._known(first)) is not None:
            return known
        rest = () if second is None else (second,)
        return write_all(self.begin(), chain((first,), rest, pieces))

    def put_file(self, path: Path) -> Blob:
        """Store a copy of a local file."""
        with system_errors():
            return self.put_stream(pieces_of(path))

    def open(self, checksum: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Read a blob, or a part of it, in pieces."""
        with system_errors():
            try:
                file = self._files.path(checksum).open("rb", buffering=0)
            except FileNotFoundError:
                if not self._files.restore(checksum):
                    raise not_found(checksum) from None
                file = self._files.path(checksum).open("rb", buffering=0)
            file.seek(offset)
        return _pieces(file, length)

    def exists(self, checksum: str) -> bool:
        """Tell whether the content is stored."""
        with system_errors():
            return self._size(checksum) is not None

    def size(self, checksum: str) -> int:
        """Give the size in bytes."""
        with system_errors():
            size = self._size(checksum)
        if size is None:
            raise not_found(checksum)
        return size

    def touch(self, checksum: str) -> bool:
        """Keep a blob from the sweep for another while."""
        with system_errors(), file_lock(self._files.lock_path, exclusive=False):
            return self._renewed(checksum) is not None

    @contextmanager
    def local_path(self, checksum: str) -> Iterator[Path]:
        """Lend the blob's own file."""
        self.size(checksum)
        yield self._files.path(checksum)

    def verify(self, checksum: str) -> None:
        """Read the whole content and compare."""
        with system_errors():
            check_content(checksum, self.open(checksum))

    def sweep(self, named: NamedChecksums, older_than_seconds: float) -> SweepResult:
        """Sweep blobs and trash once, and remove old unfinished uploads."""
        before = self._clock() - older_than_seconds
        with system_errors():
            result = sweep_store(self._files, named, before)
            left = [removed_if_older(path, before) for path in self._incoming.iterdir()]
        result.uploads = sum(size is not None for size in left)
        return result

    def _size(self, checksum: str) -> int | None:
        path = self._files.path(checksum)
        size = size_of(path)
        return size_of(path) if size is None and self._files.restore(checksum) else size

    def _known(self, content: bytes) -> Blob | None:
        """Return the blob of content that is stored already, made young; no upload is needed."""
        blob = Blob(hashlib.sha256(content).hexdigest(), len(content))
        with system_errors():
            with file_lock(self._files.lock_path, exclusive=False):
                if self._renewed(blob.checksum) != blob.size_bytes:
                    return None
            # Who put it there may not have come to this yet.
            self._folders.sync(self._files.path(blob.checksum).parent)
        return blob

    def _adopt(self, upload: Path, fd: int, blob: Blob) -> None:
        """Make a finished upload the blob of its checksum, unless that is there already."""
        final = self._files.path(blob.checksum)
        self._folders.make(final.parent)
        sealed = size_of(final) != blob.size_bytes
        if sealed:
            _seal(fd)
        # The sweep holds this lock alone: what is renewed or renamed here it sees as young.
        with file_lock(self._files.lock_path, exclusive=False):
            size = self._renewed(blob.checksum)
            if size != blob.size_bytes:
                if size is not None:
                    _log.warning("replacing a damaged blob", checksum=blob.checksum)
                if not sealed:
                    _seal(fd)
                _move(upload, final)
        self._folders.sync(final.parent)

    def _renewed(self, checksum: str) -> int | None:
        """Make a blob young again and give its size; None when it is not there."""
        path = self._files.path(checksum)
        try:
            os.utime(path, follow_symlinks=False)
        except FileNotFoundError:
            if not self._files.restore(checksum):
                return None
        return size_of(path)


class LocalBlobWriter:
    """An upload into a temporary file, hashed as it passes."""

    def __init__(self, path: Path, adopt: Callable[[Path, int, Blob], None]) -> None:
        self._path = path
        self._adopt = adopt
        self._digest = hashlib.sha256()
        self._size = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd: int | None = os.open(path, flags, 0o600)

    @property
    def size_bytes(self) -> int:
        """Count the bytes written so far."""
        return self._size

    def write(self, piece: bytes) -> None:
        """Append a piece; the upload is aborted if that fails."""
        fd = self._open_fd()
        try:
            with system_errors():
                _write_whole(fd, piece)
        except BaseException:
            self.abort()
            raise
        self._digest.update(piece)
        self._size += len(piece)

    def commit(self) -> Blob:
        """Store what was written under its checksum."""
        fd = self._open_fd()
        blob = Blob(self._digest.hexdigest(), self._size)
        try:
            with system_errors():
                self._adopt(self._path, fd, blob)
        finally:
            self.abort()
        return blob

    def abort(self) -> None:
        """Close and remove the temporary file, if it still is one."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        with suppress(OSError):  # what cannot be removed now is left to the sweep
            self._path.unlink(missing_ok=True)
        with suppress(OSError):
            os.close(fd)

    def __enter__(self) -> LocalBlobWriter:
        """Abort at the end of the block unless committed in it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Abort what was not committed."""
        self.abort()

    def _open_fd(self) -> int:
        if self._fd is None:
            raise UploadFinished
        return self._fd


def _write_whole(fd: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _seal(fd: int) -> None:
    os.fchmod(fd, CONTENT_MODE)
    os.fsync(fd)


def _move(upload: Path, final: Path) -> None:
    try:
        upload.replace(final)
    except FileNotFoundError:
        raise StorageUnavailable(
            "The upload was idle for so long that it was swept away; send it again."
        ) from None


def _pieces(file: BinaryIO, length: int | None) -> Iterator[bytes]:
    with file, system_errors():
        while length is None or length > 0:
            piece = file.read(PIECE_BYTES if length is None else min(PIECE_BYTES, length))
            if not piece:
                return
            if length is not None:
                length -= len(piece)
            yield piece
