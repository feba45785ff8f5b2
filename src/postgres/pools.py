"""Pools of connections whose users wait no longer than their own deadline."""

from __future__ import annotations

from typing import Any, TypeVar

import psycopg
import psycopg_pool

from postgres.connections import AsyncConnection, Connection, Session
from postgres.deadlines import seconds_left

AnyConnection = TypeVar("AnyConnection", bound=psycopg.Connection[Any])

# Tried again whenever a connection is asked for, not after a pause that grew with the outage.
_RECONNECT_SECONDS = 2.0


class ConnectionPool(psycopg_pool.ConnectionPool[AnyConnection]):
    """psycopg's pool; a connection is waited for until the caller's deadline at the most."""

    def getconn(self, timeout: float | None = None) -> AnyConnection:
        """Return a connection; raises PoolTimeout."""
        return super().getconn(seconds_left(self.timeout if timeout is None else timeout))


def connection_pool(
    address: str,
    session: Session,
    *,
    max_size: int,
    timeout_seconds: float,
    min_size: int = 0,
    autocommit: bool = False,
) -> ConnectionPool[Connection[Any]]:
    """Return a pool that is not open yet."""
    return ConnectionPool(
        address,
        connection_class=Connection[Any],
        kwargs={"autocommit": autocommit, "session": session},
        min_size=min_size,
        max_size=max_size,
        timeout=timeout_seconds,
        reconnect_timeout=_RECONNECT_SECONDS,
        open=False,
    )


def async_connection_pool(
    address: str, session: Session, *, max_size: int, timeout_seconds: float
) -> psycopg_pool.AsyncConnectionPool[AsyncConnection[Any]]:
    """Return a pool in autocommit mode that is not open yet."""
    return psycopg_pool.AsyncConnectionPool(
        address,
        connection_class=AsyncConnection[Any],
        kwargs={"autocommit": True, "session": session},
        min_size=min(2, max_size),
        max_size=max_size,
        timeout=timeout_seconds,
        reconnect_timeout=_RECONNECT_SECONDS,
        open=False,
    )
