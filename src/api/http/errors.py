"""What only HTTP can get wrong.

DocledgerError
├── BadRequest                   the request itself cannot be understood or met
│   ├── Malformed
│   ├── Unprocessable
│   │   └── BeyondLog
│   ├── TooLarge
│   ├── UnsupportedMediaType
│   ├── RangeNotSatisfiable
│   ├── HeadersTooLarge
│   ├── TargetTooLong
│   └── TooSlow
│       ├── HeadTooSlow
│       └── BodyTooSlow
├── FileNotFound
├── WorkflowNotFound
├── RebuildNotFound
├── RebuildRunning
└── Unavailable
    ├── NotYetReadable
    ├── DocumentParked
    └── ReadModelUnavailable
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain.errors import DocledgerError, Unavailable


class FieldError(NamedTuple):
    """One value that is not acceptable: the path of its field, and why."""

    field: str
    detail: str


class BadRequest(DocledgerError):
    """The request cannot be met as it stands."""


class Malformed(BadRequest):
    """The request is not well-formed; correct its syntax and send it again."""


class Unprocessable(BadRequest):
    """Values are not acceptable; each is named with the path of its field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        said = (f"{e.field}: {e.detail}" if e.field else e.detail for e in errors)
        super().__init__("; ".join(said))
        self.errors = tuple(errors)

    @classmethod
    def of(cls, field: str, detail: str) -> Unprocessable:
        """Return the error of a single field."""
        return cls([FieldError(field, detail)])


class BeyondLog(Unprocessable):
    """A position is asked for that the log has not reached."""

    def __init__(self, field: str, last_position: int) -> None:
        super().__init__(
            [FieldError(field, f"The log ends at position {last_position}; go on from there.")]
        )
        self.position = last_position


class TooLarge(BadRequest):
    """The body is larger than this server takes."""


class UnsupportedMediaType(BadRequest):
    """The body's Content-Type is not one that this path understands."""


class RangeNotSatisfiable(BadRequest):
    """The byte range lies outside the file."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"The byte range lies outside the file, which has {size_bytes} bytes.")
        self.size_bytes = size_bytes


class HeadersTooLarge(BadRequest):
    """The headers are more than 64 KiB in all or more than 100 fields; send fewer."""


class TargetTooLong(BadRequest):
    """The request's target is longer than 16 KiB; send a shorter query."""


class TooSlow(BadRequest):
    """The request came too slowly."""


class HeadTooSlow(TooSlow):
    """The request's headers were not complete within 10 seconds; send it again at once."""


class BodyTooSlow(TooSlow):
    """The body came more slowly than 1 KiB a second over 30 seconds; send it again faster."""


class FileNotFound(DocledgerError):
    """There is no such file."""


class NotYetReadable(Unavailable):
    """The read model has not come so far yet; try again in a moment."""


class DocumentParked(Unavailable):
    """An event of this document could not be applied, so its rows are behind the log.

    An operator sees why in the list of projections and applies it again.
    """

    def __init__(self, document_id: str, position: int) -> None:
        super().__init__(
            f"Document '{document_id}' is parked at position {position}: its rows are behind the "
            "log until an operator has its events applied again."
        )
        self.position = position


class ReadModelUnavailable(Unavailable):
    """The database that holds the read models cannot be reached; try again in a moment."""


class WorkflowNotFound(DocledgerError):
    """The document has no workflow yet; start one."""


class RebuildNotFound(DocledgerError):
    """The read models were never rebuilt yet; start a rebuild."""


class RebuildRunning(DocledgerError):
    """The read models are being rebuilt or checked already; wait for that to end."""
