"""The port to stored content: every content once, named by its SHA-256."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from domain.storage_errors import (
    BlobCorrupt,
    BlobNotFound,
    StorageFull,
    StorageUnavailable,
)
from files.sweep import NamedChecksums, SweepResult

PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Blob:
    """Content that is stored for good: its SHA-256 in lower-case hex, and its size."""

    checksum: str
    size_bytes: int


class BlobWriter(Protocol):
    """One upload under way; used by one thread at a time, leaving nothing unless committed."""

    @property
    def size_bytes(self) -> int:
        """Count the bytes written so far."""

    def write(self, piece: bytes) -> None:
        """Append a piece, best of `PIECE_BYTES`; raises StorageFull with nothing left behind."""

    def commit(self) -> Blob:
        """Store what was written so that it survives a power cut; the writer is finished."""

    def abort(self) -> None:
        """Drop what was written; harmless after `commit` and when repeated."""

    def __enter__(self) -> BlobWriter:
        """Abort at the end of the block unless committed in it."""

    def __exit__(self, *_: object) -> None: ...


class BlobStore(Protocol):
    """Content by checksum; raises the errors of `domain.storage_errors` only.

    Content that a sweep has moved to the trash is stored: asking for it moves it back.
    """

    def begin(self) -> BlobWriter:
        """Begin an upload."""

    def put_stream(self, chunks: Iterable[bytes]) -> Blob:
        """Store the chunks as one blob; if iterating them fails, nothing is left."""

    def put_file(self, path: Path) -> Blob:
        """Store a copy of a local file."""

    def open(self, checksum: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Read a blob, or `length` bytes of it from `offset`, in pieces.

        Raises BlobNotFound at the call, not at the first piece; a range past the end is cut.
        """

    def exists(self, checksum: str) -> bool:
        """Tell whether the content is stored."""

    def size(self, checksum: str) -> int:
        """Give the size in bytes; raises BlobNotFound."""

    def touch(self, checksum: str) -> bool:
        """Keep a blob from the sweep for another while, as putting it again would.

        Call it before an event names content that was not put just now; False if it is gone.
        """

    def local_path(self, checksum: str) -> AbstractContextManager[Path]:
        """Lend the content as a local file, to be read only, until the block ends."""

    def verify(self, checksum: str) -> None:
        """Read the whole content; raises BlobNotFound, or BlobCorrupt if it is another."""

    def sweep(self, named: NamedChecksums, older_than_seconds: float) -> SweepResult:
        """Move blobs that no event names to the trash; delete what was there for long.

        Only what is older than this moves or goes, unfinished uploads too. An event must follow
        its blob within that time: choose hours.
        """


def not_found(checksum: str) -> BlobNotFound:
    """Say which content is missing."""
    return BlobNotFound(f"The storage holds no content with checksum {checksum}.")


def write_all(writer: BlobWriter, chunks: Iterable[bytes]) -> Blob:
    """Write every chunk and commit."""
    with writer:
        for chunk in chunks:
            writer.write(chunk)
        return writer.commit()


def pieces_of(path: Path) -> Iterator[bytes]:
    """Read a local file piece by piece."""
    with path.open("rb", buffering=0) as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def check_content(checksum: str, pieces: Iterable[bytes]) -> None:
    """Raise BlobCorrupt unless the pieces hash to the checksum."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    if digest.hexdigest() != checksum:
        raise BlobCorrupt(
            f"The content stored as {checksum} has changed; restore it from a backup."
        )


@contextmanager
def system_errors() -> Iterator[None]:
    """Translate the system's errors into the storage's."""
    try:
        yield
    except OSError as error:
        raise storage_error(error) from error


def storage_error(error: OSError) -> StorageFull | StorageUnavailable:
    """Name a system error in the storage's words; never with a path, which may hold a name."""
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(f"The storage has no room left ({reason}); free some space and retry.")
    return StorageUnavailable(f"The storage cannot be used just now ({reason}).")
