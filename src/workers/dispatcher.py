"""The process manager between log and queue: each event that asks for work becomes a job once.

Its state is a tracking row, moved on in the transaction that puts jobs in, and only from where it
was when the events were read. Most events ask for nothing: that they were read is remembered, and
the row follows with the next job, or soon. One dispatcher leads, others stand by until its
connection ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import psycopg
from pydantic_core import from_json

from domain.events import EVENT_TYPES
from domain.json_types import JsonObject
from eventstore.array_literals import text_array
from eventstore.mapper import upcast
from postgres import advisory_locks
from postgres.backoff import keep_going
from postgres.pipelines import pipelined, unawaited_transaction
from workers.connections import Connection, connect
from workers.hints import RELEVANT_TOPICS, UNREADABLE, Fact, Hint, hints
from workers.jobs import queue

_log = logging.getLogger(__name__)

TRACKING = "dispatcher"
"""The dispatcher's own row in `tracking`."""

_STAND_BY_SECONDS = 1.0

_ENSURE = "INSERT INTO tracking (projection, position) VALUES (%s, 0) ON CONFLICT DO NOTHING"
_TRACKED = "SELECT position FROM tracking WHERE projection = %s"
_MOVE = """
    UPDATE tracking SET position = %s, updated_at = %s WHERE projection = %s AND position = %s
    RETURNING position
"""
# In the order of positions, or the server may read the whole log to find that there is no more.
_READ = """
    SELECT notification_id, originator_id, originator_version, topic,
        substring(state FROM 8 FOR 27), CASE WHEN topic = ANY(%s::text[]) THEN state END
    FROM docledger_events WHERE notification_id > %s ORDER BY notification_id LIMIT %s
"""
_TOPICS = text_array(RELEVANT_TOPICS)
# How long after a batch the next one is put off, so that what came meanwhile is one batch: little
# for a lone document, whose successor should not wait; more while workers go on by themselves and
# ask for nothing, and where events come by the thousand.
_GATHER_SECONDS = 0.003
_GATHER_SECONDS_WHEN_UNASKED = 0.008
_GATHER_SECONDS_WHEN_BUSY = 0.02
_BUSY_EVENTS_A_SECOND = 1500
# How long the tracking row may stay behind: what is read again after a crash.
_TRACK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Place:
    """How far the log has been read, up to an event of `at`, and what the tracking row says."""

    tracked: int
    read: int
    at: datetime | None = None


class _MovedByOther(Exception):
    """The tracking row is not where it was when the events were read."""


class Taker(Protocol):
    """Takes jobs for a worker."""

    def taking(self) -> AbstractContextManager[Callable[[Connection], None]]:
        """Give what takes jobs in a transaction, to be called in one that the block ends."""

    def hear_of_all(self) -> None:
        """Look for jobs by itself, for no more are taken in transactions of that connection."""


class _Nobody:
    """Takes no jobs: workers are told of them by the queue."""

    def taking(self) -> AbstractContextManager[Callable[[Connection], None]]:
        return nullcontext(lambda _: None)

    def hear_of_all(self) -> None:
        pass


