"""Ends what dead workers left behind: attempts under expired leases are failed and retried.

Any number of reapers may run: each expired lease is locked by the one that deals with it. Jobs of
dead workers need no reaper, the queue hands them out again when their heartbeat is stale.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from domain import commands as c
from domain.document_workflow import DocumentWorkflow
from domain.errors import DocledgerError, DocumentNotFound, Unavailable
from postgres.backoff import keep_going
from workers import leases
from workers.connections import Connection, connect
from workers.hints import Hint
from workers.jobs import queue
from workers.leases import ExpiredLease
from workers.ports import Commands

_log = logging.getLogger(__name__)

_LOOK_AGAIN_SECONDS = 120.0
_PRUNE_SECONDS = 300.0
_KEEP_QUEUE_LOG = timedelta(hours=1)


class Reaper:
    """Looks for expired leases every `look_seconds`."""

    def __init__(
        self,
        dsn: str,
        commands: Commands,
        *,
        look_seconds: float = 5.0,
        actor: str = "reaper",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._dsn = dsn
        self._commands = commands
        self._look_seconds = look_seconds
        self._actor = actor
        self._clock = clock
        self._stop = threading.Event()

    def run(self) -> None:
        """Reap until `stop`, whatever becomes of the database in between."""
        keep_going("the reaper", self._session, self._stop)

    def stop(self) -> None:
        """End `run` soon. Callable from any thread."""
        self._stop.set()

    def _session(self) -> None:
        with connect(self._dsn, "docledger reaper") as connection:
            next_prune = time.monotonic()
            while not self._stop.is_set():
                self.reap(connection)
                if time.monotonic() >= next_prune:
                    queue.prune(connection, _KEEP_QUEUE_LOG)
                    next_prune = time.monotonic() + _PRUNE_SECONDS
                self._stop.wait(self._look_seconds)

    def reap(self, connection: Connection) -> int:
        """Deal with every lease that has expired; return how many attempts were failed."""
        failed = 0
        while not self._stop.is_set():
            with connection.transaction():
                lease = leases.lock_expired(connection)
                if lease is None:
                    break
                failed += self._deal_with(connection, lease)
        return failed

    def _deal_with(self, connection: Connection, lease: ExpiredLease) -> int:
        """Fail what runs under the lease and keep it once more, or drop it if nothing does."""
        try:
            answer = self._commands.execute(self._expire(lease))
        except DocumentNotFound:
            leases.drop(connection, lease)
            return 0
        except Unavailable:
            raise
        except DocledgerError:
            _log.exception("a lease cannot be expired", extra={"document_id": lease.document_id})
            leases.keep_reaped(connection, lease, _LOOK_AGAIN_SECONDS)
            return 0
        if not answer.events and lease.reaped:
            leases.drop(connection, lease)
            return 0
        about = {"document_id": lease.document_id, "worker": lease.worker}
        if answer.events:
            _log.warning("a lease expired while a stage ran under it", extra=about)
        else:
            _log.info("a lease expired", extra=about)
            self._have_it_looked_at(connection, answer.state)
        leases.keep_reaped(connection, lease, _LOOK_AGAIN_SECONDS)
        return 1 if answer.events else 0

    def _have_it_looked_at(self, connection: Connection, state: DocumentWorkflow) -> None:
        """Put a job in for a document whose worker died before it started what may start."""
        if state.runnable_stages():
            queue.defer(connection, [Hint(state.id, state.version)])

    def _expire(self, lease: ExpiredLease) -> c.ExpireLease:
        return c.ExpireLease(
            document_id=lease.document_id,
            context=c.Context(at=self._clock(), actor=self._actor, command_id=str(uuid4())),
            lease_id=lease.lease_id,
        )
