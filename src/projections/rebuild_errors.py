"""Why a rebuild does not begin, or ends without new tables.

ProjectionError
├── RebuildRunning               another one runs, or a check (in rebuild_lock)
├── RebuildRefused               something about the tables that a rebuild would lose
├── RebuildFailed                a process or the database failed on the way
└── OtherVersion                 the tables are not of this program's version
"""

from __future__ import annotations

from projections.errors import ProjectionError


class RebuildRefused(ProjectionError):
    """The read models cannot be rebuilt as they are."""


class RebuildFailed(ProjectionError):
    """The rebuild ended without new tables; the live ones are as they were."""


class OtherVersion(ProjectionError):
    """The read models' tables are not of this program's version; run 'docledger rebuild'."""
