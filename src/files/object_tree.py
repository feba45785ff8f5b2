"""The uploads tree in an object store: copies of the blobs under the names that people know."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress

import obstore
from obstore.store import ObjectStore

from domain.file_names import document_folder
from domain.storage_errors import BlobNotFound
from files.layout import blob_path
from files.object_files import ObjectBlobFiles, object_errors
from files.tree import planned


class ObjectTree:
    """Copies made by the store itself; one that has its blob's entity tag is left alone."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def reconcile(
        self, document_id: str, wanted: Mapping[str, str], kept: Collection[str] = ()
    ) -> None:
        """Make the document's prefix hold exactly the wanted files, and what is kept."""
        planned(document_id, wanted)
        held = dict(self._held(document_id))
        self._delete([path for path in held if path not in wanted and path not in kept])
        missing = []
        for path, checksum in wanted.items():
            try:
                self._place(path, checksum, held.get(path))
            except BlobNotFound as error:
                missing.append(error)
        if missing:
            raise missing[0]

    def remove(self, document_id: str) -> None:
        """Remove all that is under the document's prefix."""
        self._delete([path for path, _ in self._held(document_id)])

    def sync(self) -> None:
        """Do nothing: an object is durable once it is there."""

    def exclusive(self) -> AbstractContextManager[bool]:
        """Lock nothing: who may work here is settled in the database."""
        return nullcontext(True)

    def sweep(self, older_than_seconds: float) -> int:  # noqa: ARG002  (the port's signature)
        """Find nothing: a copy appears whole or not at all."""
        return 0

    def _held(self, document_id: str) -> Iterator[tuple[str, str | None]]:
        with object_errors():
            for page in obstore.list(self._store, f"documents/{document_folder(document_id)}"):
                for found in page:
                    yield found["path"], found["e_tag"]

    def _delete(self, paths: list[str]) -> None:
        with object_errors():
            for path in paths:
                with suppress(FileNotFoundError):
                    obstore.delete(self._store, path)

    def _place(self, path: str, checksum: str, held_tag: str | None) -> None:
        with object_errors(checksum):
            tag = self._blob_tag(checksum)
            if tag is None or tag != held_tag:
                obstore.copy(self._store, blob_path(checksum), path)

    def _blob_tag(self, checksum: str) -> str | None:
        path = blob_path(checksum)
        try:
            return obstore.head(self._store, path)["e_tag"]
        except FileNotFoundError:
            if not ObjectBlobFiles(self._store).restore(checksum):
                raise
            return obstore.head(self._store, path)["e_tag"]
