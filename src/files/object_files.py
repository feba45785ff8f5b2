"""The objects of blobs in an object store, as the sweep sees them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from domain.storage_errors import StorageUnavailable
from domain.values import CHECKSUM
from files.blobs import not_found
from files.layout import HEX_PAIRS, LIVE, TRASH, Area, blob_path

_PAGE = 1000
_PAIR = 2


class ObjectBlobFiles:
    """Blobs and trash as objects; moving one is a copy that the store itself makes."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def checksums(self, area: Area) -> Iterator[str]:
        """Yield the checksums of an area in ascending order.

        S3 lists in that order, other stores need not (nor do S3's directory buckets): where the
        first page or a later name is out of order, a 256th of them is sorted at a time.
        """
        names = self._names(f"blobs/{area}")
        first = list(islice(names, _PAGE))
        last = ""
        if first == sorted(first):
            for name in chain(first, names):
                if name < last:
                    break
                yield name
                last = name
            else:
                return
        yield from self._sorted(area, last)

    def _sorted(self, area: Area, after: str) -> Iterator[str]:
        for pair in HEX_PAIRS:
            if pair >= after[:2]:
                names = sorted(self._names(f"blobs/{area}/{pair}"))
                yield from (name for name in names if name > after)

    def _names(self, prefix: str) -> Iterator[str]:
        pages = iter(obstore.list(self._store, prefix, chunk_size=_PAGE))
        while True:
            with object_errors():
                page = next(pages, None)
            if page is None:
                return
            yield from (name for found in page if (name := _checksum(found["path"])))

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


def _checksum(path: str) -> str | None:
    """Return the checksum that an object is named by, None where it lies in a wrong place."""
    *_, first, second, name = ("", "", *path.split("/"))
    fits = name.startswith(first + second) and CHECKSUM.fullmatch(name)
    return name if fits and len(first) == len(second) == _PAIR else None
