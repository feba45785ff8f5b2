"""The storage that a URL names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.store import ObjectStore, S3Store

from domain.json_types import JsonMapping
from domain.storage_errors import StorageError
from files.blobs import BlobStore
from files.identity import LocalIdentity, ObjectIdentity, StorageIdentity
from files.local_blobs import LocalBlobStore
from files.object_blobs import ObjectBlobStore
from files.object_tree import ObjectTree
from files.stored_files import LocalStoredFiles, ObjectStoredFiles, StoredFiles
from files.tree import DocumentTree, UploadsTree

if TYPE_CHECKING:
    from obstore.store import RetryConfig

_FEW_RETRIES: RetryConfig = {"max_retries": 1, "retry_timeout": timedelta(seconds=2)}


@dataclass(frozen=True, slots=True)
class Storage:
    """One storage root: its blobs, its browsable tree, files that others put there, its id.

    `location` says where it is, for people.
    """

    blobs: BlobStore
    tree: DocumentTree
    stored_files: StoredFiles
    identity: StorageIdentity
    location: str


def open_storage(url: str, options: JsonMapping | None = None) -> Storage:
    """Open `file:///folder` or `s3://bucket/prefix`.

    `options` are those of `obstore.store.S3Store`, e.g. `endpoint` and `region`; what is not given
    there obstore takes from the `AWS_…` variables. A local folder is made if it is not there.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return local_storage(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        given = options or {}
        store = S3Store.from_url(url, **given)
        # A role that starts, or a status, is not to wait for the store as long as an upload does.
        impatient = S3Store.from_url(url, **{**given, "retry_config": _FEW_RETRIES})
        return object_storage(store, url, impatient)
    raise StorageError(
        "The storage URL is neither file:///folder nor s3://bucket/prefix; "
        "correct DOCLEDGER_STORAGE_URL."
    )


def local_storage(root: Path) -> Storage:
    """Return the storage in a folder, which is made if it is not there."""
    blobs = LocalBlobStore(root)
    return Storage(
        blobs=blobs,
        tree=UploadsTree(blobs.root, blobs),
        stored_files=LocalStoredFiles(blobs.root, blobs),
        identity=LocalIdentity(blobs.root),
        location=str(blobs.root),
    )


def object_storage(
    store: ObjectStore, location: str, for_identity: ObjectStore | None = None
) -> Storage:
    """Return the storage in an object store; its id is read by `for_identity`, if given."""
    blobs = ObjectBlobStore(store)
    return Storage(
        blobs=blobs,
        tree=ObjectTree(store),
        stored_files=ObjectStoredFiles(store, blobs),
        identity=ObjectIdentity(for_identity or store),
        location=location,
    )
