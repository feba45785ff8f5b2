"""Every error that docledger raises on purpose.

    DocledgerError
    ├── Refused                      the domain says no
    │   ├── DocumentNotFound
    │   ├── DocumentExists
    │   ├── UnknownStage
    │   ├── IllegalTransition
    │   │   └── StaleAttempt
    │   ├── VersionMismatch
    │   └── InvalidValue
    ├── LogUnreadable                what the log holds cannot be understood
    └── Unavailable                  the same call may succeed later
        ├── Contention
        ├── LogUnavailable
        ├── LogFull
        ├── PipelineInvalid          the rows of stage_dependencies, which operators correct
        └── OutcomeUnknown

Rooms outside the domain hang their own branches on `DocledgerError`. Errors know nothing of HTTP
or of exit codes: those are given in one place each, by the room that speaks them.
"""

from __future__ import annotations


class DocledgerError(Exception):
    """Something went wrong in docledger."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__ or type(self).__name__)


class Refused(DocledgerError):
    """The command was refused and nothing changed."""


class DocumentNotFound(Refused):
    """There is no such document."""


class DocumentExists(Refused):
    """A document with this id exists already; choose another id or delete that document first."""


class UnknownStage(Refused):
    """The document's pipeline has no stage of this name."""


class IllegalTransition(Refused):
    """The document is not in a state in which this can be done."""


class StaleAttempt(IllegalTransition):
    """The report is for an attempt that is no longer the current one."""


class VersionMismatch(Refused):
    """The document has moved on since the version that the command was made for."""

    def __init__(self, message: str | None = None, *, current_version: int) -> None:
        super().__init__(message)
        self.current_version = current_version


class InvalidValue(Refused):
    """A value is not acceptable.

    `field` is the path of the value in the words of the caller, e.g. `configuration.skipStages.0`.
    """

    def __init__(self, message: str | None = None, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class LogUnreadable(DocledgerError):
    """An event in the log cannot be read by this version of docledger."""


class Unavailable(DocledgerError):
    """This cannot be done just now; try again in a moment."""


class Contention(Unavailable):
    """Other writers kept changing the document; try again in a moment."""


class LogUnavailable(Unavailable):
    """The database that holds the log cannot be reached; try again in a moment."""


class LogFull(Unavailable):
    """The disk of the database that holds the log is full; make room, then try again."""


class PipelineInvalid(Unavailable):
    """The stages are not set up correctly, so that no workflow can start."""


class OutcomeUnknown(Unavailable):
    """The database did not say whether this was done; read the document before repeating it."""
