"""Deadlines of a caller that waits for the database, kept by the client.

The server's own timeouts do not fire while its processes are stopped, and over a unix socket no
timeout of TCP does. At its deadline a wait ends with `DatabaseSilent`, and the connection is closed
without a word to the server. A caller that sets no deadline waits as long as it takes.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator
from contextvars import ContextVar, Token
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg

Returned = TypeVar("Returned")

_deadline: ContextVar[float] = ContextVar("docledger_database_deadline", default=math.inf)
_allowance: ContextVar[Allowance | None] = ContextVar("docledger_database_time", default=None)
_given_up = threading.Event()
_when_given_up: list[Callable[[], None]] = []


class DatabaseSilent(psycopg.OperationalError):
    """The database did not answer in time."""

    def __init__(self) -> None:
        super().__init__("The database did not answer in time.")


class Allowance:
    """The seconds that one request may spend waiting for the database, all its calls together."""

    __slots__ = ("seconds_left",)

    def __init__(self, seconds: float) -> None:
        self.seconds_left = seconds

    def grant(self) -> None:
        """Make it that of the current task or thread and of what it starts."""
        _allowance.set(self)

    @staticmethod
    def spend(seconds: float) -> None:
        """Take what was waited for the database from the current one, if there is one."""
        if (allowance := _allowance.get()) is not None:
            allowance.seconds_left -= seconds


class waiting_for_database:  # noqa: N801 - read as a statement: `with waiting_for_database(10):`
    """A block that may wait for the database for what is left of the current allowance.

    Where none was granted, for `seconds`. Gives the seconds that it may take; raises DatabaseSilent
    if none are left.
    """

    __slots__ = ("_allowance", "_began", "_seconds", "_token")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> float:
        self._allowance = _allowance.get()
        seconds = self._seconds if self._allowance is None else self._allowance.seconds_left
        if seconds <= 0:
            raise DatabaseSilent
        self._began = monotonic()
        self._token: Token[float] = _deadline.set(min(_deadline.get(), self._began + seconds))
        return seconds

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _deadline.reset(self._token)
        if self._allowance is not None:
            self._allowance.seconds_left -= monotonic() - self._began


class answer_within:  # noqa: N801 - read as a statement: `with answer_within(10):`
    """A block in which no call of the database lasts beyond `seconds` from now."""

    __slots__ = ("_seconds", "_token")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> Self:
        until = min(_deadline.get(), monotonic() + self._seconds)
        self._token: Token[float] = _deadline.set(until)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _deadline.reset(self._token)


def seconds_left(most: float) -> float:
    """Return the seconds until the caller's deadline, at most `most` and never below 0."""
    if _given_up.is_set():
        return 0.0
    return max(0.0, min(most, _deadline.get() - monotonic()))


def allowed_seconds(most: float) -> float:
    """Return what is left of the current allowance, at most `most` and never below 0."""
    allowance = _allowance.get()
    return most if allowance is None else max(0.0, min(most, allowance.seconds_left))


def give_up_on_database() -> None:
    """End every wait of this process for the database, now and from now on.

    For a process that is told to stop while the database answers nothing.
    """
    _given_up.set()
    for call in tuple(_when_given_up):
        call()


def when_given_up(call: Callable[[], None]) -> None:
    """Have `call` called, from any thread, when the database is given up."""
    _when_given_up.append(call)


def is_given_up() -> bool:
    """Tell whether this process waits for the database no more."""
    return _given_up.is_set()


def until_deadline(
    steps: Generator[Any, Any, Returned],
) -> Generator[Any, Any, Returned]:
    """Pass on what psycopg's generator waits for; raise DatabaseSilent at the caller's deadline.

    psycopg resumes its generators every tenth of a second, also when there is nothing to read.
    """
    deadline = _deadline.get()
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready and (monotonic() >= deadline or _given_up.is_set()):
                raise DatabaseSilent
            wanted = steps.send(ready)
    except StopIteration as end:
        returned: Returned = end.value
        return returned
