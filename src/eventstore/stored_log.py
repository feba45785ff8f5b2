"""The log as it is stored, byte by byte, read on a connection of the caller's."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from psycopg import Connection, Cursor
from psycopg.rows import tuple_row

from eventstore.merkle import leaf_hash

PAGE_EVENTS = 4096

_BETWEEN = """
    SELECT notification_id, originator_id, originator_version, topic, state
    FROM docledger_events WHERE notification_id > %s AND notification_id <= %s
    ORDER BY notification_id LIMIT %s
"""
_NO_END = 2**63 - 1


class StoredRow(NamedTuple):
    """A row of the log's table."""

    position: int
    document_id: str
    version: int
    topic: str
    state: bytes

    @property
    def at(self) -> bytes:
        """The event's time as stored; such text sorts as time does."""
        return self.state[7:34]

    def leaf(self) -> bytes:
        """Return the hash of this event as a leaf of the log's tree."""
        return leaf_hash(canonical_bytes(self))


def canonical_bytes(row: StoredRow) -> bytes:
    """Return what is sealed of an event: position, version, then id, topic and state.

    Each text follows its length in bytes; numbers and lengths take 8 bytes, unsigned, the most
    significant first.
    """
    parts = [struct.pack(">QQ", row.position, row.version)]
    for text in (row.document_id.encode(), row.topic.encode(), row.state):
        parts += (struct.pack(">Q", len(text)), text)
    return b"".join(parts)


def read_page(
    connection: Connection, after: int, limit: int, until: int = _NO_END
) -> list[StoredRow]:
    """Return up to `limit` events after a position and not beyond `until`, in log order."""
    with binary_cursor(connection) as cursor:
        rows = cursor.execute(_BETWEEN, (after, until, limit))
        return [StoredRow(*row) for row in rows]


def read_between(connection: Connection, after: int, until: int) -> Iterator[StoredRow]:
    """Yield the events after a position up to another, a page at a time."""
    while page := read_page(connection, after, PAGE_EVENTS, until):
        yield from page
        after = page[-1].position


def binary_cursor(connection: Connection[object]) -> Cursor:
    """Return a cursor that gives tuples and gets bytes as they are."""
    return connection.cursor(binary=True, row_factory=tuple_row)
