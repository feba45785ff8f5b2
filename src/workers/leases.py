"""Leases in the database: who runs stages of a document, and until when unless renewed.

Every time is the database's, so that hosts need not agree on theirs. What a crash of the server
may lose here is harmless: an insert is flushed with the event that names the lease, and a row that
comes back expires.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import psycopg
from uuid_utils import uuid4

from postgres.connections import conninfo
from postgres.pools import connection_pool
from workers.connections import Connection, session
from workers.errors import QueueUnavailable

_TAKE = """
    INSERT INTO stage_leases (lease_id, document_id, worker, expires_at)
    SELECT taken.lease_id, taken.document_id, %s, now() + %s
    FROM unnest(%s::text[], %s::text[]) AS taken (lease_id, document_id)
"""
_RELEASE = "DELETE FROM stage_leases WHERE lease_id = ANY(%s)"
# A row that the reaper has locked is as good as gone.
_RENEW = """
    UPDATE stage_leases SET expires_at = now() + %s WHERE lease_id IN (
        SELECT lease_id FROM stage_leases WHERE lease_id = ANY(%s) AND reaped_at IS NULL
        ORDER BY lease_id FOR UPDATE SKIP LOCKED)
    RETURNING lease_id
"""
_EXPIRED = """
    SELECT lease_id, document_id, worker, reaped_at IS NOT NULL FROM stage_leases
    WHERE expires_at < now()
    ORDER BY expires_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_PUT_OFF = """
    UPDATE stage_leases SET expires_at = now() + %s, reaped_at = coalesce(reaped_at, now())
    WHERE lease_id = %s
"""
_MOVED_ON = """
    SELECT known.document_id FROM unnest(%s::text[], %s::bigint[]) AS known (document_id, version)
    WHERE EXISTS (
        SELECT FROM docledger_events e WHERE e.originator_id = known.document_id
        AND e.originator_version > known.version)
"""


@dataclass(frozen=True, slots=True)
class ExpiredLease:
    """A lease that nobody renewed in time; `reaped` if what ran under it was failed before."""

    lease_id: str
    document_id: str
    worker: str
    reaped: bool


class Leases:
    """One worker's way to the table of leases. Thread-safe; raises QueueUnavailable."""

    def __init__(self, dsn: str, worker: str, lease_seconds: float) -> None:
        self.lease_seconds = lease_seconds
        self._worker = worker
        self._duration = timedelta(seconds=lease_seconds)
        self._pool = connection_pool(
            conninfo(dsn, f"docledger leases {worker}"),
            session(one_plan=True),
            min_size=1,
            max_size=2,
            timeout_seconds=5.0,
            autocommit=True,
        )

    def open(self) -> None:
        """Begin to connect."""
        self._pool.open()

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def take(self, document_id: str) -> str:
        """Return the id of a new lease on the document.

        Several leases on one document are fine: the aggregate starts an attempt once.
        """
        with self._connection() as connection:
            return self.take_within(connection, [document_id])[0]

    def take_within(self, connection: Connection, document_ids: Sequence[str]) -> list[str]:
        """Return the ids of new leases on the documents, taken in the connection's transaction."""
        lease_ids = [uuid4().hex for _ in document_ids]
        parameters = (self._worker, self._duration, lease_ids, list(document_ids))
        connection.execute(_TAKE, parameters, prepare=True)
        return lease_ids

    def release(self, *lease_ids: str) -> None:
        """Give the leases back; nothing may run under them any more."""
        with self._connection() as connection:
            connection.execute(_RELEASE, (list(lease_ids),))

    def renew(self, lease_ids: Collection[str]) -> set[str]:
        """Renew the leases and return those that are still held."""
        with self._connection() as connection:
            rows = connection.execute(_RENEW, (self._duration, list(lease_ids)))
            return {row[0] for row in rows}

    def moved_on(self, versions: dict[str, int]) -> set[str]:
        """Return the documents that have events after the version given for them."""
        with self._connection() as connection:
            rows = connection.execute(_MOVED_ON, (list(versions), list(versions.values())))
            return {row[0] for row in rows}

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with self._pool.connection() as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise QueueUnavailable from error


def lock_expired(connection: Connection) -> ExpiredLease | None:
    """Return the longest expired lease, locked until the transaction ends, or None."""
    row = connection.execute(_EXPIRED).fetchone()
    return None if row is None else ExpiredLease(*row)


def drop(connection: Connection, lease: ExpiredLease) -> None:
    """Remove the lease: nothing runs under it any more."""
    connection.execute(_RELEASE, ([lease.lease_id],))


def keep_reaped(connection: Connection, lease: ExpiredLease, seconds: float) -> None:
    """Have the lease looked at again later; its worker cannot renew it any more."""
    connection.execute(_PUT_OFF, (timedelta(seconds=seconds), lease.lease_id))
