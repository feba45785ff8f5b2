"""What can go wrong between the job queue and a worker.

DocledgerError
├── Unavailable
│   └── QueueUnavailable
└── JobPutOff
"""

from __future__ import annotations

from domain.errors import DocledgerError, Unavailable


class QueueUnavailable(Unavailable):
    """The database that holds jobs and leases cannot be reached; try again in a moment."""


class JobPutOff(DocledgerError):
    """The job is to be taken up again later.

    `delay_seconds` is how much later at least.
    """

    def __init__(self, message: str | None = None, *, delay_seconds: float) -> None:
        super().__init__(message)
        self.delay_seconds = delay_seconds
