"""Keeps a worker's leases alive, and tells attempts when they count no longer."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum

from domain.document_workflow import DocumentWorkflow
from domain.errors import DocumentNotFound, Unavailable
from domain.values import StageStatus
from postgres.causes import cause
from workers.errors import QueueUnavailable
from workers.leases import Leases
from workers.ports import Commands

_log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Abandonment(StrEnum):
    """Why an attempt is let go of before its end."""

    LEASE_LOST = "lease_lost"
    FENCED = "fenced"
    STOPPING = "stopping"


@dataclass(eq=False)
class Attempt:
    """An attempt that runs under a lease; `cancelled` is set to end its executor.

    `version` is that of the document when the attempt was last seen to count.
    """

    lease_id: str
    document_id: str
    stage_name: str
    number: int
    version: int
    cancelled: threading.Event = field(default_factory=threading.Event)
    abandoned: Abandonment | None = None

    def abandon(self, why: Abandonment) -> None:
        """End the executor; what it makes will not be reported. The first reason stands."""
        if self.abandoned is None:
            self.abandoned = why
            self.cancelled.set()

    def counts_in(self, state: DocumentWorkflow) -> bool:
        """Tell whether a report of the attempt would be accepted."""
        stage = state.stages.get(self.stage_name)
        return (
            stage is not None
            and stage.status is StageStatus.IN_PROGRESS
            and stage.attempt == self.number
            and stage.lease_id == self.lease_id
        )


class LeaseKeeper:
    """A thread that renews the leases of running attempts every third of their time.

    An attempt is abandoned when its lease is gone or could not be renewed in its time, and when
    the log shows that the attempt counts no longer: failed by somebody, cancelled, deleted.
    """

    def __init__(
        self, leases: Leases, commands: Commands, *, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._leases = leases
        self._commands = commands
        self._look_seconds = look_seconds
        self._attempts: dict[str, Attempt] = {}
        self._held: dict[str, float] = {}
        self._done_with: list[str] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    @property
    def lease_seconds(self) -> float:
        """After how long a lease that nobody renews is lost."""
        return self._leases.lease_seconds

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Renew nothing any more."""
        self._stop.set()
        self._thread.join()
        self._give_back()

    def take(self, document_id: str) -> str:
        """Return the id of a new lease, renewed until `release` or `forget`."""
        since = time.monotonic()
        lease_id = self._leases.take(document_id)
        self.hold(lease_id, since)
        return lease_id

    def hold(self, lease_id: str, since: float) -> None:
        """Renew a lease that was taken at this monotonic time, until `release` or `forget`."""
        with self._lock:
            self._held[lease_id] = since

    def is_held(self, lease_id: str) -> bool:
        """Tell whether the lease is being renewed."""
        with self._lock:
            return lease_id in self._held

    def release(self, lease_id: str) -> None:
        """Give the lease back, with others, soon; one that cannot be given back expires."""
        with self._lock:
            self._held.pop(lease_id, None)
            self._done_with.append(lease_id)

    def forget(self, lease_id: str) -> None:
        """Renew the lease no more; the reaper finds what ran under it."""
        with self._lock:
            self._held.pop(lease_id, None)

    def watch(self, attempt: Attempt) -> None:
        """Abandon the attempt once it counts no longer; until `unwatch`."""
        with self._lock:
            self._attempts[attempt.lease_id] = attempt
            lost = attempt.lease_id not in self._held
        if lost:
            _log.warning("a lease was lost between two stages", extra=_about(attempt))
            attempt.abandon(Abandonment.LEASE_LOST)

    def unwatch(self, attempt: Attempt) -> None:
        """Look after the attempt no more."""
        with self._lock:
            self._attempts.pop(attempt.lease_id, None)

    def abandon_all(self, why: Abandonment) -> None:
        """End every running attempt's executor."""
        for attempt in self._running():
            attempt.abandon(why)

    def _running(self) -> list[Attempt]:
        with self._lock:
            return list(self._attempts.values())

    def _run(self) -> None:
        next_renewal = time.monotonic()
        seconds = min(self._look_seconds, self._leases.lease_seconds / 3)
        while not self._stop.wait(seconds):
            try:
                self._give_back()
                if (now := time.monotonic()) >= next_renewal:
                    self._renew()
                    next_renewal = now + self._leases.lease_seconds / 3
                self._look()
            except Unavailable as error:
                why = {"cause": cause(error)}
                _log.warning("leases cannot be renewed just now: the database is away", extra=why)
            except Exception:
                _log.exception("looking after leases failed and goes on")
            self._give_up_what_is_too_old()

    def _give_back(self) -> None:
        with self._lock:
            done_with, self._done_with = self._done_with, []
        if not done_with:
            return
        try:
            self._leases.release(*done_with)
        except QueueUnavailable:
            _log.warning("%d leases could not be given back and will expire", len(done_with))

    def _renew(self) -> None:
        with self._lock:
            asked = set(self._held)
        if not asked:
            return
        since = time.monotonic()
        renewed = self._leases.renew(asked)
        with self._lock:
            for lease_id in renewed & self._held.keys():
                self._held[lease_id] = since
        for lease_id in asked - renewed:
            self._lost(lease_id)

    def _give_up_what_is_too_old(self) -> None:
        before = time.monotonic() - self._leases.lease_seconds
        with self._lock:
            old = [lease_id for lease_id, since in self._held.items() if since < before]
        for lease_id in old:
            self._lost(lease_id)

    def _lost(self, lease_id: str) -> None:
        with self._lock:
            held = self._held.pop(lease_id, None)
            attempt = self._attempts.get(lease_id)
        if held is not None and attempt is not None:
            _log.warning("a lease is lost", extra=_about(attempt))
            attempt.abandon(Abandonment.LEASE_LOST)

    def _look(self) -> None:
        """Ask the log about documents that have moved on while an attempt runs."""
        attempts = [attempt for attempt in self._running() if attempt.abandoned is None]
        if not attempts:
            return
        versions: dict[str, int] = {}
        for attempt in attempts:
            seen = versions.get(attempt.document_id, attempt.version)
            versions[attempt.document_id] = min(seen, attempt.version)
        for document_id in self._leases.moved_on(versions):
            self._check(document_id, [a for a in attempts if a.document_id == document_id])

    def _check(self, document_id: str, attempts: list[Attempt]) -> None:
        state = self._state(document_id)
        for attempt in attempts:
            if attempt.counts_in(state):
                attempt.version = state.version
            elif self._still_watched(attempt):
                _log.info("an attempt counts no longer", extra=_about(attempt))
                attempt.abandon(Abandonment.FENCED)

    def _still_watched(self, attempt: Attempt) -> bool:
        with self._lock:
            return self._attempts.get(attempt.lease_id) is attempt

    def _state(self, document_id: str) -> DocumentWorkflow:
        try:
            return self._commands.load(document_id).state
        except DocumentNotFound:
            return DocumentWorkflow.unborn(document_id)


def _about(attempt: Attempt) -> dict[str, object]:
    return {
        "document_id": attempt.document_id,
        "stage_name": attempt.stage_name,
        "attempt": attempt.number,
    }