class Dispatcher:
    """Follows the log, woken by its notifications, and puts jobs into the queue.

    `poll_seconds` is how often it looks by itself, and how long `stop` may take. `beside` is a
    worker's in this process, which takes jobs in the transaction that puts them in.
    """

    def __init__(
        self,
        dsn: str,
        *,
        batch_size: int = 500,
        poll_seconds: float = 0.5,
        beside: Taker | None = None,
    ) -> None:
        self._dsn = dsn
        self._beside = beside or _Nobody()
        self._batch_size = batch_size
        self._poll_seconds = poll_seconds
        self._place: _Place | None = None
        self._moved_at = time.monotonic()
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
            connect(self._dsn, "docledger dispatcher", one_plan=True) as connection,
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
                # Jobs may be in of which the server could not tell this dispatcher any more.
                self._beside.hear_of_all()

    def _wait_for_lead(self, connection: Connection) -> bool:
        """Return True once this dispatcher is the one that leads, False if it is to stop."""
        while not self._stop.is_set():
            if advisory_locks.take_for_session(connection, advisory_locks.DISPATCHER):
                return True
            self._stop.wait(_STAND_BY_SECONDS)
        return False

    def _lead(self, connection: Connection, listening: Connection) -> None:
        connection.execute(_ENSURE, (TRACKING,))
        self._place = None
        began = 0.0
        while not self._stop.is_set():
            before, began = began, time.monotonic()
            events = self.dispatch(connection)
            if events:
                self._gather(began, events / max(0.001, began - before))
            if events >= self._batch_size:
                continue
            if not list(listening.notifies(timeout=self._poll_seconds, stop_after=1)):
                self.track(connection)
        self.track(connection)

    def _gather(self, began: float, events_a_second: float) -> None:
        asked = self._moved_at >= began
        seconds = _GATHER_SECONDS if asked else _GATHER_SECONDS_WHEN_UNASKED
        if events_a_second > _BUSY_EVENTS_A_SECOND:
            seconds = _GATHER_SECONDS_WHEN_BUSY
        self._stop.wait(max(0.0, began + seconds - time.monotonic()))

    def dispatch(self, connection: Connection) -> int:
        """Turn the next batch of events into jobs; return how many events that were.

        The tracking row has to be there. It is moved on with the jobs; where there are none it may
        stay behind, until `track`.
        """
        while True:
            place = self._place = self._place or self._tracked(connection)
            read = (_TOPICS, place.read, self._batch_size)
            rows = connection.execute(_READ, read, prepare=True).fetchall()
            if not rows:
                return 0
            at = datetime.fromisoformat(bytes(rows[-1][4]).decode())
            self._place = replace(place, read=rows[-1][0], at=at)
            wanted = hints(_facts(rows))
            late = time.monotonic() - self._moved_at > _TRACK_SECONDS
            if not (wanted or late or len(rows) >= self._batch_size):
                return len(rows)
            if self._move(connection, self._place, wanted):
                return len(rows)

    def track(self, connection: Connection) -> None:
        """Bring the tracking row up to what has been read, and go on from what it says then."""
        if self._place is not None and self._place.read > self._place.tracked:
            self._move(connection, self._place, [])
        self._place = None

    def _tracked(self, connection: Connection) -> _Place:
        position: int = connection.execute(_TRACKED, (TRACKING,), prepare=True).fetchall()[0][0]
        return _Place(tracked=position, read=position)

    def _move(self, connection: Connection, place: _Place, wanted: Sequence[Hint]) -> bool:
        """Put jobs in and move the tracking row on; neither if somebody else has moved it."""
        self._place = None
        row = (place.read, place.at, TRACKING, place.tracked)
        try:
            with (
                self._beside.taking() as take,
                pipelined(connection),
                unawaited_transaction(connection),
            ):
                moving = connection.execute(_MOVE, row, prepare=True)
                queue.defer(connection, wanted)
                if wanted:
                    take(connection)
                # Asked last: whatever was done goes if it was not, and to ask is a round trip.
                _require_moved(moving)
        except _MovedByOther:
            return False
        self._place = _Place(tracked=place.read, read=place.read)
        self._moved_at = time.monotonic()
        return True


def _require_moved(moving: psycopg.Cursor[object]) -> None:
    if moving.fetchone() is None:
        raise _MovedByOther


def _facts(rows: Sequence[tuple[Any, ...]]) -> list[Fact]:
    return [
        _fact(document_id, version, topic, bytes(state))
        for _, document_id, version, topic, _, state in rows
        if state is not None
    ]


def _fact(document_id: str, version: int, topic: str, state: bytes) -> Fact:
    """Return what the rule needs of a stored event; what is personal in it stays sealed."""
    try:
        fields: JsonObject = from_json(state)
        upcast(EVENT_TYPES[topic], fields)
        return Fact(document_id, version, topic, fields)
    except (ValueError, KeyError, TypeError):
        # One event that cannot be read must stop neither the log nor its document.
        _log.exception(
            "an event cannot be read", extra={"document_id": document_id, "version": version}
        )
        return Fact(document_id, version, UNREADABLE, {})
