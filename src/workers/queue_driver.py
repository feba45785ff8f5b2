"""The queue library's way to the database: two connections that come back when they are lost.

The library's own psycopg driver waits for notifications on the connection that runs its queries,
so that a query may wait a second for its turn, and ends with its connection.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any, Self

import psycopg
from pgqueuer.core.tm import TaskManager
from pgqueuer.ports.driver import NotifyCallback
from psycopg import AsyncConnection, AsyncRawCursor, Notify, sql
from psycopg.rows import DictRow, TupleRow, dict_row

from workers.connections import conninfo, pause_seconds

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_LAST_TRIES = 5


class QueueDriver:
    """Implements the library's `Driver`.

    Whatever the library asks may be asked twice: what a lost connection left undone or done
    unseen, a job picked or a job finished, is mended when its heartbeat is stale.
    """

    def __init__(self, dsn: str, application_name: str) -> None:
        self._conninfo = conninfo(dsn, application_name)
        self._connection: AsyncConnection[TupleRow] | None = None
        self._connecting = asyncio.Lock()
        self._listeners: dict[str, list[NotifyCallback]] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._shutdown = asyncio.Event()
        self._hurried = False
        self._tm = TaskManager()

    @property
    def shutdown(self) -> asyncio.Event:
        """Set once the library lets go of the driver."""
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        """The library's keeper of background tasks."""
        return self._tm

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run the query and return its rows."""
        cursor = await self._run(query, args)
        return await cursor.fetchall()

    async def execute(self, query: str, *args: object) -> str:
        """Run the query and return its status."""
        cursor = await self._run(query, args)
        return cursor.statusmessage or ""

    async def notify(self, channel: str, payload: str) -> None:
        """Send a notification."""
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Call back with the payload of each notification, from now on."""
        self._listeners.setdefault(channel, []).append(callback)
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())

    def wake(self) -> None:
        """Have the library look for jobs, as if the queue's table had changed."""
        for channel, callbacks in self._listeners.items():
            for callback in callbacks:
                callback(changed(channel))

    def hurry(self) -> None:
        """Wait for a database that is away no longer than a few seconds from now on."""
        self._hurried = True

    async def __aenter__(self) -> Self:
        """Begin; connections are made when they are needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening. Queries still get through, for the library flushes after this."""
        self._shutdown.set()
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait({self._watcher})
        await self._tm.gather_tasks()

    async def close(self) -> None:
        """Close the connection for queries."""
        if self._connection is not None:
            await self._connection.close()

    async def _run(self, query: str, args: tuple[object, ...]) -> AsyncRawCursor[DictRow]:
        failures = 0
        while True:
            try:
                connection = await self._connected()
                cursor = AsyncRawCursor(connection, row_factory=dict_row)
                await cursor.execute(query.encode(), args or None)
                return cursor
            except psycopg.OperationalError:
                alive = self._connection is not None and not self._connection.closed
                if alive or (self._hurried and failures >= _LAST_TRIES):
                    raise
                failures += 1
                await asyncio.sleep(pause_seconds(failures))

    async def _connected(self) -> AsyncConnection[TupleRow]:
        async with self._connecting:
            if self._connection is None or self._connection.closed:
                self._connection = None
                self._connection = await AsyncConnection.connect(self._conninfo, autocommit=True)
            return self._connection

    async def _watch(self) -> None:
        """Hand on notifications for as long as the driver is used."""
        failures = 0
        while True:
            try:
                async for note in self._notifications():
                    failures = 0
                    for callback in self._listeners.get(note.channel, []):
                        callback(note.payload)
            except psycopg.OperationalError as error:
                failures += 1
                _log.warning(
                    "the job queue's listener lost its database and tries again",
                    extra={"failures": failures, "error": type(error).__name__},
                )
                await asyncio.sleep(pause_seconds(failures))

    async def _notifications(self) -> AsyncGenerator[Notify, None]:
        connection: AsyncConnection[Any]
        async with await AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
            for channel in self._listeners:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            self.wake()  # for what came while nobody listened
            while True:
                async for note in connection.notifies(timeout=_LOOK_SECONDS):
                    yield note


def changed(channel: str) -> str:
    """Return the payload with which the queue's trigger tells of a new job."""
    return json.dumps(
        {
            "channel": channel,
            "operation": "insert",
            "sent_at": datetime.now(UTC).isoformat(),
            "table": "pgqueuer",
            "type": "table_changed_event",
        }
    )
