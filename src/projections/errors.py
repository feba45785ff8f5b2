"""What can go wrong between the log and the read models.

DocledgerError
└── ProjectionError
    ├── CannotApply              an event that no row can be made of
    ├── NotCaughtUp              a position that was not reached in time
    ├── StillParked              a document whose events still cannot be applied
    ├── RebuildRunning           a rebuild or a check runs already (in rebuild_lock)
    ├── RebuildRefused           a rebuild would lose something of the tables
    ├── RebuildFailed            a process or the database failed during a rebuild
    └── OtherVersion             the tables are of another version than this program
"""

from __future__ import annotations

import psycopg

from domain.errors import DocledgerError


class ProjectionError(DocledgerError):
    """The read models could not be brought up to date."""


class CannotApply(ProjectionError):
    """The event does not fit the rows that the events ahead of it made."""


class NotCaughtUp(ProjectionError):
    """The read models did not reach the position in time; see whether a projector runs."""


class StillParked(ProjectionError):
    """The document's events still cannot be applied."""


class RebuildRefused(ProjectionError):
    """The read models cannot be rebuilt as they are."""


class RebuildFailed(ProjectionError):
    """The rebuild ended without new tables; the live ones are as they were."""


class OtherVersion(ProjectionError):
    """The read models' tables are not of this program's version; run 'docledger rebuild'."""


_ROW_FAULTS = ("22", "23", "54")  # SQLSTATE classes: data, integrity, program limits


def is_row_fault(error: Exception) -> bool:
    """Tell whether the database would refuse these rows again, and other rows perhaps not."""
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        return error.sqlstate[:2] in _ROW_FAULTS
    return isinstance(error, psycopg.DataError | ValueError | TypeError)


def write_reason(error: Exception) -> str:
    """Say why rows cannot be written, without any value of them."""
    if not isinstance(error, psycopg.Error):
        return f"the rows cannot be written: {type(error).__name__}"
    where = error.diag.constraint_name or error.diag.column_name or error.diag.table_name
    named = f" ({where})" if where else ""
    return f"the database refuses the rows: {type(error).__name__}{named}"
