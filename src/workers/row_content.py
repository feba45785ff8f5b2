"""Contents of documents that came without a file: the text in their rows, stored when needed.

A million rows can be imported without a million files being written. A stage that reads the
original has it put into the storage first; the completion of the stage then names it in the log.
"""

from __future__ import annotations

from domain.values import Original
from workers.connections import connect
from workers.ports import Blobs

_CONTENT = "SELECT content FROM documents WHERE id = %s"
_TYPE = "text/markdown"


class RowContents:
    """The column `content` of `documents`, as originals."""

    def __init__(self, dsn: str, blobs: Blobs) -> None:
        self._dsn = dsn
        self._blobs = blobs

    def stored(self, document_id: str) -> Original | None:
        """Store the text of the document's row; None if it has none.

        Raises psycopg.Error, and the errors of the storage.
        """
        with connect(self._dsn, "docledger worker content") as connection:
            row = connection.execute(_CONTENT, (document_id,)).fetchone()
        if row is None or row[0] is None:
            return None
        blob = self._blobs.put_stream([str(row[0]).encode()])
        return Original(checksum=blob.checksum, size_bytes=blob.size_bytes, mime_type=_TYPE)
