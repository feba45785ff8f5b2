"""What can go wrong with stored files, for every room that has to speak of it.

    DocledgerError
    ├── StorageError
    │   ├── StorageFull
    │   ├── BlobNotFound
    │   ├── ImportedContentMissing
    │   ├── BlobCorrupt
    │   ├── PathRefused
    │   └── UploadFinished
    └── Unavailable
        └── StorageUnavailable

Messages carry checksums and the system's reason, never the name of a file but where an imported
one was listed: callers who may read that list are told what to put where.
"""

from __future__ import annotations

from domain.errors import DocledgerError, Unavailable


class StorageError(DocledgerError):
    """The storage of files could not do this."""


class StorageFull(StorageError):
    """The storage has no room left; free some space and try again."""


class BlobNotFound(StorageError):
    """The storage holds no content of this checksum."""


class ImportedContentMissing(StorageError):
    """The content of an imported file is not where it was listed; put it there."""


class BlobCorrupt(StorageError):
    """Stored content no longer matches its checksum; restore it from a backup."""


class PathRefused(StorageError):
    """A path leads out of the folder of its document and was not touched."""


class UploadFinished(StorageError):
    """This upload was committed or aborted already; begin a new one."""


class StorageUnavailable(Unavailable):
    """The storage of files cannot be reached or read just now; try again in a moment."""
