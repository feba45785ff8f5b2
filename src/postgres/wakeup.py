"""Waits for a notification, a timeout or an interrupt from another thread."""

from __future__ import annotations

import contextlib
import selectors
import socket
from typing import LiteralString, Self

from psycopg import Connection, sql

LOG_CHANNEL: LiteralString = "docledger_events"


class Wakeup:
    """Something to wait on that any thread may interrupt, for good; a context to be left."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._theirs.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ours.close()
        self._theirs.close()

    def interrupt(self) -> None:
        """End this wait and all that follow; nothing happens after the context was left."""
        with contextlib.suppress(OSError):
            self._theirs.send(b".")

    def wait(self, seconds: float, listening: Connection | None = None) -> None:
        """Return after `seconds`, a notification on `listening` or an interrupt.

        Raises psycopg.OperationalError when `listening` turns out to be lost.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._ours, selectors.EVENT_READ)
            if listening is not None:
                selector.register(listening, selectors.EVENT_READ)
            selector.select(seconds)
        if listening is not None:
            for _ in listening.notifies(timeout=0):
                pass


def listen(connection: Connection, channel: LiteralString = LOG_CHANNEL) -> None:
    """Have the connection, in autocommit mode, told of every append from now on."""
    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
