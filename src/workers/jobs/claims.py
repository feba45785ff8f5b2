"""A worker's claims on jobs: taking, keeping, finishing and putting off many in one statement.

The statements are the queue library's own; its loop is not used, for it gives each job a task, a
timer and a validated model, and finishes jobs apart from taking others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from psycopg import RawCursor
from psycopg.rows import DictRow, dict_row

from workers.connections import Connection
from workers.jobs.queue import Job
from workers.jobs.schema import CHANNEL, ENTRYPOINT, QUEUE, stage_entrypoint

_NOTIFY = "SELECT pg_notify($1, $2)"


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker has taken; `attempts` counts how often it was put off."""

    job_id: int
    job: Job
    attempts: int


class JobClaims:
    """The claims of one worker, on connections in autocommit mode that it is handed.

    Jobs for any worker are taken, and those for workers with an executor of one of `stages`.
    """

    def __init__(self, stale: timedelta, stages: Callable[[], Iterable[str]]) -> None:
        self._stale = stale
        self._stages = stages
        self._worker = QueueManagerId(uuid4())

    def take(self, connection: Connection, most: int) -> tuple[list[Claim], timedelta | None]:
        """Take jobs that are due, those of dead workers too; tell in how long the next one is.

        Both are one round trip on a connection in pipeline mode.
        """
        names = [ENTRYPOINT, *map(stage_entrypoint, self._stages())]
        entrypoints = [QueueEntrypoint(name) for name in names]
        query = QUEUE.build_dequeue_query(
            batch_size=most,
            entrypoints=entrypoints,
            concurrency_limits=[0] * len(entrypoints),
            queue_manager_id=self._worker,
            global_concurrency_limit=None,
            heartbeat_timeout=self._stale,
        )
        taken = _execute(connection, query.sql, *query.args)
        later = _execute(connection, QUEUE.build_next_deferred_eta_query(), entrypoints)
        claims = [
            Claim(row["id"], Job.decoded(row["payload"] or b""), row["attempts"])
            for row in taken.fetchall()
        ]
        next_due = later.fetchone()
        return claims, None if next_due is None else next_due["eta"]

    def keep(self, connection: Connection, job_ids: Collection[int]) -> None:
        """Tell that these jobs are still being worked on."""
        _execute(connection, QUEUE.build_update_heartbeat_query(), list(job_ids))

    def finish(self, connection: Connection, job_ids: Sequence[int]) -> None:
        """Take these jobs out of the queue."""
        successful = ["successful"] * len(job_ids)
        nothing = [None] * len(job_ids)
        _execute(connection, QUEUE.build_log_job_query(), list(job_ids), successful, nothing)

    def put_off(self, connection: Connection, job_id: int, delay: timedelta) -> None:
        """Put the job back, to be taken by anybody after the delay."""
        _execute(connection, QUEUE.build_retry_job_query(), job_id, delay, None)

    def tell(self, connection: Connection) -> None:
        """Tell every worker that jobs were put back, which the library's trigger does not."""
        _execute(connection, _NOTIFY, CHANNEL, changed(CHANNEL))


def changed(channel: str) -> str:
    """Return the payload with which the queue's trigger tells of a new job."""
    return json.dumps(
        {
            "channel": channel,
            "operation": "insert",
            "sent_at": datetime.now(UTC).isoformat(),
            "table": "pgqueuer",
            "type": "table_changed_event",
        }
    )


def _execute(connection: Connection, query: str, *parameters: object) -> RawCursor[DictRow]:
    cursor = RawCursor(connection, row_factory=dict_row)
    return cursor.execute(query.encode(), parameters, prepare=True)
