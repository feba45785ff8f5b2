"""Looks at stored files without touching them: blobs, and the folders of the uploads tree."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Literal, Protocol, TypeAlias
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import ObjectStore, S3Store

from domain.file_names import document_folder
from domain.json_types import JsonMapping
from domain.storage_errors import BlobCorrupt, BlobNotFound
from files.blobs import PIECE_BYTES, BlobStore, system_errors
from files.layout import blob_path
from files.object_files import object_errors

Fault: TypeAlias = Literal["missing", "extra", "changed"]
Faults: TypeAlias = list[tuple[str, Fault]]
"""Paths below the storage root, and what is wrong with each."""

_DOCUMENTS = "documents"


def blob_fault(
    blobs: BlobStore, checksum: str, size_bytes: int
) -> Literal["missing", "changed"] | None:
    """Read a blob through and return what is wrong with it, None if nothing is."""
    try:
        if blobs.size(checksum) != size_bytes:
            return "changed"
        blobs.verify(checksum)
    except BlobNotFound:
        return "missing"
    except BlobCorrupt:
        return "changed"
    return None


class TreeReader(Protocol):
    """The uploads tree, for reading."""

    def faults(
        self, document_id: str, wanted: Mapping[str, str], kept: Collection[str] = ()
    ) -> Faults:
        """Compare the document's folder with the wanted files: path to checksum.

        What lies at the paths of `kept` is no fault.
        """

    def folders(self) -> Iterator[str]:
        """Yield the names of all documents' folders."""


def open_tree_reader(url: str, options: JsonMapping | None = None) -> TreeReader:
    """Open the tree of a storage that `open_storage` takes."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalTreeReader(Path(unquote(parts.path)))
    return ObjectTreeReader(S3Store.from_url(url, **(options or {})))


class LocalTreeReader:
    """The tree in a folder. A link to its blob is taken for the blob, which is checked itself."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def faults(
        self, document_id: str, wanted: Mapping[str, str], kept: Collection[str] = ()
    ) -> Faults:
        """Compare the document's folder with the wanted files."""
        with system_errors():
            held = dict(self._held(self._root / _DOCUMENTS / document_folder(document_id)))
            faults = _unlike(held, wanted, kept)
            for path in held.keys() & wanted.keys():
                try:
                    if not self._is_copy(held[path], path, wanted[path]):
                        faults.append((path, "changed"))
                except FileNotFoundError:
                    faults.append((path, "missing"))
        return faults

    def folders(self) -> Iterator[str]:
        """Yield the names of all that lies in `documents`."""
        with system_errors():
            try:
                entries = os.scandir(self._root / _DOCUMENTS)
            except FileNotFoundError:
                return
            with entries:
                for entry in entries:
                    yield entry.name

    def _held(self, folder: Path) -> Iterator[tuple[str, os.stat_result]]:
        """Yield what is in the folder, links and all but folders, by path below the root."""
        for top, folders, names in os.walk(folder, followlinks=False):
            links = [name for name in folders if (Path(top) / name).is_symlink()]
            for name in names + links:
                path = Path(top) / name
                try:
                    found = path.lstat()
                except FileNotFoundError:
                    continue
                yield path.relative_to(self._root).as_posix(), found

    def _is_copy(self, found: os.stat_result, path: str, checksum: str) -> bool:
        if not stat.S_ISREG(found.st_mode):
            return False
        try:
            blob = (self._root / blob_path(checksum)).stat(follow_symlinks=False)
        except FileNotFoundError:
            blob = None
        if blob is not None and (found.st_dev, found.st_ino) == (blob.st_dev, blob.st_ino):
            return True
        return _checksum(self._root / path) == checksum


class ObjectTreeReader:
    """The tree in an object store, where a copy has the entity tag of its blob."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def faults(
        self, document_id: str, wanted: Mapping[str, str], kept: Collection[str] = ()
    ) -> Faults:
        """Compare what is under the document's prefix with the wanted files."""
        with object_errors():
            held = dict(self._held(f"{_DOCUMENTS}/{document_folder(document_id)}"))
            faults = _unlike(held, wanted, kept)
            for path in held.keys() & wanted.keys():
                if not self._is_copy(held[path], path, wanted[path]):
                    faults.append((path, "changed"))
        return faults

    def folders(self) -> Iterator[str]:
        """Yield the first part of every path below `documents`."""
        last = ""
        with object_errors():
            for page in obstore.list(self._store, _DOCUMENTS):
                for found in page:
                    folder = found["path"].split("/")[1]
                    if folder != last:
                        yield folder
                    last = folder

    def _held(self, prefix: str) -> Iterator[tuple[str, str | None]]:
        for page in obstore.list(self._store, prefix):
            for found in page:
                yield found["path"], found["e_tag"]

    def _is_copy(self, tag: str | None, path: str, checksum: str) -> bool:
        try:
            if tag and obstore.head(self._store, blob_path(checksum))["e_tag"] == tag:
                return True
            pieces = obstore.get(self._store, path).stream(min_chunk_size=PIECE_BYTES)
        except FileNotFoundError:
            return False
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(bytes(piece))
        return digest.hexdigest() == checksum


def _unlike(held: Mapping[str, object], wanted: Mapping[str, str], kept: Collection[str]) -> Faults:
    missing: Faults = [(path, "missing") for path in wanted if path not in held]
    known = wanted.keys() | set(kept)
    extra: Faults = [(path, "extra") for path in held if path not in known]
    return missing + extra


def _checksum(path: Path) -> str:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
