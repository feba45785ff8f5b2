"""The live projector: keeps the tables at the log, whatever happens to either."""

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
from typing import Any

import psycopg
from psycopg import Connection

from postgres.causes import cause
from postgres.pipelines import pipelined, unawaited_transaction
from projections.errors import NotCaughtUp, StillParked
from projections.live.batch import Applied, Batch, NotAsKnown, apply_batch, is_fault_of_rows
from projections.live.parking import put_off_documents, retry_document
from projections.live.prepared import Prepared
from projections.live.read_ahead import ReadAhead
from projections.live.row_cache import KnownRows
from projections.live.status import ProjectionStatus, projection_status
from projections.log_reader import LogReader
from projections.rebuild_errors import OtherVersion
from projections.tables import asked_to_lock, asked_without_files
from projections.tracking import (
    READ_MODELS,
    asked_to_lock_position,
    ensure_tracked,
    read_position,
)
from projections.version import READ_MODELS_VERSION, require_version
from projections.wakeup import Wakeup, listen

READ_MODELS_CHANNEL = "docledger_read_models"
"""Told the position of each batch that is applied."""

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_SETTINGS = (
    "SET timezone = 'UTC'; SET lock_timeout = '5s'; "
    # a projector that hangs, or whose host is gone, must not keep the others from working
    "SET idle_in_transaction_session_timeout = '30s'; "
    # every row is found by its key; plans made while the tables were empty would scan them
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET plan_cache_mode = force_generic_plan; SET jit = off"
)
_VERSION = b"SELECT max(version) FROM read_model_versions WHERE applied_at IS NOT NULL"
_NOTIFY = b"SELECT pg_notify(%s, %s)"

logger = logging.getLogger(__name__)


class Turn(Enum):
    """What came of looking for events."""

    APPLIED = "applied"
    CAUGHT_UP = "applied, and there was no more when the log was read"
    NOTHING_NEW = "nothing new"
    WAITING = "waiting for a document that another session has locked"
    STANDING_BY = "another projector is at work"


