"""Makes a worker known while it lives: its row says which stages it can run.

Times are the database's, so that hosts need not agree on theirs. A worker whose row is older than
`LIVING_SECONDS` is taken for dead.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable

from postgres.backoff import keep_going
from workers.connections import Connection, connect

LIVING_SECONDS = 15.0
"""For how long after its last sign a worker is taken to be alive."""

_BEAT_SECONDS = 5.0
_HERE = """
    INSERT INTO stage_workers (name, host, slots, stages, started_at, seen_at)
    VALUES (%s, %s, %s, %s, now(), now())
    ON CONFLICT (name) DO UPDATE
        SET slots = excluded.slots, stages = excluded.stages, seen_at = now()
"""
_GONE = "DELETE FROM stage_workers WHERE name = %s"
_FORGET = "DELETE FROM stage_workers WHERE seen_at < now() - interval '1 hour'"


class Presence:
    """Keeps the row of one worker up to date until `stop`, then deletes it."""

    def __init__(
        self,
        dsn: str,
        name: str,
        *,
        slots: int,
        stages: Callable[[], Iterable[str]],
        beat_seconds: float = _BEAT_SECONDS,
    ) -> None:
        self._dsn = dsn
        self._name = name
        self._slots = slots
        self._stages = stages
        self._beat_seconds = beat_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Say that the worker is gone."""
        self._stop.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        keep_going("the worker's presence", self._session, self._stop)

    def _session(self) -> None:
        with connect(self._dsn, "docledger presence") as connection:
            while not self._stop.is_set():
                self._beat(connection)
                self._stop.wait(self._beat_seconds)
            connection.execute(_GONE, (self._name,))

    def _beat(self, connection: Connection) -> None:
        stages = sorted(self._stages())
        values = (self._name, socket.gethostname(), self._slots, stages)
        connection.execute(_HERE, values)
        connection.execute(_FORGET)
