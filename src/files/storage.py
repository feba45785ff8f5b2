"""The storage that a URL names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from obstore.store import S3Store

from domain.storage_errors import StorageError
from files.blobs import BlobStore
from files.local_blobs import LocalBlobStore
from files.object_blobs import ObjectBlobStore
from files.object_tree import ObjectTree
from files.stored_files import LocalStoredFiles, ObjectStoredFiles, StoredFiles
from files.tree import DocumentTree, UploadsTree


@dataclass(frozen=True, slots=True)
class Storage:
    """One storage root: its blobs, its browsable tree, files that others put there.

    `location` says where it is, for people.
    """

    blobs: BlobStore
    tree: DocumentTree
    stored_files: StoredFiles
    location: str


def open_storage(url: str, options: Mapping[str, Any] | None = None) -> Storage:
    """Open `file:///folder` or `s3://bucket/prefix`.

    `options` are those of `obstore.store.S3Store`, e.g. `endpoint` and `region`; what is not given
    there obstore takes from the `AWS_…` variables. A local folder is made if it is not there.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        blobs = LocalBlobStore(Path(unquote(parts.path)))
        tree = UploadsTree(blobs.root, blobs)
        return Storage(blobs, tree, LocalStoredFiles(blobs.root, blobs), str(blobs.root))
    if parts.scheme == "s3" and parts.netloc:
        store = S3Store.from_url(url, **(options or {}))
        objects = ObjectBlobStore(store)
        return Storage(objects, ObjectTree(store), ObjectStoredFiles(store, objects), url)
    raise StorageError(
        "The storage URL is neither file:///folder nor s3://bucket/prefix; "
        "correct DOCLEDGER_STORAGE_URL."
    )
