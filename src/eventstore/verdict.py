"""What an error of the database means for the append that met it."""

from __future__ import annotations

from enum import Enum, auto

from eventsourcing.persistence import InterfaceError, OperationalError
from psycopg_pool import PoolClosed, PoolTimeout

from domain.errors import Unavailable

_DISK_FULL = "53100"
_LOCK_NOT_AVAILABLE = "55P03"
_READ_ONLY = "25006"
_NO_RIGHT = "42501"
_LIMIT_EXCEEDED = "54"
_SAID_BY_A_SERVER_THAT_GOES = ("57P", "08")


class Verdict(Enum):
    """Whether the append may have landed, and whom its failure concerns."""

    REFUSED = auto()
    """It did not land; one of its documents is the reason."""
    BLOCKED = auto()
    """It did not land; somebody held for too long what it had to lock."""
    FULL = auto()
    """It did not land; the disk is full."""
    NOT_NOW = auto()
    """It did not land; the database cannot take anything just now."""
    LOST = auto()
    """The connection broke, and nobody said whether it landed."""

    @staticmethod
    def of(error: Exception) -> Verdict:
        """Return the verdict on what the library, the mapper or the reader raised."""
        cause = error.__cause__
        sqlstate: str = getattr(cause, "sqlstate", None) or ""
        if isinstance(error, Unavailable) or isinstance(cause, PoolTimeout | PoolClosed):
            return Verdict.NOT_NOW
        # A standby, until it is promoted; rights that an operator has to give back.
        if sqlstate in (_READ_ONLY, _NO_RIGHT):
            return Verdict.NOT_NOW
        if not isinstance(error, OperationalError | InterfaceError):
            return Verdict.REFUSED
        if sqlstate.startswith(_LIMIT_EXCEEDED):  # together they may be too much, alone not
            return Verdict.REFUSED
        if not sqlstate or sqlstate.startswith(_SAID_BY_A_SERVER_THAT_GOES):
            return Verdict.LOST
        if sqlstate == _DISK_FULL:
            return Verdict.FULL
        return Verdict.BLOCKED if sqlstate == _LOCK_NOT_AVAILABLE else Verdict.NOT_NOW
