"""Takes jobs out of the queue, as many at once as there is room for, and has them done."""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias

from psycopg import sql

from domain.errors import Unavailable
from postgres.backoff import keep_going
from postgres.pipelines import pipelined, unawaited_transaction
from workers.connections import Connection, connect
from workers.errors import JobPutOff
from workers.hands import Hands
from workers.hints import Hint
from workers.jobs import queue
from workers.jobs.claims import Claim, JobClaims
from workers.jobs.queue import Job
from workers.jobs.schema import CHANNEL

_log = logging.getLogger(__name__)

Steps: TypeAlias = Generator[Future[Any], Any, Sequence[Hint]]
"""Work on one job that waits for futures: each is given out, its result sent in.

What is returned are jobs for workers that have other executors than this one.
"""

_AWAY_SECONDS = 1.0
_LONGEST_DELAY_SECONDS = 60.0
_LAST_TRIES = 5
# How long to gather jobs that end: while others are at hand before more are taken, and before the
# queue is told, for which nobody waits.
_GATHER_SECONDS = 0.01
_TELL_SECONDS = 0.02


Take: TypeAlias = Callable[[Connection], None]
"""Takes jobs in the connection's transaction."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A job that ended; with a delay it is put back. `for_others` are jobs for other workers."""

    claim: Claim
    delay_seconds: float | None = None
    for_others: Sequence[Hint] = ()


@dataclass(frozen=True, slots=True)
class _Batch:
    """Jobs that were taken, and in how long the next one is due; full if there may be more now."""

    began: float
    claims: Sequence[Claim]
    jobs: Sequence[Job]
    next_due: timedelta | None
    is_full: bool


def _as_they_are(_: Connection, jobs: Sequence[Job]) -> Sequence[Job]:
    return jobs


