"""Looks whether the contents of files that an import listed are there; stores nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from domain.storage_errors import BlobCorrupt, BlobNotFound, PathRefused
from files.blobs import BlobStore
from files.imported_contents import recorded_sha256
from files.stored_files import StoredFiles
from verification.difference import Difference, Kind

_PAGE = 500
# Version 0 was imported.
_LISTED = """
    SELECT f.document_id, f.stage_name, f.file_type, f.file_path, f.checksum
    FROM stage_output_files f JOIN document_streams s ON s.document_id = f.document_id
    WHERE s.file_versions -> (f.stage_name || ':' || f.file_type) = '0'
"""
_STILL_LISTED = f"{_LISTED} AND f.document_id = %s AND f.stage_name = %s AND f.file_type = %s"


class _Listed(NamedTuple):
    document_id: str
    stage_name: str
    file_type: str
    file_path: str
    checksum: str | None


class ImportedCheck:
    """One pass over the files that imports listed and that are current; `files` counts them."""

    def __init__(self, connection: Connection, blobs: BlobStore, stored_files: StoredFiles) -> None:
        self._connection = connection
        self._blobs = blobs
        self._stored_files = stored_files
        self.files = 0

    def differences(
        self, advance: Callable[[int], None] = lambda _files: None
    ) -> Iterator[Difference]:
        """Yield what is listed and not in the storage, or there with another content."""
        with self._connection.cursor(
            "imported_files", row_factory=tuple_row, withhold=True
        ) as cursor:
            cursor.itersize = _PAGE
            for row in cursor.execute(_LISTED.encode()):
                self.files += 1
                advance(self.files)
                yield from self._of(_Listed(*row))

    def _of(self, listed: _Listed) -> Iterator[Difference]:
        fault = self._fault(listed)
        if fault is None or not self._is_still(listed):
            return
        kind, what = fault
        where = f"{listed.stage_name} {listed.file_type}, imported"
        yield Difference(listed.document_id, kind, f"{where}: {what}")

    def _fault(self, listed: _Listed) -> tuple[Kind, str] | None:
        recorded = recorded_sha256(listed.checksum)
        if recorded is not None:
            try:
                self._blobs.verify(recorded)
            except BlobCorrupt:
                return "blob-changed", f"{recorded} holds something else"
            except BlobNotFound:
                pass
            else:
                return None
        try:
            found = self._stored_files.inspect(listed.file_path)
        except (BlobNotFound, PathRefused):
            return "blob-missing", "its content is not in the storage where it was listed"
        if recorded not in (None, found.checksum):
            return "blob-changed", f"what lies where it was listed is not {recorded}"
        return None

    def _is_still(self, listed: _Listed) -> bool:
        """Tell whether no event has put another file in its place since."""
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(_STILL_LISTED.encode(), listed[:3]).fetchone()
        return row is not None and _Listed(*row) == listed
