"""Pools of connections whose users wait no longer than their own deadline."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any, TypeVar

import psycopg
import psycopg_pool

from postgres.connections import AsyncConnection, Connection, Session
from postgres.deadlines import seconds_left, when_given_up

AnyConnection = TypeVar("AnyConnection", bound=psycopg.Connection[object])
AnyAsyncConnection = TypeVar("AnyAsyncConnection", bound=psycopg.AsyncConnection[object])

# Tried again whenever a connection is asked for, not after a pause that grew with the outage.
_RECONNECT_SECONDS = 2.0


class ConnectionPool(psycopg_pool.ConnectionPool[AnyConnection]):
    """psycopg's pool; a connection is waited for until the caller's deadline at the most."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        _close_when_given_up(self)

    def getconn(self, timeout: float | None = None) -> AnyConnection:
        """Return a connection; raises PoolTimeout."""
        return super().getconn(seconds_left(self.timeout if timeout is None else timeout))


def _close_when_given_up(pool: psycopg_pool.ConnectionPool[AnyConnection]) -> None:
    found = weakref.ref(pool)

    def close() -> None:
        if (pool := found()) is not None:
            pool.close(timeout=0)

    when_given_up(close)


class AsyncConnectionPool(psycopg_pool.AsyncConnectionPool[AnyAsyncConnection]):
    """psycopg's pool; a connection is waited for until the caller's deadline at the most.

    It closes when the process gives up the database.
    """

    async def getconn(self, timeout: float | None = None) -> AnyAsyncConnection:  # noqa: ASYNC109
        """Return a connection; raises PoolTimeout."""
        return await super().getconn(seconds_left(self.timeout if timeout is None else timeout))

    async def open(self, wait: bool = False, timeout: float = 30.0) -> None:  # noqa: ASYNC109, FBT
        """Begin to connect."""
        await super().open(wait, timeout)
        loop = asyncio.get_running_loop()

        def close() -> None:
            if not loop.is_closed():
                asyncio.run_coroutine_threadsafe(self.close(timeout=0), loop)

        when_given_up(close)


def connection_pool(
    address: str,
    session: Session,
    *,
    max_size: int,
    timeout_seconds: float,
    min_size: int = 0,
    autocommit: bool = False,
) -> ConnectionPool[Connection]:
    """Return a pool that is not open yet."""
    return ConnectionPool(
        address,
        connection_class=Connection,
        kwargs={"autocommit": autocommit, "session": session},
        min_size=min_size,
        max_size=max_size,
        timeout=timeout_seconds,
        reconnect_timeout=_RECONNECT_SECONDS,
        open=False,
    )


def async_connection_pool(
    address: str, session: Session, *, max_size: int, timeout_seconds: float
) -> AsyncConnectionPool[AsyncConnection]:
    """Return a pool in autocommit mode that is not open yet."""
    return AsyncConnectionPool(
        address,
        connection_class=AsyncConnection,
        kwargs={"autocommit": True, "session": session},
        min_size=min(2, max_size),
        max_size=max_size,
        timeout=timeout_seconds,
        reconnect_timeout=_RECONNECT_SECONDS,
        open=False,
    )