class JobTaker:
    """Hands jobs to threads, and asks for more in the thread that calls `run`.

    `take` is called in a thread of its own for each job, at most `slots` at once, or as many as
    `room` says and at most `slots`. What it returns, if it returns something, is gone through step
    by step, so that a job that waits for a future needs no thread. It raises JobPutOff to be
    called again later; whatever else it raises puts the job off as well, for a job that is
    dropped would be a document forgotten. `prepare` is called with the jobs in the transaction
    that takes them and returns them as `take` is to have them; `taken` is called with these once
    that is committed, and with the monotonic time of its beginning. `stages` names those of which
    jobs for workers with their executor are taken.
    """

    def __init__(
        self,
        dsn: str,
        take: Callable[[Job], Steps | None],
        *,
        slots: int,
        room: Callable[[], int] | None = None,
        prepare: Callable[[Connection, Sequence[Job]], Sequence[Job]] = _as_they_are,
        taken: Callable[[Sequence[Job], float], None] = lambda _jobs, _since: None,
        poll_seconds: float = 5.0,
        stale_seconds: float = 30.0,
        stages: Callable[[], Iterable[str]] = tuple,
        name: str = "docledger worker",
    ) -> None:
        self._dsn = dsn
        self._take = take
        self._room = room or (lambda: slots)
        self._prepare = prepare
        self._tell_taken = taken
        self._poll_seconds = poll_seconds
        self._keep_seconds = stale_seconds / 3
        self._name = name
        self._hands = Hands(slots, "slot")
        self._claims = JobClaims(timedelta(seconds=stale_seconds), stages)
        self._at_hand: dict[int, Claim] = {}
        self._ended: list[_Ended] = []
        self._lock = threading.Lock()
        self._taking = threading.Lock()
        self._wake = _Wake()
        self._stopping = threading.Event()
        self._over = threading.Event()
        self._last_tries = _LAST_TRIES
        self._look_at = 0.0
        self._looked_at = 0.0
        self._keep_at = 0.0
        self._tell_at = 0.0

    def run(self) -> None:
        """Take jobs until `stop`, and return when those at hand have ended."""
        try:
            keep_going("taking jobs", self._session, self._over)
            self._hands.close()
        finally:
            self._wake.close()

    def stop(self) -> None:
        """Take no more jobs. Callable from any thread."""
        self._stopping.set()
        self._wake()

    @contextmanager
    def taking(self) -> Iterator[Take]:
        """Give what takes jobs in somebody else's transaction, which the block ends.

        If that goes well, they are done from then on. What the queue tells of jobs that the same
        server process put in is no news afterwards: it is taken to take them as well, until
        `hear_of_all`. Callable from any thread.
        """
        batches: list[_Batch] = []

        def take(connection: Connection) -> None:
            self._wake.deaf_to = connection.info.backend_pid
            batches.extend(self._taken(connection))

        with self._taking:
            yield take
            for batch in batches:
                self._have_done(batch)
                if batch.next_due is not None:
                    self._wake()

    def hear_of_all(self) -> None:
        """Look for jobs now, and whenever the queue tells of any. Callable from any thread."""
        self._wake.deaf_to = None
        self._look_at = 0.0
        self._wake()

    def _session(self) -> None:
        try:
            with (
                connect(self._dsn, self._name, one_plan=True) as connection,
                connect(self._dsn, self._name) as listening,
            ):
                listening.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
                self._look_at = self._keep_at = 0.0  # for what came while nobody listened
                while not self._over.is_set():
                    self._exchange(connection)
                    self._wait(listening)
        except Exception:
            self._give_up_in_the_end()
            raise

    def _give_up_in_the_end(self) -> None:
        """Wait for a database that is away no longer than a few tries once all has ended.

        What could not be told is taken up again when its heartbeat is stale.
        """
        if self._stopping.is_set() and not self._running():
            self._last_tries -= 1
            if self._last_tries <= 0:
                self._over.set()

    def _running(self) -> int:
        """Return how many jobs are being done."""
        with self._lock:
            return len(self._at_hand) - len(self._ended)

    def _exchange(self, connection: Connection) -> None:
        """Tell what has ended, take what there is room for, and have it done."""
        now = time.monotonic()
        if now >= self._keep_at:
            self._keep_at = now + self._keep_seconds
            with self._lock:
                at_hand = list(self._at_hand)
            if at_hand:
                self._claims.keep(connection, at_hand)
        self._tell(connection)
        with self._taking:
            if self._stopping.is_set():
                if not self._at_hand:
                    self._over.set()
            elif now >= self._look_at:
                self._look(connection)

    def _tell(self, connection: Connection) -> None:
        with self._lock:
            ended = list(self._ended)
        if not ended:
            return
        finished = [it.claim.job_id for it in ended if it.delay_seconds is None]
        put_off = [
            (it.claim.job_id, it.delay_seconds) for it in ended if it.delay_seconds is not None
        ]
        for_others = [hint for it in ended for hint in it.for_others]
        with pipelined(connection), unawaited_transaction(connection):
            if finished:
                self._claims.finish(connection, finished)
            for job_id, delay in put_off:
                self._claims.put_off(connection, job_id, timedelta(seconds=delay))
            queue.defer(connection, for_others)
            if put_off:
                self._claims.tell(connection)
        with self._lock:
            del self._ended[: len(ended)]
            for it in ended:
                del self._at_hand[it.claim.job_id]

    def _look(self, connection: Connection) -> None:
        with pipelined(connection), unawaited_transaction(connection):
            batches = self._taken(connection)
        for batch in batches:
            self._have_done(batch)

    def _taken(self, connection: Connection) -> list[_Batch]:
        """Take jobs for the room that there is, in the connection's transaction."""
        room = self._room() - self._running()
        if room < 1 or self._stopping.is_set():
            self._look_at = 0.0  # as soon as one has ended
            return []
        began = time.monotonic()
        taken, next_due = self._claims.take(connection, room)
        # One of ours whose heartbeat came late is at hand still.
        claims = [claim for claim in taken if claim.job_id not in self._at_hand]
        jobs = self._prepare(connection, [claim.job for claim in claims]) if claims else []
        return [_Batch(began, claims, jobs, next_due, is_full=len(taken) >= room)]

    def _have_done(self, batch: _Batch) -> None:
        """Have jobs done that were taken for good; set when to look again."""
        self._looked_at = batch.began
        self._look_at = batch.began + self._poll_seconds
        if batch.is_full:
            self._look_at = 0.0
        elif batch.next_due is not None:
            self._look_at = min(self._look_at, batch.began + batch.next_due.total_seconds())
        with self._lock:
            self._at_hand |= {claim.job_id: claim for claim in batch.claims}
        self._tell_taken(batch.jobs, batch.began)
        for claim, job in zip(batch.claims, batch.jobs, strict=True):
            self._hands.put(partial(self._begin, claim, job))

    def _wait(self, listening: Connection) -> None:
        """Wait until there is something to do, woken by new jobs and by those that end."""
        while not self._over.is_set():
            now = time.monotonic()
            if (due := self._due(now)) <= now:
                return
            if self._wake.wait(listening, due - now):
                self._look_at = 0.0

    def _due(self, now: float) -> float:
        """Return when there will be something to do, if nothing happens before."""
        due = self._keep_at
        if self._ended:
            due = min(due, self._tell_at)
        if self._stopping.is_set():
            return due if self._at_hand else now
        room = self._room()
        free = room - self._running()
        if free < 1:
            return due
        if self._look_at <= now and free < room // 4:
            return min(due, self._looked_at + _GATHER_SECONDS)
        return min(due, self._look_at)

    def _begin(self, claim: Claim, job: Job) -> None:
        try:
            steps = self._take(job)
        except BaseException as error:
            self._end(_failed(claim, error))
            return
        if steps is None:
            self._end(_Ended(claim))
        else:
            self._go_on(claim, steps, None)

    def _go_on(self, claim: Claim, steps: Steps, awaited: Future[Any] | None) -> None:
        """Take the job's next step and have it go on when what it waits for is there."""
        try:
            if awaited is None:
                future = next(steps)
            elif (error := awaited.exception()) is not None:
                future = steps.throw(error)
            else:
                future = steps.send(awaited.result())
        except StopIteration as stop:
            self._end(_Ended(claim, for_others=stop.value))
        except BaseException as error:
            # An executor that exits takes its thread with it otherwise, and the job is never over.
            self._end(_failed(claim, error))
        else:
            future.add_done_callback(
                lambda done: self._hands.put(partial(self._go_on, claim, steps, done))
            )

    def _end(self, ended: _Ended) -> None:
        with self._lock:
            if not self._ended:
                self._tell_at = time.monotonic() + _TELL_SECONDS
            self._ended.append(ended)
        self._wake()


