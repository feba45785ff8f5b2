"""The id of a storage, in an object at its root, by which a database tells its own from another."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import obstore
from obstore.exceptions import AlreadyExistsError, NotSupportedError
from obstore.store import ObjectStore

from domain.storage_errors import StorageError
from files.blobs import system_errors
from files.durable import CONTENT_MODE, DurableFolders, sync_folder
from files.object_files import object_errors

MARKER = ".docledger-storage-id"
"""The name of the object; no listing of blobs or documents shows it."""

_SHARED = "shared"
_TEXT = re.compile(rf"([A-Za-z0-9-]{{8,64}})\n(?:({_SHARED})\n)?")
_MOST_BYTES = 1024


class MarkerUnreadable(StorageError):
    """The object that holds a storage's id holds something else."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A storage's id; `is_shared` tells that a second database has joined, so nothing is swept."""

    storage_id: str
    is_shared: bool = False

    def __str__(self) -> str:
        return f"{self.storage_id}\n" + (f"{_SHARED}\n" if self.is_shared else "")

    @classmethod
    def parse(cls, content: bytes) -> Marker:
        """Return what the object says; raises MarkerUnreadable."""
        match = _TEXT.fullmatch(content.decode(errors="replace"))
        if match is None:
            raise MarkerUnreadable(
                f"The object {MARKER} at the root of the storage holds no id; restore it from a "
                "backup, or remove it and run 'docledger storage adopt'."
            )
        return cls(match[1], match[2] is not None)


class StorageIdentity(Protocol):
    """The object with the id; raises StorageUnavailable."""

    def read(self) -> Marker | None:
        """Return what it says, None if there is none; raises MarkerUnreadable."""

    def create(self, marker: Marker) -> bool:
        """Write it unless there is one; return whether it was written. Safe against a race."""

    def replace(self, marker: Marker) -> None:
        """Write it, whether there is one or not."""

    def remove(self) -> None:
        """Remove it, if there is one."""


class LocalIdentity:
    """A read-only file in the root folder, that appears whole."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / MARKER

    def read(self) -> Marker | None:
        """Return what the file says."""
        with system_errors():
            try:
                with self._path.open("rb") as file:
                    return Marker.parse(file.read(_MOST_BYTES))
            except FileNotFoundError:
                return None

    def create(self, marker: Marker) -> bool:
        """Link a finished file into place, which fails where one is."""
        with system_errors():
            written = self._written(marker)
            try:
                self._path.hardlink_to(written)
            except FileExistsError:
                return False
            finally:
                written.unlink()
            sync_folder(self._root)
        return True

    def replace(self, marker: Marker) -> None:
        """Rename a finished file into place."""
        with system_errors():
            self._written(marker).replace(self._path)
            sync_folder(self._root)

    def remove(self) -> None:
        """Remove the file."""
        with system_errors():
            self._path.unlink(missing_ok=True)

    def _written(self, marker: Marker) -> Path:
        DurableFolders(self._root).make(self._root)
        path = self._root / f"{MARKER}.{secrets.token_hex(8)}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, CONTENT_MODE)
        with os.fdopen(fd, "wb") as file:
            file.write(str(marker).encode())
            file.flush()
            os.fsync(fd)
        return path


class ObjectIdentity:
    """An object, created under the condition that there is none."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def read(self) -> Marker | None:
        """Return what the object says."""
        with object_errors():
            try:
                content = obstore.get(self._store, MARKER).bytes()
            except FileNotFoundError:
                return None
        return Marker.parse(bytes(content)[:_MOST_BYTES])

    def create(self, marker: Marker) -> bool:
        """Put the object unless there is one; a store without conditions is asked before."""
        with object_errors():
            try:
                obstore.put(self._store, MARKER, str(marker).encode(), mode="create")
            except AlreadyExistsError:
                return False
            except (NotSupportedError, NotImplementedError):
                if self.read() is not None:
                    return False
                self.replace(marker)
        return True

    def replace(self, marker: Marker) -> None:
        """Put the object."""
        with object_errors():
            obstore.put(self._store, MARKER, str(marker).encode())

    def remove(self) -> None:
        """Delete the object."""
        with object_errors(), suppress(FileNotFoundError):
            obstore.delete(self._store, MARKER)
