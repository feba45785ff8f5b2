"""Holds the tracking positions against the log, and puts back those that are beyond it."""

from __future__ import annotations

from collections.abc import Callable

from psycopg import Connection
from psycopg.rows import tuple_row

_POSITIONS = "SELECT projection, position FROM tracking ORDER BY projection"
_PUT_BACK = "UPDATE tracking SET position = %s WHERE projection = %s AND position > %s"


def beyond_the_log(
    connection: Connection, last_position: Callable[[], int]
) -> list[tuple[str, int]]:
    """Return the projections, with their positions, that claim to be further than the log.

    The log's end is asked for after the positions were read, since both move meanwhile.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        positions = cursor.execute(_POSITIONS).fetchall()
    end = last_position()
    return [(projection, position) for projection, position in positions if position > end]


def put_back(connection: Connection, projection: str, position: int) -> None:
    """Let the projection go on behind this position, where the log ended."""
    connection.execute(_PUT_BACK, (position, projection, position))
