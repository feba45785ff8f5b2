"""Acquires locks with a short timeout and backoff, so that no queue forms behind the request.

A request that waits for a lock makes all later requests wait that conflict with it. So none of ours
that readers or writers would wait behind waits for longer than 50 ms: everything is released, the
transaction that holds the lock is named, and it is tried again after a pause.
"""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row

from domain.errors import DocledgerError

LOCK_TIMEOUT_MS = 50

_FIRST_BACKOFF_SECONDS = 0.1
_MAX_BACKOFF_SECONDS = 2.0
_OLD_SECONDS = 0.5
_LOCK_HOLDERS = """
    SELECT l.pid, coalesce(nullif(a.application_name, ''), a.backend_type), a.usename,
        a.client_addr::text,
        extract(epoch FROM clock_timestamp() - min(a.xact_start))::float8 AS seconds
    FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.relation IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS t (name))
        AND (%s OR l.mode NOT IN ('AccessShareLock', 'RowShareLock'))
    GROUP BY 1, 2, 3, 4 ORDER BY seconds DESC NULLS FIRST LIMIT 3
"""

_BEING_VACUUMED = """
    SELECT DISTINCT l.relation::regclass::text
    FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
        AND l.mode = 'ShareUpdateExclusiveLock'
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.relation IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS t (name))
"""
_DEADLOCK_TIMEOUT = "SELECT setting::int FROM pg_settings WHERE name = 'deadlock_timeout'"
_CANCELLED_WITHIN_MS = 1000

_NOT_CANCELLED = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedTable,
)

Result = TypeVar("Result")


class LockedByOthers(Exception):
    """Another transaction holds what is needed; the message names it."""


class StillLocked(DocledgerError):
    """Another transaction held what is needed for too long; end it, then try again."""


def with_lock_retry(
    connection: Connection,
    relations: Sequence[str],
    act: Callable[[], Result],
    on_blocked: Callable[[str | None], None],
    before_retry: Callable[[], object] = lambda: None,
    *,
    readers_matter: bool = True,
    patience_seconds: float = math.inf,
) -> Result:
    """Run `act` in a transaction until it has had every lock it needs, then return its result.

    `on_blocked` is given the names of the transactions that use the relations, None once none does;
    `readers_matter` tells whether those that only read are in the way. `before_retry` is called
    outside of any transaction. Raises StillLocked after `patience_seconds`.
    """
    backoff_seconds = _FIRST_BACKOFF_SECONDS
    deadline = time.monotonic() + patience_seconds
    while True:
        _cancel_autovacuum(connection, relations)
        old = lock_holders(connection, relations, _OLD_SECONDS, readers_matter=readers_matter)
        if not old:
            try:
                result = _attempt(connection, act)
            except LockedByOthers as error:
                old = str(error)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
                old = lock_holders(connection, relations, readers_matter=readers_matter)
            else:
                on_blocked(None)
                return result
        on_blocked(old or "many short transactions")
        if time.monotonic() > deadline:
            raise StillLocked(f"Still in use: {', '.join(relations)}, by {old or 'many'}.")
        time.sleep(backoff_seconds * random.uniform(0.5, 1))  # noqa: S311 - not for secrets
        backoff_seconds = min(backoff_seconds * 1.5, _MAX_BACKOFF_SECONDS)
        before_retry()


def _cancel_autovacuum(connection: Connection, relations: Sequence[str]) -> None:
    """Have PostgreSQL cancel an autovacuum of these relations, which may take hours.

    It does so for a request that has waited for `deadlock_timeout`, which none of ours does. This
    one may: no reader or writer waits behind a lock of its mode.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        names = [row[0] for row in cursor.execute(_BEING_VACUUMED, (list(relations),))]
        if not names:
            return
        [(cancelled_after_ms,)] = cursor.execute(_DEADLOCK_TIMEOUT).fetchall()
    wait_ms = cancelled_after_ms + _CANCELLED_WITHIN_MS
    lock = f"LOCK TABLE ONLY {', ONLY '.join(names)} IN SHARE UPDATE EXCLUSIVE MODE"
    # One that cannot be cancelled, or not by us, is waited for as any other transaction is.
    with contextlib.suppress(*_NOT_CANCELLED), connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = {wait_ms}".encode())
        connection.execute(lock.encode())


def _attempt(connection: Connection, act: Callable[[], Result]) -> Result:
    with connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}".encode())
        return act()


def lock_holders(
    connection: Connection,
    relations: Sequence[str],
    older_than_seconds: float = 0.0,
    *,
    readers_matter: bool = True,
) -> str:
    """Name the transactions, of this age at least, that use one of the relations, '' for none."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_LOCK_HOLDERS, (list(relations), readers_matter)).fetchall()
    return "; ".join(
        _described(*row) for row in rows if row[4] is None or row[4] >= older_than_seconds
    )


def _described(
    pid: int | None,
    application: str | None,
    user: str | None,
    address: str | None,
    seconds: float | None,
) -> str:
    if pid is None:
        return "a prepared transaction (see pg_prepared_xacts)"
    name = f"'{application}', " if application else ""
    name += f"user {user}" if user else "no user"
    where = f" from {address}" if address else ""
    since = "" if seconds is None else f", in a transaction for {seconds:.1f} s"
    return f"process {pid} ({name}{where}{since})"
