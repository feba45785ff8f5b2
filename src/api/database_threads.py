"""Threads for calls that wait for the database, apart from those that wait for files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread

from api.http.errors import ReadModelUnavailable
from postgres.deadlines import DatabaseSilent, waiting_for_database

Returned = TypeVar("Returned")

_MOST_THREADS = 16


class DatabaseThreads:
    """Runs blocking calls of the database, each within its request's time, and a few at once.

    A call that is too late ends by itself, for its connection keeps the same deadline; its caller
    does not wait for that. So a database that is frozen holds no more threads than these.
    """

    def __init__(self, seconds: float, most: int = _MOST_THREADS) -> None:
        self._seconds = seconds
        self._most = most
        self._limiter: anyio.CapacityLimiter | None = None

    async def run(self, call: Callable[..., Returned], *args: object, **named: object) -> Returned:
        """Return what the call returns; raises ReadModelUnavailable at the deadline."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._most)
        try:
            with waiting_for_database(self._seconds) as seconds:
                async with asyncio.timeout(seconds):
                    return await anyio.to_thread.run_sync(
                        partial(call, *args, **named),
                        abandon_on_cancel=True,
                        limiter=self._limiter,
                    )
        except (TimeoutError, DatabaseSilent) as error:
            raise ReadModelUnavailable from error
