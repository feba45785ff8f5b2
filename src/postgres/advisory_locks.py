"""The numbers of docledger's advisory locks, each eight letters that say what it is for.

One more, 7236277003581237105, is taken by functions of the database alone (migration 1): that of
appends. The search store locks documents in a space of its own, of two four-byte numbers.
"""

from __future__ import annotations

from typing import Final, LiteralString

from psycopg import Connection
from psycopg.rows import scalar_row

MIGRATIONS: Final = 0x646F636C6D696772  # "doclmigr"
"""Held by the session that migrates the schema."""

SEALS: Final = 0x646F636C7365616C  # "doclseal"
"""Held by the transaction that seals a stretch of the log."""

FOLLOWER: Final = 0x646F636C666F6C6C  # "doclfoll"
"""Held by the transaction that brings changes of other applications into the log."""

STORAGE: Final = 0x646F636C73746F72  # "doclstor"
"""Held by the session that adopts a storage."""

DISPATCHER: Final = 0x646F636C64697370  # "docldisp"
"""Held by the session of the dispatcher that leads."""

REBUILD: Final = 0x646F636C72656264  # "doclrebd"
"""Held alone by a rebuild of the read models, shared by checks of the ledger."""


def take_for_session(connection: Connection[object], number: int) -> bool:
    """Take the lock until the session ends or unlocks it; return False if another has it."""
    return _is_taken(connection, "SELECT pg_try_advisory_lock(%s)", number)


def take_for_transaction(connection: Connection[object], number: int) -> bool:
    """Take the lock until the transaction ends; return False if another has it."""
    return _is_taken(connection, "SELECT pg_try_advisory_xact_lock(%s)", number)


def _is_taken(connection: Connection[object], query: LiteralString, number: int) -> bool:
    with connection.cursor(row_factory=scalar_row) as cursor:
        return bool(cursor.execute(query, (number,)).fetchone())
