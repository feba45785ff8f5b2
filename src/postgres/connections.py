"""Every connection of docledger: one address, one set of keepalives, deadlines of the caller.

What a session needs (`TimeZone`, `jit`, timeouts) is set by statements once it is connected, for
poolers such as PgBouncer refuse the start-up parameter `options`. That is one round trip for each
new connection, none for a statement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import psycopg
from psycopg import sql, waiting
from psycopg.abc import PQGen, PQGenConn
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import AsyncRowFactory, RowFactory, TupleRow
from typing_extensions import TypeVar

from postgres.deadlines import DatabaseSilent, answer_within, until_deadline

Row_co = TypeVar("Row_co", covariant=True, default=TupleRow)
Returned = TypeVar("Returned")
Session = Mapping[str, str | int]
"""Settings of a session, by name."""

_INTERVAL_SECONDS = 0.1
_SET_SECONDS = 10.0

KEEPALIVES: Mapping[str, int] = {
    # Locks and the lead of a host that died are free again after this.
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "connect_timeout": 10,
}
"""What every connection is given, in libpq's words; a unix socket ignores all but the last."""

SESSION: Session = {
    "TimeZone": "UTC",
    # Compiling a query takes longer than any of ours runs.
    "jit": "off",
}
"""What every session is given."""


def conninfo(dsn: str, application_name: str) -> str:
    """Return `dsn` with what every connection of ours is given; what it says itself stays."""
    given = conninfo_to_dict(dsn)
    settings: dict[str, Any] = {**KEEPALIVES, "application_name": application_name, **given}
    return make_conninfo(**settings)


class Connection(psycopg.Connection[Row_co]):
    """A connection that keeps its caller's deadlines; one that misses one is closed."""

    @classmethod
    def connect(  # type: ignore[override]  # psycopg's own, and `session`
        cls,
        conninfo: str = "",
        *,
        session: Session | None = None,
        autocommit: bool = False,
        row_factory: RowFactory[Row_co] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Connect, and set what `session` says."""
        connection = super().connect(conninfo, autocommit=True, row_factory=row_factory, **kwargs)
        try:
            if session:
                with answer_within(_SET_SECONDS):
                    connection.execute(_set(session, connection))
            connection.autocommit = autocommit
        except BaseException:
            abandon(connection)
            raise
        return connection

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> PQGenConn[Self]:
        return until_deadline(super()._connect_gen(conninfo))

    def wait(
        self,
        gen: PQGen[Returned],
        interval: float = _INTERVAL_SECONDS,
        timeout: float | None = None,
    ) -> Returned:
        """Run one exchange with the server until the caller's deadline."""
        try:
            return super().wait(until_deadline(gen), interval=interval, timeout=timeout)
        except DatabaseSilent:
            abandon(self)
            raise


class AsyncConnection(psycopg.AsyncConnection[Row_co]):
    """A connection that keeps its caller's deadlines; one that misses one is closed."""

    @classmethod
    async def connect(  # type: ignore[override]  # psycopg's own, and `session`
        cls,
        conninfo: str = "",
        *,
        session: Session | None = None,
        autocommit: bool = False,
        row_factory: AsyncRowFactory[Row_co] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Connect, and set what `session` says."""
        connection = await super().connect(
            conninfo, autocommit=True, row_factory=row_factory, **kwargs
        )
        try:
            if session:
                with answer_within(_SET_SECONDS):
                    await connection.execute(_set(session, connection))
            await connection.set_autocommit(autocommit)
        except BaseException:
            abandon(connection)
            raise
        return connection

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> PQGenConn[Self]:
        return until_deadline(super()._connect_gen(conninfo))

    async def wait(
        self,
        gen: PQGen[Returned],
        interval: float = _INTERVAL_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109 - psycopg's signature
    ) -> Returned:
        """Run one exchange with the server until the caller's deadline.

        A task that is cancelled does not ask the server to cancel, which may never answer.
        """
        try:
            return await waiting.wait_async(
                until_deadline(gen), self.pgconn.socket, interval=interval, timeout=timeout
            )
        except (DatabaseSilent, asyncio.CancelledError, KeyboardInterrupt):
            abandon(self)
            raise


def connect(address: str, session: Session = SESSION, *, autocommit: bool = False) -> Connection:
    """Open a connection with the settings of `session`; raises psycopg.OperationalError."""
    return Connection.connect(address, session=session, autocommit=autocommit)


def abandon(connection: psycopg.BaseConnection[object]) -> None:
    """Close the connection without waiting for its server."""
    connection.pgconn.finish()


def _set(session: Session, connection: psycopg.BaseConnection[object]) -> bytes:
    statements = (
        sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(str(value)))
        for name, value in session.items()
    )
    return sql.SQL("; ").join(statements).as_bytes(connection)
