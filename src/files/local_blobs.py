"""Blobs on a local or mounted file system."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import structlog

from domain.storage_errors import StorageUnavailable, UploadFinished
from domain.values import CHECKSUM
from files.blobs import (
    PIECE_BYTES,
    SWEEP_BATCH,
    Blob,
    BlobWriter,
    Referenced,
    SweepResult,
    blob_path,
    check_content,
    not_found,
    pieces_of,
    system_errors,
    write_all,
)
from files.durable import CONTENT_MODE, DurableFolders, file_lock

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
        self._lock_path = self.root / "blobs" / "lock"
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
        with self._reading(checksum):
            file = self._path(checksum).open("rb", buffering=0)
            file.seek(offset)
        return _pieces(file, length)

    def exists(self, checksum: str) -> bool:
        """Tell whether the content is stored."""
        with system_errors():
            return _size_of(self._path(checksum)) is not None

    def size(self, checksum: str) -> int:
        """Give the size in bytes."""
        with system_errors():
            size = _size_of(self._path(checksum))
        if size is None:
            raise not_found(checksum)
        return size

    def touch(self, checksum: str) -> bool:
        """Keep a blob from the sweep for another while."""
        with system_errors(), file_lock(self._lock_path, exclusive=False):
            return self._renewed(self._path(checksum)) is not None

    @contextmanager
    def local_path(self, checksum: str) -> Iterator[Path]:
        """Lend the blob's own file."""
        self.size(checksum)
        yield self._path(checksum)

    def verify(self, checksum: str) -> None:
        """Read the whole content and compare."""
        with system_errors():
            check_content(checksum, self.open(checksum))

    def sweep(self, referenced: Referenced, older_than_seconds: float) -> SweepResult:
        """Remove old blobs that no event names, and old unfinished uploads."""
        before = self._clock() - older_than_seconds
        blobs = blob_bytes = 0
        with system_errors():
            old = _older(_blob_files(self.root / "blobs" / "sha256"), before)
            while batch := {path.name: path for path in islice(old, SWEEP_BATCH)}:
                unnamed = batch.keys() - referenced(list(batch))
                with file_lock(self._lock_path, exclusive=True):
                    sizes = [_removed_if_older(batch[checksum], before) for checksum in unnamed]
                taken = [size for size in sizes if size is not None]
                blobs, blob_bytes = blobs + len(taken), blob_bytes + sum(taken)
            left = [_removed_if_older(path, before) for path in self._incoming.iterdir()]
        return SweepResult(blobs, blob_bytes, sum(size is not None for size in left))

    def _path(self, checksum: str) -> Path:
        return self.root / blob_path(checksum)

    def _known(self, content: bytes) -> Blob | None:
        """Return the blob of content that is stored already, made young; no upload is needed."""
        blob = Blob(hashlib.sha256(content).hexdigest(), len(content))
        final = self._path(blob.checksum)
        with system_errors():
            with file_lock(self._lock_path, exclusive=False):
                if self._renewed(final) != blob.size_bytes:
                    return None
            # Who put it there may not have come to this yet.
            self._folders.sync(final.parent)
        return blob

    def _adopt(self, upload: Path, fd: int, blob: Blob) -> None:
        """Make a finished upload the blob of its checksum, unless that is there already."""
        final = self._path(blob.checksum)
        self._folders.make(final.parent)
        sealed = _size_of(final) != blob.size_bytes
        if sealed:
            _seal(fd)
        # The sweep holds this lock alone: what is renewed or renamed here it sees as young.
        with file_lock(self._lock_path, exclusive=False):
            size = self._renewed(final)
            if size != blob.size_bytes:
                if size is not None:
                    _log.warning("replacing a damaged blob", checksum=blob.checksum)
                if not sealed:
                    _seal(fd)
                _move(upload, final)
        self._folders.sync(final.parent)

    def _renewed(self, final: Path) -> int | None:
        """Make a blob young again and give its size; None when it is not there."""
        try:
            os.utime(final, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return _size_of(final)

    @contextmanager
    def _reading(self, checksum: str) -> Iterator[None]:
        with system_errors():
            try:
                yield
            except FileNotFoundError:
                raise not_found(checksum) from None


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


def _size_of(path: Path) -> int | None:
    """Give the size of a regular file; None when there is none."""
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _pieces(file: BinaryIO, length: int | None) -> Iterator[bytes]:
    with file, system_errors():
        while length is None or length > 0:
            piece = file.read(PIECE_BYTES if length is None else min(PIECE_BYTES, length))
            if not piece:
                return
            if length is not None:
                length -= len(piece)
            yield piece


def _blob_files(top: Path) -> Iterator[Path]:
    if top.is_dir():
        for path in top.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            if CHECKSUM.fullmatch(path.name):
                yield path


def _older(paths: Iterator[Path], before: float) -> Iterator[Path]:
    return (path for path in paths if _size_if_older(path, before) is not None)


def _size_if_older(path: Path, before: float) -> int | None:
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_size if found.st_mtime < before else None


def _removed_if_older(path: Path, before: float) -> int | None:
    """Remove a file that still is old; give its size, or None when it was left."""
    size = _size_if_older(path, before)
    if size is not None:
        path.unlink(missing_ok=True)
    return size
