"""What can go wrong when a stage is executed.

    DocledgerError
    └── StageError
        ├── UnconvertibleDocument    the document itself is why; trying again cannot help
        ├── OptionsInvalid           the stage's options are not understood
        ├── InputMissing             a file that the stage reads is not there
        ├── ExecutorMissing          nobody installed an executor for the stage
        ├── ExecutorFailed           the executor did not do what it should
        ├── StageTimedOut
        ├── StageCancelled
        ├── StageCrashed             the stage's process died
        └── OutOfMemory

`retryable` tells whether another attempt on the same input may succeed, `reason` what the log is
to record. Messages never hold a document's content, title or file name.
"""

from __future__ import annotations

from typing import ClassVar

from domain.errors import DocledgerError
from domain.values import FailureReason


class StageError(DocledgerError):
    """The stage could not be executed."""

    retryable: ClassVar[bool] = True
    reason: ClassVar[FailureReason] = FailureReason.ERROR


class UnconvertibleDocument(StageError):
    """The document cannot be converted; hand it in again in another form."""

    retryable = False
    reason = FailureReason.UNCONVERTIBLE


class OptionsInvalid(StageError):
    """The stage's options are not understood; correct the workflow's configuration."""

    retryable = False


class InputMissing(StageError):
    """A file that the stage reads is not there; run the stages that it depends on first."""

    retryable = False


class ExecutorMissing(StageError):
    """No executor is installed for the stage; install the package that brings it."""

    retryable = False


class ExecutorFailed(StageError):
    """The stage's executor ended with an error of its own."""


class StageTimedOut(StageError):
    """The stage took longer than its time limit; raise the limit or split the document."""

    reason = FailureReason.TIMED_OUT


class StageCancelled(StageError):
    """The stage was stopped while it ran."""

    retryable = False
    reason = FailureReason.CANCELLED


class StageCrashed(StageError):
    """The stage's process died while it worked on the document."""

    reason = FailureReason.CRASHED


class OutOfMemory(StageError):
    """The stage needs more memory than it may take; split the document or raise the limit."""

    retryable = False
    reason = FailureReason.CRASHED
