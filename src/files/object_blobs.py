"""Blobs as objects in S3, or any other store that obstore speaks to."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import obstore
from obstore.store import ObjectStore

from domain.storage_errors import BlobNotFound, UploadFinished
from files.blobs import (
    PIECE_BYTES,
    Blob,
    BlobWriter,
    check_content,
    pieces_of,
    system_errors,
    write_all,
)
from files.layout import blob_path
from files.object_files import ObjectBlobFiles, object_errors
from files.sweep import NamedChecksums, SweepResult, sweep_store

T = TypeVar("T")

_IN_MEMORY_BYTES = 8 * PIECE_BYTES


class ObjectBlobStore:
    """Blobs as objects; an upload is spooled here first, since its name is its checksum.

    Putting content that is there writes it again, so that the sweep sees it as young. Content that
    a sweep removes in that very moment is in the trash, where every reader finds it.
    """

    def __init__(self, store: ObjectStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._files = ObjectBlobFiles(store)
        self._clock = clock

    def begin(self) -> BlobWriter:
        """Begin an upload into memory, or a temporary file once it is large."""
        return ObjectBlobWriter(self._store)

    def put_stream(self, chunks: Iterable[bytes]) -> Blob:
        """Store the chunks as one blob."""
        return write_all(self.begin(), chunks)

    def put_file(self, path: Path) -> Blob:
        """Store a copy of a local file."""
        with system_errors():
            return self.put_stream(pieces_of(path))

    def open(self, checksum: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Read a blob, or a part of it, in pieces."""
        end = size = self.size(checksum)
        if length is not None:
            end = min(size, offset + length)
        if offset >= end:
            return iter(())
        found = self._reading(
            checksum, lambda path: obstore.get(self._store, path, options={"range": (offset, end)})
        )
        return _pieces(checksum, iter(found.stream(min_chunk_size=PIECE_BYTES)))

    def exists(self, checksum: str) -> bool:
        """Tell whether the content is stored."""
        try:
            self.size(checksum)
        except BlobNotFound:
            return False
        return True

    def size(self, checksum: str) -> int:
        """Give the size in bytes."""
        return self._reading(checksum, lambda path: obstore.head(self._store, path))["size"]

    def _reading(self, checksum: str, read: Callable[[str], T]) -> T:
        """Read from the blob's path, after a restore from the trash if it is not there."""
        path = blob_path(checksum)
        with object_errors(checksum):
            try:
                return read(path)
            except FileNotFoundError:
                if not self._files.restore(checksum):
                    raise
                return read(path)

    def touch(self, checksum: str) -> bool:
        """Write the content again, as S3 has no other way to make an object young."""
        if not self.exists(checksum):
            return False
        with self.local_path(checksum) as path:
            return self.put_file(path).checksum == checksum

    @contextmanager
    def local_path(self, checksum: str) -> Iterator[Path]:
        """Lend a temporary copy of the content."""
        pieces = self.open(checksum)
        with tempfile.TemporaryDirectory(prefix="docledger-") as folder:
            path = Path(folder, checksum)
            with system_errors(), path.open("wb") as file:
                file.writelines(pieces)
            yield path

    def verify(self, checksum: str) -> None:
        """Read the whole content and compare."""
        check_content(checksum, self.open(checksum))

    def sweep(self, named: NamedChecksums, older_than_seconds: float) -> SweepResult:
        """Sweep blobs and trash once; unfinished uploads never reach the store."""
        return sweep_store(self._files, named, self._clock() - older_than_seconds)


class ObjectBlobWriter:
    """An upload, spooled and hashed as it passes, that becomes an object when committed."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._digest = hashlib.sha256()
        self._size = 0
        self._spool = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115  (closed by abort)

    @property
    def size_bytes(self) -> int:
        """Count the bytes written so far."""
        return self._size

    def write(self, piece: bytes) -> None:
        """Append a piece; the upload is aborted if that fails."""
        self._require_open()
        try:
            with system_errors():
                self._spool.write(piece)
        except BaseException:
            self.abort()
            raise
        self._digest.update(piece)
        self._size += len(piece)

    def commit(self) -> Blob:
        """Store what was written under its checksum; an object appears whole or not at all."""
        self._require_open()
        blob = Blob(self._digest.hexdigest(), self._size)
        try:
            with object_errors(), system_errors():
                self._spool.seek(0)
                obstore.put(self._store, blob_path(blob.checksum), self._spool)
        finally:
            self.abort()
        return blob

    def abort(self) -> None:
        """Drop the spool."""
        self._spool.close()

    def __enter__(self) -> ObjectBlobWriter:
        """Abort at the end of the block unless committed in it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Abort what was not committed."""
        self.abort()

    def _require_open(self) -> None:
        if self._spool.closed:
            raise UploadFinished


def _pieces(checksum: str, stream: Iterator[bytes]) -> Iterator[bytes]:
    with object_errors(checksum):
        yield from stream
