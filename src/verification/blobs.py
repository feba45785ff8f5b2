"""Which contents the log names, each once, for a check of them all."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from psycopg import Connection
from psycopg.rows import tuple_row

# Not read as UTF-8: an altered event may hold any bytes and must not end the check.
_PARTS = """
    SELECT substring(encode(state, 'escape') FROM '"checksum":"([0-9a-f]{64})"') AS checksum,
           substring(encode(state, 'escape') FROM '"size_bytes":([0-9]{1,18})')::bigint AS size,
           originator_id
    FROM docledger_events
    WHERE topic IN ('DocumentRegistered', 'OriginalStored', 'OutputFileRegistered')
"""
_NAMED = f"""
    SELECT checksum, max(size) FROM ({_PARTS}) AS named WHERE checksum IS NOT NULL
    GROUP BY checksum ORDER BY checksum
"""  # noqa: S608  (both parts stand above)
_NAMING = f"""
    SELECT DISTINCT checksum, originator_id FROM ({_PARTS}) AS named
    WHERE checksum = ANY (%s) ORDER BY checksum, originator_id
"""  # noqa: S608
_PAGE = 500


def named_blobs(connection: Connection) -> Iterator[tuple[str, int]]:
    """Yield checksum and size of every content that an event names.

    The server keeps the list, so that no transaction is open while contents are read.
    """
    with connection.cursor("named_blobs", row_factory=tuple_row, withhold=True) as cursor:
        cursor.itersize = _PAGE
        cursor.execute(_NAMED)
        for checksum, size in cursor:
            yield checksum, size or 0


def documents_naming(connection: Connection, checksums: Collection[str]) -> list[tuple[str, str]]:
    """Return pairs of checksum and the id of a document that names it; reads the log once."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(_NAMING, (list(checksums),)).fetchall()
