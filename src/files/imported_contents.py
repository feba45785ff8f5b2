"""Contents of files that an import listed: rows were taken over, contents stay where they are.

A content is found under its recorded checksum, or at the path that is listed once it has been put
there, and is then made a blob.
"""

from __future__ import annotations

from domain.storage_errors import BlobNotFound, ImportedContentMissing, PathRefused
from domain.values import CHECKSUM
from files.blobs import Blob, BlobStore
from files.stored_files import StoredFiles


class ImportedContents:
    """Finds the contents of listed files; every call blocks."""

    def __init__(self, blobs: BlobStore, stored_files: StoredFiles) -> None:
        self._blobs = blobs
        self._stored_files = stored_files

    def find(self, path: str, checksum: str | None) -> Blob:
        """Return the blob of the file listed at `path` with this recorded checksum.

        A recorded checksum counts if it is a SHA-256. Raises ImportedContentMissing, which says
        where the content was expected, if it is not there, or something else is.
        """
        recorded = recorded_sha256(checksum)
        if recorded is not None and (stored := self._stored(recorded)) is not None:
            return stored
        expected = f"The content was expected in the storage at '{path}'"
        try:
            blob = self._stored_files.adopt(path)
        except BlobNotFound:
            raise ImportedContentMissing(f"{expected}; put it there.") from None
        except PathRefused:
            raise ImportedContentMissing(
                f"{expected}, which is no path within it; store the file with a POST to its stage."
            ) from None
        if recorded not in (None, blob.checksum):
            raise ImportedContentMissing(
                f"{expected} with the SHA-256 {recorded}; what is there has {blob.checksum}. Put "
                "the recorded content there, or store another with a POST to its stage."
            )
        return blob

    def _stored(self, checksum: str) -> Blob | None:
        try:
            return Blob(checksum, self._blobs.size(checksum))
        except BlobNotFound:
            return None


def recorded_sha256(checksum: str | None) -> str | None:
    """Return a recorded checksum if it is a SHA-256, by which the storage knows contents."""
    lower = (checksum or "").lower()
    return lower if CHECKSUM.fullmatch(lower) else None