def _failed(claim: Claim, error: BaseException) -> _Ended:
    for_others = error.for_others if isinstance(error, JobPutOff) else ()
    return _Ended(claim, _delay_seconds(claim, error), for_others)


def _delay_seconds(claim: Claim, error: BaseException) -> float:
    """Return after how long the job is to be taken up again; log what nobody expected."""
    if isinstance(error, JobPutOff):
        return error.delay_seconds
    if isinstance(error, Unavailable):
        _log.warning("a job is put off: %s", error)
        return _AWAY_SECONDS
    _log.error("a job failed and will be taken up again", exc_info=error)
    return float(min(_LONGEST_DELAY_SECONDS, 2.0 ** min(claim.attempts, 10)))


class _Wake:
    """Wakes a thread that waits for notifications, but for those of the process `deaf_to`."""

    def __init__(self) -> None:
        self._there, self._here = socket.socketpair()
        self._there.setblocking(False)
        self._here.setblocking(False)
        self._called = False
        self.deaf_to: int | None = None

    def __call__(self) -> None:
        if self._called:
            return
        self._called = True
        try:
            self._there.send(b"!")
        except (BlockingIOError, OSError):
            return  # it is awake, or will never wait again

    def wait(self, listening: Connection, seconds: float) -> bool:
        """Wait for a call or a notification; tell whether the queue told of something new."""
        news = self._drained(listening)
        if not news:
            here, there = self._here.fileno(), listening.fileno()
            readable, _, _ = select.select([here, there], [], [], seconds)
            if here in readable:
                self._here.recv(4096)
                self._called = False  # who calls before this changed something that is seen after
            if there in readable:
                news = self._drained(listening)
        return news

    def _drained(self, listening: Connection) -> bool:
        """Tell whether the queue told of anything but jobs that were taken out."""
        notes = list(listening.notifies(timeout=0))
        return any(n.pid != self.deaf_to and '"delete"' not in n.payload for n in notes)

    def close(self) -> None:
        """Give the sockets back."""
        self._there.close()
        self._here.close()
