"""The tracking position of a consumer of the log: a row whose lock lets only one apply events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from psycopg import Connection
from psycopg.rows import tuple_row

from postgres.statements import Part, write

READ_MODELS = "read_models"
"""The projector's own row in `tracking`."""

_LOCK = b"SELECT position FROM tracking WHERE projection = %s FOR UPDATE"
_LOCK_FREE = _LOCK + b" SKIP LOCKED"
_MOVE = b"UPDATE tracking SET position = %s, updated_at = %s WHERE projection = %s RETURNING 1"


def ensure_tracked(connection: Connection, projection: str) -> None:
    """Insert the row at position 0 if there is none."""
    connection.execute(
        "INSERT INTO tracking (projection, position) VALUES (%s, 0) ON CONFLICT DO NOTHING",
        (projection,),
    )


def lock_position(connection: Connection, projection: str, *, wait: bool = False) -> int | None:
    """Return the position and keep others from changing it until the transaction ends.

    None if there is no such row, or another session has it locked; with `wait` that is waited for.
    """
    return request_position_lock(connection, projection, wait=wait)()


def request_position_lock(
    connection: Connection, projection: str, *, wait: bool = False
) -> Callable[[], int | None]:
    """Send the request of `lock_position`; the call of what is returned gives the answer."""
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(_LOCK if wait else _LOCK_FREE, (projection,), prepare=True)

    def take() -> int | None:
        with cursor:
            row = cursor.fetchone()
        return None if row is None else int(row[0])

    return take


def read_position(connection: Connection, projection: str) -> int:
    """Return the position, 0 if nothing was ever applied."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("SELECT position FROM tracking WHERE projection = %s", (projection,))
        row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def move_position(connection: Connection, projection: str, position: int, at: datetime) -> None:
    """Move the position, in the transaction that holds its lock."""
    write(connection, [position_move(projection, position, at)])


def position_move(projection: str, position: int, at: datetime) -> Part:
    """Return the part of a statement that moves the position."""
    return Part(_MOVE, (position, at, projection), 1)
