"""Keeps a rebuild of the read models and whoever checks them apart.

A snapshot that was taken before a swap sees no rows in the new tables, so that a check would find
everything missing. The lock belongs to a session: it goes with its connection, also when that dies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection

from projections.errors import ProjectionError

DOCLEDGER_REBUILD = 0x646F636C72656264  # "doclrebd"
"""The advisory lock: a rebuild holds it alone, checks share it."""


class RebuildRunning(ProjectionError):
    """The read models are being rebuilt or checked; wait for that to end, then try again."""


@contextmanager
def rebuild_lock(connection: Connection[Any], *, exclusive: bool) -> Iterator[None]:
    """Hold the lock on this connection, which must stay open meanwhile, without waiting for it.

    Raises RebuildRunning if somebody else has it: a rebuild, or with `exclusive` a check as well.
    """
    kind = "" if exclusive else "_shared"
    taken = connection.execute(
        f"SELECT pg_try_advisory_lock{kind}(%s)".encode(), (DOCLEDGER_REBUILD,)
    ).fetchone()
    if not taken or not next(iter(taken.values() if isinstance(taken, dict) else taken)):
        raise RebuildRunning
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(
                f"SELECT pg_advisory_unlock{kind}(%s)".encode(), (DOCLEDGER_REBUILD,)
            )
