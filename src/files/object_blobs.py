"""Blobs as objects in S3, or any other store that obstore speaks to."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

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

_IN_MEMORY_BYTES = 8 * PIECE_BYTES


class ObjectBlobStore:
    """Blobs as objects; an upload is spooled here first, since its name is its checksum.

    Putting content that is there writes it again, so that the sweep sees it as young. A sweep and a
    put of the same old, unnamed content within the same few milliseconds are not kept apart.
    """

    def __init__(self, store: ObjectStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
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
        with object_errors(checksum):
            found = obstore.get(self._store, blob_path(checksum), options={"range": (offset, end)})
            return _pieces(checksum, iter(found.stream(min_chunk_size=PIECE_BYTES)))

    def exists(self, checksum: str) -> bool:
        """Tell whether the content is stored."""
        with object_errors():
            try:
                obstore.head(self._store, blob_path(checksum))
            except FileNotFoundError:
                return False
            return True

    def size(self, checksum: str) -> int:
        """Give the size in bytes."""
        with object_errors(checksum):
            return obstore.head(self._store, blob_path(checksum))["size"]

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

    def sweep(self, referenced: Referenced, older_than_seconds: float) -> SweepResult:
        """Remove old blobs that no event names; unfinished uploads never reach the store."""
        before = self._clock() - older_than_seconds
        blobs = blob_bytes = 0
        with object_errors():
            for page in obstore.list(self._store, "blobs/sha256", chunk_size=SWEEP_BATCH):
                names = {meta["path"].rpartition("/")[2]: meta["last_modified"] for meta in page}
                old = [name for name in names if _is_old_blob(name, names[name], before)]
                for checksum in set(old) - referenced(old):
                    size = self._removed_if_older(blob_path(checksum), before)
                    blobs, blob_bytes = blobs + (size is not None), blob_bytes + (size or 0)
        return SweepResult(blobs, blob_bytes)

    def _removed_if_older(self, path: str, before: float) -> int | None:
        try:
            found = obstore.head(self._store, path)
            if found["last_modified"].timestamp() >= before:
                return None
            obstore.delete(self._store, path)
        except FileNotFoundError:
            return None
        return found["size"]


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


def _is_old_blob(name: str, modified_at: datetime, before: float) -> bool:
    return bool(CHECKSUM.fullmatch(name)) and modified_at.timestamp() < before


def _pieces(checksum: str, stream: Iterator[bytes]) -> Iterator[bytes]:
    with object_errors(checksum):
        yield from stream


@contextmanager
def object_errors(checksum: str | None = None) -> Iterator[None]:
    """Translate the object store's errors; a missing object is the content asked for."""
    try:
        yield
    except FileNotFoundError as error:
        if checksum is None:
            raise StorageUnavailable from error
        raise not_found(checksum) from error
    except (BaseError, OSError) as error:
        raise StorageUnavailable(
            f"The object store cannot be used just now ({type(error).__name__})."
        ) from error
