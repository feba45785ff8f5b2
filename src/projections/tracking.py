"""How far a consumer of the log is: one row, whose lock makes it the only one at work."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

READ_MODELS = "read_models"
"""The projector's own row in `tracking`."""


def ensure_tracked(connection: Connection[Any], projection: str) -> None:
    """Make the row if there is none: nothing is applied yet."""
    connection.execute(
        "INSERT INTO tracking (projection, position) VALUES (%s, 0) ON CONFLICT DO NOTHING",
        (projection,),
    )


def lock_position(
    connection: Connection[Any], projection: str, *, wait: bool = False
) -> int | None:
    """Return the position and keep everybody else from moving it until the transaction ends.

    None if there is no such row or somebody else has it locked; with `wait` their end is awaited.
    """
    query = "SELECT position FROM tracking WHERE projection = %s FOR UPDATE"
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(query if wait else f"{query} SKIP LOCKED", (projection,))
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def read_position(connection: Connection[Any], projection: str) -> int:
    """Return the position, 0 if nothing was ever applied."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("SELECT position FROM tracking WHERE projection = %s", (projection,))
        row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def move_position(
    connection: Connection[Any], projection: str, position: int, at: datetime
) -> None:
    """Move the position, in the transaction that holds its lock."""
    connection.execute(
        "UPDATE tracking SET position = %s, updated_at = %s WHERE projection = %s",
        (position, at, projection),
    )
