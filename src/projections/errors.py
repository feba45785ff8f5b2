"""What can go wrong between the log and the read models.

DocledgerError
└── ProjectionError
    ├── CannotApply              an event that no row can be made of
    ├── NotCaughtUp              a position that was not reached in time
    └── StillParked              a document whose events still cannot be applied
"""

from __future__ import annotations

from domain.errors import DocledgerError


class ProjectionError(DocledgerError):
    """The read models could not be brought up to date."""


class CannotApply(ProjectionError):
    """The event does not fit the rows that the events ahead of it made."""


class NotCaughtUp(ProjectionError):
    """The read models did not reach the position in time; see whether a projector runs."""


class StillParked(ProjectionError):
    """The document's events still cannot be applied."""
