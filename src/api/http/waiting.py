"""The connections that have sent no request or half of one, bounded."""

from __future__ import annotations

from typing import Protocol


class Evictable(Protocol):
    """A connection that can be closed without an answer."""

    def evict(self) -> None:
        """Close at once."""


class WaitingConnections:
    """At most `limit` connections; when one more joins, the one that joined first is closed.

    A client that sends its request at once waits for milliseconds, so many slow ones do not keep
    it out.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._connections: dict[Evictable, None] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def join(self, connection: Evictable) -> None:
        """Count a connection from now on; one that is counted already keeps its place."""
        self._connections.setdefault(connection)
        if len(self._connections) > self._limit:
            oldest = next(iter(self._connections))
            del self._connections[oldest]
            oldest.evict()

    def leave(self, connection: Evictable) -> None:
        """Count a connection no more."""
        self._connections.pop(connection, None)
