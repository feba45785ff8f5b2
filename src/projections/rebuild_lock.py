"""The lock that a rebuild of the read models holds alone and checks of them share.

A snapshot that was taken before a swap sees no rows in the new tables, so that a check would find
everything missing. The lock belongs to a session: it goes with its connection, also when that dies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg import Connection, OperationalError
from psycopg.errors import LockNotAvailable
from psycopg.rows import tuple_row

from postgres import advisory_locks
from projections.errors import ProjectionError

_SET_TIMEOUT = "SELECT set_config('lock_timeout', %s, false)"
_AWAITED = """
    SELECT EXISTS (SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (classid::int8 << 32) | objid::int8 = %s AND objsubid = 1)
"""


class RebuildRunning(ProjectionError):
    """The read models are being rebuilt or checked; wait for that to end, then try again."""


@contextmanager
def rebuild_lock(
    connection: Connection, *, exclusive: bool, wait_seconds: float = 0.0
) -> Iterator[None]:
    """Hold the lock on this connection, which has to stay open and is in autocommit mode.

    Raises RebuildRunning if it is taken after `wait_seconds`: by a rebuild, or with `exclusive` by
    a check as well. Waiters get it in the order in which they came, ahead of all that only try.
    """
    kind = "" if exclusive else "_shared"
    if wait_seconds:
        _wait_for_lock(connection, kind, wait_seconds)
    elif not _value(connection, f"SELECT pg_try_advisory_lock{kind}(%s)"):
        raise RebuildRunning
    try:
        yield
    finally:
        with suppress(OperationalError):  # without the connection the lock is gone, too
            if not connection.closed:
                _value(connection, f"SELECT pg_advisory_unlock{kind}(%s)")


def is_awaited(connection: Connection) -> bool:
    """Tell whether another session waits for the lock, which this one holds."""
    return bool(_value(connection, _AWAITED))


def _wait_for_lock(connection: Connection, kind: str, seconds: float) -> None:
    before = _value(connection, "SELECT current_setting('lock_timeout')", takes_lock=False)
    _value(connection, _SET_TIMEOUT, f"{int(seconds * 1000)}ms", takes_lock=False)
    try:
        _value(connection, f"SELECT pg_advisory_lock{kind}(%s)")
    except LockNotAvailable:
        raise RebuildRunning from None
    finally:
        if not connection.closed:
            _value(connection, _SET_TIMEOUT, before, takes_lock=False)


def _value(connection: Connection, query: str, *values: object, takes_lock: bool = True) -> object:
    parameters = (advisory_locks.REBUILD,) if takes_lock else values
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query.encode(), parameters).fetchone()
    return None if row is None else row[0]
