"""Jobs going into the queue: one per document that a worker should look at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pgqueuer.adapters.drivers.psycopg import SyncPsycopgDriver
from pgqueuer.adapters.persistence.queries import SyncQueries

from workers.connections import Connection
from workers.hints import Hint
from workers.jobs.schema import ENTRYPOINT, QUEUE, stage_entrypoint

_PRUNE = "DELETE FROM docledger_queue.pgqueuer_log WHERE created < now() - %s::interval"
_NOW = "SELECT now()"
# Due already in the transaction that puts the job in: what is due at its time is left for later.
_AT_ONCE = timedelta(microseconds=-1)


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is handed: which document to look at, and what asked for it.

    `lease_id` is the lease that the worker took with the job, which is not stored with it.
    """

    document_id: str
    causation_id: str | None = None
    correlation_id: str | None = None
    lease_id: str | None = None

    def encoded(self) -> bytes:
        """Return the job as the queue stores it."""
        return json.dumps([self.document_id, self.causation_id, self.correlation_id]).encode()

    @staticmethod
    def decoded(payload: bytes) -> Job:
        """Return the job that was stored."""
        return Job(*json.loads(payload))


def defer(connection: Connection, hints: Sequence[Hint]) -> None:
    """Put a job for each hint into the queue, within the connection's transaction.

    A job that is there already for the same event of the document is not put in twice.
    """
    if not hints:
        return
    delays: list[timedelta | None] = [_AT_ONCE] * len(hints)
    if any(hint.not_before is not None for hint in hints):
        # The queue bases every delay on the transaction's time.
        now: datetime = connection.execute(_NOW).fetchall()[0][0]
        delays = [_delay(hint, now) for hint in hints]
    SyncQueries(SyncPsycopgDriver(connection), QUEUE).enqueue(
        [_entrypoint(hint) for hint in hints],
        [Job(h.document_id, h.causation_id, h.correlation_id).encoded() for h in hints],
        [0] * len(hints),
        delays,
        [_key(hint) for hint in hints],
        [_headers(hint) for hint in hints],
        on_conflict="skip",
    )


def _entrypoint(hint: Hint) -> str:
    return ENTRYPOINT if hint.stage_name is None else stage_entrypoint(hint.stage_name)


def _key(hint: Hint) -> str:
    key = f"{hint.document_id}:{hint.version}"
    return key if hint.stage_name is None else f"{key}:{hint.stage_name}"


def _headers(hint: Hint) -> dict[str, str] | None:
    """Name the document where it is looked for: which stages of it wait for an executor."""
    return None if hint.stage_name is None else {"documentId": hint.document_id}


def prune(connection: Connection, older_than: timedelta) -> None:
    """Forget what the queue's own log says of jobs that ended longer ago than this."""
    connection.execute(_PRUNE, (older_than,))


def _delay(hint: Hint, now: datetime) -> timedelta:
    if hint.not_before is None:
        return _AT_ONCE
    return max(hint.not_before - now, _AT_ONCE)
