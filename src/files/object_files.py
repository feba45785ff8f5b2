"""The objects of blobs in an object store, as the sweep sees them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from domain.storage_errors import StorageUnavailable
from domain.values import CHECKSUM
from files.blobs import not_found
from files.layout import HEX_PAIRS, LIVE, TRASH, Area, blob_path


class ObjectBlobFiles:
    """Blobs and trash as objects; moving one is a copy that the store itself makes."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def checksums(self, area: Area) -> Iterator[str]:
        """Yield the checksums of an area in ascending order, holding a 256th of them at a time.

        Not every store lists in order (S3 does, its directory buckets do not), hence the sorting.
        """
        for pair in HEX_PAIRS:
            with object_errors():
                pages = obstore.list(self._store, f"blobs/{area}/{pair}")
                paths = [found["path"] for page in pages for found in page]
            for checksum in sorted(path.rpartition("/")[2] for path in paths):
                if checksum.startswith(pair) and CHECKSUM.fullmatch(checksum):
                    yield checksum

    def trash(self, checksum: str, before: float) -> int | None:
        """Move a blob to the trash if it is older.

        What an upload writes over in the same moment is deleted with it; the copy is the same
        content.
        """
        path = blob_path(checksum)
        with object_errors():
            if self._size_if_older(path, before) is None:
                return None
            with suppress(FileNotFoundError):
                obstore.copy(self._store, path, blob_path(checksum, TRASH))
            return self._removed_if_older(path, before)

    def restore(self, checksum: str) -> bool:
        """Move content back from the trash, young again."""
        with object_errors():
            try:
                obstore.copy(self._store, blob_path(checksum, TRASH), blob_path(checksum, LIVE))
            except FileNotFoundError:
                return False
            with suppress(FileNotFoundError):
                obstore.delete(self._store, blob_path(checksum, TRASH))
        return True

    def delete(self, checksum: str, before: float) -> int | None:
        """Delete content that was trashed earlier."""
        with object_errors():
            return self._removed_if_older(blob_path(checksum, TRASH), before)

    def _removed_if_older(self, path: str, before: float) -> int | None:
        size = self._size_if_older(path, before)
        if size is not None:
            with suppress(FileNotFoundError):
                obstore.delete(self._store, path)
        return size

    def _size_if_older(self, path: str, before: float) -> int | None:
        try:
            found = obstore.head(self._store, path)
        except FileNotFoundError:
            return None
        return found["size"] if found["last_modified"].timestamp() < before else None


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
