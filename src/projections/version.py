"""Which version of the read models this program makes, and which the tables are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection, Cursor
from psycopg.rows import tuple_row

from projections.errors import OtherVersion
from projections.statements import MARK_APPLIED, VERSIONS

READ_MODELS_VERSION = 1
"""To be raised when the fold makes other rows of old events, or the tables' columns change."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The tables' version, and the changes that lead from there to this program's."""

    tables: int
    changes: Sequence[str]
    program: int = READ_MODELS_VERSION


def read_versions(connection: Connection) -> Versions:
    """Return how the tables stand to this program.

    Raises OtherVersion for tables of a newer program and for a change that is in no migration.
    """
    rows = _rows(connection)
    tables = max((version for version, _, applied_at in rows if applied_at), default=1)
    if tables > READ_MODELS_VERSION:
        raise OtherVersion(_told(tables) + " Use the newer program that made them.")
    if READ_MODELS_VERSION not in {version for version, _, _ in rows}:
        raise OtherVersion(_told(tables) + " Run 'docledger migrate up' first.")
    changes = [change for version, change, _ in rows if tables < version <= READ_MODELS_VERSION]
    return Versions(tables, changes)


def require_version(connection: Connection) -> None:
    """Raise OtherVersion unless the tables are of this program's version.

    To be asked with the tracking row's lock in hand: a swap holds it while it changes the version.
    """
    tables = max((version for version, _, applied_at in _rows(connection) if applied_at), default=1)
    if tables != READ_MODELS_VERSION:
        newer = tables > READ_MODELS_VERSION
        remedy = "Use the newer program." if newer else "Run 'docledger rebuild'."
        raise OtherVersion(f"{_told(tables)} {remedy}")


def check_version(connection: Connection, applied: Cursor) -> None:
    """Do what `require_version` does, given the answer to `APPLIED_VERSION`."""
    if applied.fetchone() != (READ_MODELS_VERSION,):
        require_version(connection)


def mark_applied(connection: Connection) -> None:
    """Record that the tables are of this program's version."""
    connection.execute(MARK_APPLIED, (READ_MODELS_VERSION,))


def _rows(connection: Connection) -> list[tuple[int, str, datetime | None]]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(VERSIONS).fetchall()


def _told(tables: int) -> str:
    return (
        f"The read models' tables are of version {tables}, this program's are of version "
        f"{READ_MODELS_VERSION}."
    )