@dataclass(frozen=True, slots=True)
class Pace:
    """How a projector spends its time.

    `patience_seconds` is how long it waits for a document that another session has locked before
    it parks that document and takes it up again later. Once it has caught up, no two batches begin
    within `rest_seconds`, or `busy_rest_seconds` while events come at that rate: what comes in
    meanwhile costs one transaction and not many. The rows of `known_documents` are remembered.
    """

    batch_events: int = 2_000
    poll_seconds: float = 0.5
    patience_seconds: float = 1.0
    locked_pause_seconds: float = 0.02
    rest_seconds: float = 0.005
    busy_rest_seconds: float = 0.015
    busy_events_a_second: float = 2_000
    known_documents: int = 2_000

    def rest_after(self, events: int, seconds: float) -> float:
        """Return within how many seconds no batch begins after one of so many events.

        `seconds` had gone by since the one before had begun.
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
        connect: Callable[[], Connection[Any]],
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
        self._known = KnownRows(self._pace.known_documents)
        self._ahead = ReadAhead(log, self._pace.batch_events)
        self._locked_since: dict[str, float] = {}
        self.trouble: str | None = None

    def run(self) -> None:
        """Work until `stop` is called; whatever breaks, begin again after a pause."""
        pause_seconds = _FIRST_PAUSE_SECONDS
        with Wakeup() as self._wakeup:
            while not self._stopping.is_set():
                try:
                    with self._connection() as connection, self._connection() as listening:
                        listen(listening)
                        self._work(self._wakeup, connection, listening)
                except Exception as error:  # a projector that died would be no use to anybody
                    pause_seconds = min(pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
                    if self.trouble is None:
                        pause_seconds = _FIRST_PAUSE_SECONDS
                    self.trouble = cause(error)
                    logger.warning("projector begins again: %s", self.trouble)
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
    def _connection(self) -> Iterator[Connection[Any]]:
        with contextlib.closing(self._connect()) as connection:
            connection.autocommit = True
            connection.execute(_SETTINGS)
            yield connection

    def _work(
        self, wakeup: Wakeup, connection: Connection[Any], listening: Connection[Any]
    ) -> None:
        ensure_tracked(connection, READ_MODELS)
        self._stand_by()
        looked_at = began = -math.inf
        while not self._stopping.is_set():
            before, began = began, time.monotonic()
            turn = self._turn(connection)
            if turn is not Turn.STANDING_BY:
                self.trouble = None
            if time.monotonic() - looked_at >= self._pace.poll_seconds:
                looked_at = time.monotonic()
                self._take_up_put_off(connection)
            if turn is Turn.WAITING:
                wakeup.wait(self._pace.locked_pause_seconds)
            elif turn is Turn.STANDING_BY:
                # not woken by appends, which whoever is at work should get
                wakeup.wait(self._pace.poll_seconds)
            elif turn in (Turn.CAUGHT_UP, Turn.NOTHING_NEW):
                rest_seconds = self._pace.rest_after(self._applied_events, began - before)
                wakeup.wait(max(0.0, began + rest_seconds - time.monotonic()))
                wakeup.wait(self._pace.poll_seconds, listening)

    def _turn(self, connection: Connection[Any]) -> Turn:
        started = time.monotonic()
        self._applied_events = 0
        # Read ahead of the lock, which only has to find that nobody moved the position meanwhile.
        position = self._position if self._at_work else read_position(connection, READ_MODELS)
        events, is_last, prepared = self._ahead.after(position)
        if not events:
            return self._nothing_new(connection, position)
        put_off = {
            i
            for i, since in self._locked_since.items()
            if started - since >= self._pace.patience_seconds
        }
        batch = Batch(events, self._clock(), put_off)
        try:
            applied = self._apply_as_known(connection, batch, position, prepared)
        except NotAsKnown:
            # What was folded ahead took it to be as known as well.
            self._ahead.forget()
            applied = self._apply(connection, batch, position)
        if applied is None:
            self._stand_by()
            return Turn.STANDING_BY
        self._known.note(batch.document_ids, applied.rows)
        self._locked_since = {i: self._locked_since.get(i, started) for i in applied.locked}
        self._applied_events = applied.events
        if applied.events:
            self._position, self._at_work = events[applied.events - 1].position, True
            if self._observe:
                self._observe(applied.events, time.monotonic() - started)
        for document_id, refusal in applied.parked.items():
            logger.warning("document parked: %s: %s", document_id, refusal.reason)
        if applied.locked:
            return Turn.WAITING
        return Turn.CAUGHT_UP if is_last else Turn.APPLIED

    def _nothing_new(self, connection: Connection[Any], position: int) -> Turn:
        """Tell whether that is so because another projector is at work."""
        if self._at_work:
            position = read_position(connection, READ_MODELS)
        others_worked = self._position not in (-1, position)
        if others_worked:
            self._stand_by()
        self._position = position
        return Turn.STANDING_BY if others_worked else Turn.NOTHING_NEW

    def _stand_by(self) -> None:
        """Take nothing to be as this projector left it."""
        self._at_work = False
        self._known.forget()
        self._ahead.forget()

    def _apply_as_known(
        self, connection: Connection[Any], batch: Batch, position: int, prepared: Prepared | None
    ) -> Applied | None:
        """Do what `_apply` does, but in two round trips where all is as it is known to be.

        Raises NotAsKnown, with nothing applied, where it is not, or the database refuses a row.
        """
        try:
            with pipelined(connection):
                with unawaited_transaction(connection):
                    applied = self._applied(connection, batch, position, self._known, prepared)
                _tell(connection, batch, applied)
        except psycopg.Error as error:
            if is_fault_of_rows(error):
                raise NotAsKnown from error
            raise
        return applied

    def _apply(self, connection: Connection[Any], batch: Batch, position: int) -> Applied | None:
        """Apply the events after `position`, and tell whoever listens.

        None if that is another projector's to do.
        """
        with connection.transaction():
            applied = self._applied(connection, batch, position)
        _tell(connection, batch, applied)
        return applied

    def _applied(
        self,
        connection: Connection[Any],
        batch: Batch,
        position: int,
        known: KnownRows | None = None,
        prepared: Prepared | None = None,
    ) -> Applied | None:
        # All is asked for before anything is looked at, which in a pipeline is one round trip.
        locked_position = asked_to_lock_position(connection, READ_MODELS)
        version = connection.execute(_VERSION, prepare=True)
        standing = asked_to_lock(connection, batch.document_ids)
        lacking = known.lacking(batch.document_ids) if known and not prepared else ()
        loaded = asked_without_files(connection, lacking)
        if locked_position() != position or not self._may_write(connection, version.fetchone()):
            return None
        return apply_batch(
            connection,
            batch,
            self._log.streams,
            standing=standing(),
            known=known,
            loaded=loaded(),
            prepared=prepared,
            meanwhile=lambda kept: self._ahead.read_on(
                lambda: self._known.after(batch.document_ids, kept)
            ),
        )

    def _may_write(self, connection: Connection[Any], version: Any) -> bool:
        """Tell whether the tables are of this program's version; another program's are let be."""
        if version == (READ_MODELS_VERSION,):
            return True
        try:
            require_version(connection)
        except OtherVersion as error:
            if self.trouble is None:
                logger.warning("projector stands by: %s", error)
            self.trouble = str(error)
            return False
        return True

    def _take_up_put_off(self, connection: Connection[Any]) -> None:
        for document_id in put_off_documents(connection):
            retry_document(connection, self._log.of_document, document_id, self._clock())


def _tell(connection: Connection[Any], batch: Batch, applied: Applied | None) -> None:
    """Tell whoever listens how far the tables are, once the transaction has ended.

    One that notifies keeps every other such, appends among them, from committing while its own
    commit is written to disk.
    """
    if applied is not None and applied.events:
        position = str(batch.events[applied.events - 1].position)
        connection.execute(_NOTIFY, (READ_MODELS_CHANNEL, position), prepare=True)
