"""What can go wrong between the job queue and a worker.

DocledgerError
├── Unavailable
│   └── QueueUnavailable
└── JobPutOff
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors import DocledgerError, Unavailable
from workers.hints import Hint


class QueueUnavailable(Unavailable):
    """The database that holds jobs and leases cannot be reached; try again in a moment."""


class JobPutOff(DocledgerError):
    """The job is to be taken up again later.

    `delay_seconds` is how much later at least; `for_others` are jobs for other workers until then.
    """

    def __init__(
        self, message: str | None = None, *, delay_seconds: float, for_others: Sequence[Hint] = ()
    ) -> None:
        super().__init__(message)
        self.delay_seconds = delay_seconds
        self.for_others = for_others
