"""The process manager between log and queue: each event that asks for work becomes a job once.

Its only state is a tracking row: locked first, events read after it, jobs put in and the row moved
on in the same transaction. One dispatcher leads, others stand by until its connection ends.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
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
_LOCK = "SELECT position FROM tracking WHERE projection = %s FOR UPDATE"
_MOVE = "UPDATE tracking SET position = %s, updated_at = %s WHERE projection = %s"
_NEWS = """
    SELECT FROM docledger_events WHERE notification_id > (
        SELECT position FROM tracking WHERE projection = %s) LIMIT 1
"""
_READ = """
    SELECT notification_id, originator_id, originator_version, topic,
        substring(state FROM 8 FOR 27), CASE WHEN topic = ANY(%s) THEN state END
    FROM docledger_events WHERE notification_id > %s ORDER BY notification_id LIMIT %s
"""


class Dispatcher:
    """Follows the log, woken by its notifications, and puts jobs into the queue.

    `poll_seconds` is how often it looks by itself, and how long `stop` may take.
    """

    def __init__(self, dsn: str, *, batch_size: int = 500, poll_seconds: float = 0.5) -> None:
        self._dsn = dsn
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
        while not self._stop.is_set():
            if self.dispatch(connection) == 0:
                for _ in listening.notifies(timeout=self._poll_seconds, stop_after=1):
                    pass

    def dispatch(self, connection: Connection) -> int:
        """Turn the next batch of events into jobs; return how many events that were.

        The tracking row has to be there.
        """
        if connection.execute(_NEWS, (TRACKING,)).fetchone() is None:
            return 0  # without a lock, and so without a write
        with connection.transaction():
            position = connection.execute(_LOCK, (TRACKING,)).fetchall()[0][0]
            rows = connection.execute(
                _READ, (list(RELEVANT_TOPICS), position, self._batch_size)
            ).fetchall()
            if not rows:
                return 0
            queue.defer(connection, hints(_facts(rows)))
            at = datetime.fromisoformat(bytes(rows[-1][4]).decode())
            connection.execute(_MOVE, (rows[-1][0], at, TRACKING))
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
