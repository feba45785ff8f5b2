"""The live projector: keeps the tables at the log."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import partial

from psycopg import Connection

from postgres.causes import cause
from postgres.tracking import READ_MODELS, ensure_tracked, read_position
from postgres.wakeup import Wakeup, listen
from projections.errors import NotCaughtUp, OtherVersion, StillParked
from projections.live.batch import Applied, Batch
from projections.live.careful import apply_careful
from projections.live.fast import StaleCache, apply_fast
from projections.live.parking import put_off_documents, retry_document
from projections.live.prepared import Prepared
from projections.live.read_ahead import ReadAhead
from projections.live.row_cache import RowCache
from projections.live.statements import SESSION_SETTINGS
from projections.live.status import ProjectionStatus, projection_status
from projections.log_reader import LogReader

_FIRST_PAUSE_SECONDS = 0.1
_MAX_PAUSE_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Turn(Enum):
    """What came of one look at the log."""

    APPLIED = "applied"
    CAUGHT_UP = "applied, and there was no more when the log was read"
    NOTHING_NEW = "nothing new"
    WAITING = "waiting for a document that another session has locked"
    STANDING_BY = "another projector is at work"


@dataclass(frozen=True, slots=True)
class Pace:
    """How a projector spends its time.

    `patience_seconds` is how long it waits for a document that another session has locked before
    it parks that document, to retry it later. Once it has caught up, the next batch begins after
    `rest_seconds` at the earliest, or `busy_rest_seconds` at more than `busy_events_a_second`, so
    that many appends share one transaction. The rows of `cached_documents` are cached.
    """

    batch_events: int = 2_000
    poll_seconds: float = 0.5
    patience_seconds: float = 1.0
    locked_pause_seconds: float = 0.02
    rest_seconds: float = 0.005
    busy_rest_seconds: float = 0.015
    busy_events_a_second: float = 2_000
    cached_documents: int = 2_000

    def rest_after(self, events: int, seconds: float) -> float:
        """Return the minimum delay between the starts of a batch of so many events and the next.

        `seconds` lie between its start and that of the batch before.
        """
        is_busy = events > self.busy_events_a_second * seconds
        return self.busy_rest_seconds if is_busy else self.rest_seconds


class Projector:
    """Applies the log's events to the tables in order, a batch and its position at a time.

    Any number may run, in any processes: the lock of the row in `tracking` lets one at a time
    work, and the others look every `poll_seconds` whether it still does. `connect` makes a new
    connection each time; `observe(events, seconds)` is called after each batch.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        log: LogReader,
        *,
        pace: Pace | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        observe: Callable[[int, float], None] | None = None,
    ) -> None:
        self._connect = connect
        self._log = log
        self._pace = pace or Pace()
        self._clock = clock
        self._observe = observe
        self._stopping = threading.Event()
        self._wakeup: Wakeup | None = None
        self._position = -1
        self._applied_events = 0
        self._at_work = False
        self._cache = RowCache(self._pace.cached_documents)
        self._ahead = ReadAhead(log, self._pace.batch_events, self._cache)
        self._locked_since: dict[str, float] = {}
        self.trouble: str | None = None

    def run(self) -> None:
        """Work until `stop` is called; after any error, start again with backoff."""
        pause_seconds = _FIRST_PAUSE_SECONDS
        with Wakeup() as self._wakeup:
            while not self._stopping.is_set():
                try:
                    with self._connection() as connection, self._connection() as listening:
                        listen(listening)
                        self._work(self._wakeup, connection, listening)
                except Exception as error:  # whatever it is, the tables must follow the log again
                    pause_seconds = min(pause_seconds * 2, _MAX_PAUSE_SECONDS)
                    if self.trouble is None:
                        pause_seconds = _FIRST_PAUSE_SECONDS
                    self.trouble = cause(error)
                    logger.warning("projector starts again: %s", self.trouble)
                    self._wakeup.wait(pause_seconds)

    def stop(self) -> None:
        """Have `run` return after the batch that is being applied; from any thread."""
        self._stopping.set()
        if self._wakeup:
            self._wakeup.interrupt()

    def run_until(self, position: int, timeout_seconds: float = 10.0) -> None:
        """Apply events until the tables are at `position`; raises NotCaughtUp after the timeout."""
        deadline = time.monotonic() + timeout_seconds
        with self._connection() as connection:
            ensure_tracked(connection, READ_MODELS)
            self._stand_by()
            while self._position < position:
                if time.monotonic() > deadline:
                    raise NotCaughtUp(
                        f"The read models are at {self._position} and not at {position} "
                        f"after {timeout_seconds} s; see whether another session locks documents."
                    )
                if self._turn(connection) not in (Turn.APPLIED, Turn.CAUGHT_UP):
                    time.sleep(self._pace.locked_pause_seconds)

    def retry(self, document_id: str) -> None:
        """Apply a parked document's whole stream again.

        Raises DocumentNotFound for a document without events and StillParked, which says why, if
        one of them cannot be applied.
        """
        with self._connection() as connection:
            refusal = retry_document(connection, self._log.of_document, document_id, self._clock())
        if refusal:
            raise StillParked(
                f"Document '{document_id}' stays parked at position {refusal.position}: "
                f"{refusal.reason}."
            )

    def status(self) -> ProjectionStatus:
        """Return how far the tables are behind the log, and which documents are parked."""
        with self._connection() as connection:
            return projection_status(connection, self._log, self._clock())

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        with contextlib.closing(self._connect()) as connection:
            connection.autocommit = True
            connection.execute(SESSION_SETTINGS)
            yield connection

    def _work(self, wakeup: Wakeup, connection: Connection, listening: Connection) -> None:
        ensure_tracked(connection, READ_MODELS)
        self._stand_by()
        retried_at = began = -math.inf
        while not self._stopping.is_set():
            before, began = began, time.monotonic()
            turn = self._turn(connection)
            if turn is not Turn.STANDING_BY:
                self.trouble = None
            if time.monotonic() - retried_at >= self._pace.poll_seconds:
                retried_at = time.monotonic()
                self._retry_put_off(connection)
            if turn is Turn.WAITING:
                wakeup.wait(self._pace.locked_pause_seconds)
            elif turn is Turn.STANDING_BY:
                # not woken by appends, which the projector at work should get
                wakeup.wait(self._pace.poll_seconds)
            elif turn in (Turn.CAUGHT_UP, Turn.NOTHING_NEW):
                rest_seconds = self._pace.rest_after(self._applied_events, began - before)
                wakeup.wait(max(0.0, began + rest_seconds - time.monotonic()))
                wakeup.wait(self._pace.poll_seconds, listening)

    def _turn(self, connection: Connection) -> Turn:
        """Read a batch, apply it and note what came of it."""
        started = time.monotonic()
        self._applied_events = 0
        # Read before the lock is taken, which then only has to find the position unmoved.
        position = self._position if self._at_work else read_position(connection, READ_MODELS)
        events, streams, is_last, prepared = self._ahead.after(position)
        if not events:
            return self._nothing_new(connection, position)
        batch = Batch(events, streams, self._clock(), self._put_off(started))
        try:
            applied = self._apply(connection, batch, position, prepared)
        except OtherVersion as error:
            if self.trouble is None:
                logger.warning("projector stands by: %s", error)
            self.trouble = str(error)
            applied = None
        if applied is None:
            self._stand_by()
            return Turn.STANDING_BY
        self._cache.update(batch.streams, applied.rows)
        self._locked_since = {i: self._locked_since.get(i, started) for i in applied.locked}
        self._note(batch, applied, started)
        if applied.locked:
            return Turn.WAITING
        return Turn.CAUGHT_UP if is_last else Turn.APPLIED

    def _apply(
        self, connection: Connection, batch: Batch, position: int, prepared: Prepared | None
    ) -> Applied | None:
        """Apply the batch the fast way, or where that does not do, the careful one."""
        read_on = partial(self._ahead.read_on, batch.streams)
        try:
            return apply_fast(connection, batch, position, self._cache, prepared, read_on)
        except StaleCache:
            # What was folded ahead is from the same cache.
            self._ahead.forget()
            return apply_careful(connection, batch, position, self._log.streams)

    def _note(self, batch: Batch, applied: Applied, started: float) -> None:
        self._applied_events = applied.events
        if applied.events:
            self._position, self._at_work = batch.events[applied.events - 1].position, True
            if self._observe:
                self._observe(applied.events, time.monotonic() - started)
        for document_id, refusal in applied.parked.items():
            logger.warning("document parked: %s: %s", document_id, refusal.reason)

    def _put_off(self, now: float) -> set[str]:
        """Return the documents that have been locked by others for longer than is waited for."""
        patience_seconds = self._pace.patience_seconds
        return {i for i, since in self._locked_since.items() if now - since >= patience_seconds}

    def _nothing_new(self, connection: Connection, position: int) -> Turn:
        """Tell whether there is nothing new because another projector is at work."""
        if self._at_work:
            position = read_position(connection, READ_MODELS)
        others_worked = self._position not in (-1, position)
        if others_worked:
            self._stand_by()
        self._position = position
        return Turn.STANDING_BY if others_worked else Turn.NOTHING_NEW

    def _stand_by(self) -> None:
        """Rely on nothing that this projector has read or written before."""
        self._at_work = False
        self._cache.clear()
        self._ahead.forget()

    def _retry_put_off(self, connection: Connection) -> None:
        for document_id in put_off_documents(connection):
            retry_document(connection, self._log.of_document, document_id, self._clock())
