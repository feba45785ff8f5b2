"""The process manager between log and queue: each event that asks for work becomes a job once.

Its only state is a tracking row: locked first, events read after it, jobs put in and the row moved
on in the same transaction. One dispatcher leads, others stand by until its connection ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from domain.events import EVENT_TYPES
from eventstore.mapper import upcast
from workers import queue
from workers.connections import Connection, connect, keep_going
from workers.hints import RELEVANT_TOPICS, UNREADABLE, Fact, hints

_log = logging.getLogger(__name__)

TRACKING = "dispatcher"
"""The dispatcher's own row in `tracking`."""

_LEAD = 0x646F636C64697370  # "docldisp"
_STAND_BY_SECONDS = 1.0

_ENSURE = "INSERT INTO tracking (projection, position) VALUES (%s, 0) ON CONFLICT DO NOTHING"
_MOVE = "UPDATE tracking SET position = %s, updated_at = %s WHERE projection = %s"
_NEWS = """
    SELECT FROM docledger_events WHERE notification_id > (
        SELECT position FROM tracking WHERE projection = %s) LIMIT 1
"""
# The row may have moved on while the lock was waited for: what is read then is a part of the log
# that ends where it ended before, so that less may be found, and nothing is skipped.
_LOCK_AND_READ = """
    WITH tracked AS (SELECT position FROM tracking WHERE projection = %s FOR UPDATE)
    SELECT e.notification_id, e.originator_id, e.originator_version, e.topic,
        substring(e.state FROM 8 FOR 27), CASE WHEN e.topic = ANY(%s) THEN e.state END
    FROM tracked CROSS JOIN LATERAL (
        SELECT * FROM docledger_events WHERE notification_id > tracked.position
        ORDER BY notification_id LIMIT %s
    ) AS e ORDER BY e.notification_id
"""
# How long after a batch the next one is put off, so that what came meanwhile is one batch: little
# for a lone document, whose successor should not wait, more where events come by the thousand.
_GATHER_SECONDS = 0.003
_GATHER_SECONDS_WHEN_BUSY = 0.02
_BUSY_EVENTS_A_SECOND = 1500


class Dispatcher:
    """Follows the log, woken by its notifications, and puts jobs into the queue.

    `poll_seconds` is how often it looks by itself, and how long `stop` may take. `on_jobs` is
    called when jobs were put in, which a worker in this process learns sooner that way.
    """

    def __init__(
        self,
        dsn: str,
        *,
        batch_size: int = 500,
        poll_seconds: float = 0.5,
        on_jobs: Callable[[], None] = lambda: None,
    ) -> None:
        self._dsn = dsn
        self._on_jobs = on_jobs
        self._batch_size = batch_size
        self._poll_seconds = poll_seconds
        self._stop = threading.Event()
        self.leads = threading.Event()

    def run(self) -> None:
        """Dispatch until `stop`, whatever becomes of the database in between."""
        keep_going("the dispatcher", self._session, self._stop)

    def stop(self) -> None:
        """End `run` soon. Callable from any thread."""
        self._stop.set()

    def _session(self) -> None:
        with (
            connect(self._dsn, "docledger dispatcher") as connection,
            connect(self._dsn, "docledger dispatcher listening") as listening,
        ):
            if not self._wait_for_lead(connection):
                return
            self.leads.set()
            try:
                listening.execute("LISTEN docledger_events")
                self._lead(connection, listening)
            finally:
                self.leads.clear()

    def _wait_for_lead(self, connection: Connection) -> bool:
        """Return True once this dispatcher is the one that leads, False if it is to stop."""
        while not self._stop.is_set():
            if connection.execute("SELECT pg_try_advisory_lock(%s)", (_LEAD,)).fetchall()[0][0]:
                return True
            self._stop.wait(_STAND_BY_SECONDS)
        return False

    def _lead(self, connection: Connection, listening: Connection) -> None:
        connection.execute(_ENSURE, (TRACKING,))
        told, began = True, 0.0
        while not self._stop.is_set():
            before, began = began, time.monotonic()
            # Where nobody told of anything: looked for without a lock, and so without a write.
            if told or connection.execute(_NEWS, (TRACKING,)).fetchone() is not None:
                events = self.dispatch(connection)
                told = events >= self._batch_size
                self._gather(began, events / max(0.001, began - before))
            else:
                told = bool(list(listening.notifies(timeout=self._poll_seconds, stop_after=1)))

    def _gather(self, began: float, events_a_second: float) -> None:
        busy = events_a_second > _BUSY_EVENTS_A_SECOND
        seconds = _GATHER_SECONDS_WHEN_BUSY if busy else _GATHER_SECONDS
        self._stop.wait(max(0.0, began + seconds - time.monotonic()))

    def dispatch(self, connection: Connection) -> int:
        """Turn the next batch of events into jobs; return how many events that were.

        The tracking row has to be there.
        """
        with connection.pipeline(), connection.transaction():
            read = (TRACKING, list(RELEVANT_TOPICS), self._batch_size)
            rows = connection.execute(_LOCK_AND_READ, read, prepare=True).fetchall()
            if not rows:
                return 0
            wanted = hints(_facts(rows))
            queue.defer(connection, wanted)
            at = datetime.fromisoformat(bytes(rows[-1][4]).decode())
            connection.execute(_MOVE, (rows[-1][0], at, TRACKING))
        if wanted:
            self._on_jobs()
        return len(rows)


def _facts(rows: Sequence[tuple[Any, ...]]) -> list[Fact]:
    return [
        _fact(document_id, version, topic, bytes(state))
        for _, document_id, version, topic, _, state in rows
        if state is not None
    ]


def _fact(document_id: str, version: int, topic: str, state: bytes) -> Fact:
    """Return what the rule needs of a stored event; what is personal in it stays sealed."""
    try:
        fields: dict[str, Any] = from_json(state)
        upcast(EVENT_TYPES[topic], fields)
        return Fact(document_id, version, topic, fields)
    except (ValueError, KeyError, TypeError):
        # One event that cannot be read must stop neither the log nor its document.
        _log.exception(
            "an event cannot be read", extra={"document_id": document_id, "version": version}
        )
        return Fact(document_id, version, UNREADABLE, {})
