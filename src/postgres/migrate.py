"""Take the database's schema up and down by numbered pairs of plain SQL files.

Each step runs in one transaction, all of them under one session advisory lock, so that any number
of processes may start at once. Tables that have our names and are not ours are moved to schema
`docledger_legacy` by the step that needs the name, and put back when that step is undone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, LiteralString, TypeAlias

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from postgres import advisory_locks, connections
from postgres.causes import cause
from postgres.connections import conninfo
from postgres.migration_files import (
    DatabaseUnreachable,
    EventsWouldBeDeleted,
    Migration,
    MigrationBusy,
    MigrationChanged,
    MigrationError,
    MigrationUnknown,
    NoSuchMigration,
    default_folder,
    read_migrations,
)
from postgres.rights import require_rights

LEGACY_SCHEMA = "docledger_legacy"

_LOCK_WAIT_SECONDS = 120
_STEP_TRIES = 5
_STEP_LOCK_WAIT_SECONDS = 3.0
_MADE_BY_US = "made by docledger, for tables that were in the way of its own"

Connection: TypeAlias = psycopg.Connection[TupleRow]
Direction: TypeAlias = Literal["up", "down"]
State: TypeAlias = Literal["applied", "pending", "changed", "unknown"]


@dataclass(frozen=True)
class MigrationStatus:
    """How one step stands in this database."""

    number: int
    name: str
    state: State
    applied_at: datetime | None


@dataclass(frozen=True)
class _Applied:
    number: int
    name: str
    checksum: str
    applied_at: datetime


Progress: TypeAlias = Callable[[Direction, Migration], None]


class Migrator:
    """Migrates one database; every call opens and closes its own connection."""

    def __init__(
        self,
        database_url: str,
        *,
        folder: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._database_url = database_url
        self._migrations = read_migrations(folder or default_folder())
        self._progress = progress or (lambda _direction, _migration: None)

    def up(self, to: int | None = None) -> Sequence[Migration]:
        """Apply what is pending, up to step `to`; return the steps that were applied.

        Raises MigrationChanged, MigrationUnknown, MigrationBusy or MigrationError.
        """
        last = self._known_number(to, default=self._migrations[-1].number)
        done = []
        with self._locked() as connection:
            applied = self._checked(connection)
            if any(m.number <= last and m.number not in applied for m in self._migrations):
                require_rights(connection, made_by_us=bool(applied))
                _create_bookkeeping(connection)
            for migration in self._migrations:
                if migration.number <= last and migration.number not in applied:
                    _patiently(partial(_apply, connection, migration))
                    self._progress("up", migration)
                    done.append(migration)
        return done

    def down(self, to: int | None = None, *, delete_events: bool = False) -> Sequence[Migration]:
        """Undo all steps after `to`, or the last one; return the steps that were undone.

        Raises EventsWouldBeDeleted, before anything is undone, if the log is not empty and one of
        the steps drops it, unless `delete_events`.
        """
        given = self._known_number(to, default=-1)
        with self._locked() as connection:
            applied = self._checked(connection)
            newest = max(applied, default=0)
            first = max(newest - 1, 0) if to is None else given
            steps = [
                m for m in reversed(self._migrations) if first < m.number and m.number in applied
            ]
            if not delete_events and any(step.drops_log for step in steps):
                _refuse_if_events(connection)
            for step in steps:
                _patiently(partial(_undo, connection, step, delete_events=delete_events))
                self._progress("down", step)
            if first == 0:
                _drop_bookkeeping(connection)
        return steps

    def status(self) -> Sequence[MigrationStatus]:
        """Return how every step stands, those that this program does not know included."""
        with _connect(self._database_url) as connection:
            applied = _read_applied(connection)
        known = [
            _status_of(migration, applied.get(migration.number)) for migration in self._migrations
        ]
        newer = [
            MigrationStatus(row.number, row.name, "unknown", row.applied_at)
            for row in applied.values()
            if row.number > len(self._migrations)
        ]
        return known + newer

    def _known_number(self, to: int | None, *, default: int) -> int:
        if to is None:
            return default
        if not 0 <= to <= len(self._migrations):
            raise NoSuchMigration(
                f"there is no migration {to}; they go from 0 to {len(self._migrations)}"
            )
        return to

    @contextmanager
    def _locked(self) -> Iterator[Connection]:
        with _connect(self._database_url) as connection:
            try:
                connection.execute(_set("lock_timeout", f"{_LOCK_WAIT_SECONDS}s", local=False))
                connection.execute("SELECT pg_advisory_lock(%s)", [advisory_locks.MIGRATIONS])
            except psycopg.errors.LockNotAvailable as error:
                raise MigrationBusy from error
            yield connection

    def _checked(self, connection: Connection) -> dict[int, _Applied]:
        applied = _read_applied(connection)
        for row in applied.values():
            if row.number > len(self._migrations):
                raise MigrationUnknown(
                    f"the database has migration {row.number:04d}_{row.name}, which this docledger "
                    "does not know; use the newer docledger that applied it"
                )
            migration = self._migrations[row.number - 1]
            if migration.checksum != row.checksum:
                raise MigrationChanged(
                    f"migration {migration} was changed after it had been applied; put its file "
                    "back as it was and write the change as a new migration"
                )
        return applied


@contextmanager
def _connect(database_url: str) -> Iterator[Connection]:
    try:
        connection = connections.connect(
            conninfo(database_url, "docledger migrate"), {"search_path": "public"}, autocommit=True
        )
    except psycopg.OperationalError as error:
        raise DatabaseUnreachable(
            f"the database cannot be reached: {cause(error)}; see that it runs, and that "
            "DOCLEDGER_DATABASE_URL names it"
        ) from error
    with connection:
        yield connection


def _set(name: LiteralString, value: str, *, local: bool) -> sql.Composed:
    scope = sql.SQL("LOCAL") if local else sql.SQL("SESSION")
    return sql.SQL("SET {} {} = {}").format(scope, sql.SQL(name), sql.Literal(value))


def _create_bookkeeping(connection: Connection) -> None:
    connection.execute(
        """
        CREATE TABLE IF NOT EXISTS public.docledger_migrations (
            number int PRIMARY KEY,
            name text NOT NULL,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now(),
            moved_aside text[] NOT NULL
        )
        """
    )


def _drop_bookkeeping(connection: Connection) -> None:
    connection.execute("DROP TABLE IF EXISTS public.docledger_migrations")


def _read_applied(connection: Connection) -> dict[int, _Applied]:
    if not _one(connection, "SELECT to_regclass('public.docledger_migrations') IS NOT NULL"):
        return {}
    rows = connection.execute(
        "SELECT number, name, checksum, applied_at FROM public.docledger_migrations ORDER BY number"
    )
    return {row[0]: _Applied(*row) for row in rows}


def _one(connection: Connection, query: LiteralString, *values: object) -> Any:
    row = connection.execute(query, values).fetchone()
    return None if row is None else row[0]


def _status_of(migration: Migration, applied: _Applied | None) -> MigrationStatus:
    if applied is None:
        return MigrationStatus(migration.number, migration.name, "pending", None)
    state: State = "applied" if applied.checksum == migration.checksum else "changed"
    return MigrationStatus(migration.number, migration.name, state, applied.applied_at)


def _patiently(step: Callable[[], None]) -> None:
    """Run the step; let go and try again while it cannot have a lock that it needs.

    A step that waited for long would make everybody wait who comes after it.
    """
    for left in reversed(range(_STEP_TRIES)):
        try:
            step()
            return
        except psycopg.errors.LockNotAvailable as error:
            if not left:
                raise MigrationBusy(
                    "a table is in use by a long transaction of another program; end that, "
                    f"then migrate again ({_first_line(error)})"
                ) from error
            time.sleep(1)


@contextmanager
def _step(connection: Connection, migration: Migration, direction: Direction) -> Iterator[None]:
    try:
        with connection.transaction():
            connection.execute(_set("lock_timeout", f"{_STEP_LOCK_WAIT_SECONDS}s", local=True))
            yield
    except psycopg.errors.LockNotAvailable:
        raise
    except psycopg.Error as error:
        hint = f" {error.diag.message_hint}" if error.diag.message_hint else ""
        raise MigrationError(
            f"migration {migration} {direction} failed and was rolled back: "
            f"{_first_line(error)}.{hint}"
        ) from error


def _apply(connection: Connection, migration: Migration) -> None:
    with _step(connection, migration, "up"):
        moved = _move_aside(connection, migration.creates)
        connection.execute(migration.up_sql.encode())
        connection.execute(
            "INSERT INTO public.docledger_migrations (number, name, checksum, moved_aside)"
            " VALUES (%s, %s, %s, %s)",
            [migration.number, migration.name, migration.checksum, moved],
        )


def _undo(connection: Connection, migration: Migration, *, delete_events: bool) -> None:
    with _step(connection, migration, "down"):
        if migration.drops_log and not delete_events:
            _refuse_if_events(connection, lock=True)
        flag = "on" if delete_events else "off"
        connection.execute("SELECT set_config('docledger.delete_events', %s, true)", [flag])
        connection.execute(migration.down_sql.encode())
        moved = _one(
            connection,
            "DELETE FROM public.docledger_migrations WHERE number = %s RETURNING moved_aside",
            migration.number,
        )
        _put_back(connection, moved)


def _refuse_if_events(connection: Connection, *, lock: bool = False) -> None:
    if not _one(connection, "SELECT to_regclass('public.docledger_events') IS NOT NULL"):
        return
    if lock:  # nobody may append between this look and the drop
        connection.execute("LOCK TABLE public.docledger_events IN ACCESS EXCLUSIVE MODE")
    if _one(connection, "SELECT EXISTS (SELECT FROM public.docledger_events)"):
        raise EventsWouldBeDeleted(
            "the log holds events, and this would delete them for ever; keep that step, or say "
            "--delete-events if they may go"
        )


def _move_aside(connection: Connection, names: Sequence[str]) -> list[str]:
    """Move relations of these names out of the way; return those that were there."""
    moved = [
        name
        for name in names
        if _one(connection, "SELECT to_regclass(%s) IS NOT NULL", f"public.{name}")
    ]
    if moved and not _one(connection, "SELECT to_regnamespace(%s) IS NOT NULL", LEGACY_SCHEMA):
        connection.execute(
            sql.SQL("CREATE SCHEMA {0}; COMMENT ON SCHEMA {0} IS {1}").format(
                sql.Identifier(LEGACY_SCHEMA), sql.Literal(_MADE_BY_US)
            )
        )
    for name in moved:
        _set_schema(connection, "public", name, LEGACY_SCHEMA)
    return moved


def _put_back(connection: Connection, names: Sequence[str]) -> None:
    for name in names:
        _set_schema(connection, LEGACY_SCHEMA, name, "public")
    if names and _one(
        connection,
        """
        SELECT obj_description(n.oid, 'pg_namespace') = %s
            AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid)
        FROM pg_namespace n WHERE nspname = %s
        """,
        _MADE_BY_US,
        LEGACY_SCHEMA,
    ):
        connection.execute(sql.SQL("DROP SCHEMA {}").format(sql.Identifier(LEGACY_SCHEMA)))


def _set_schema(connection: Connection, schema: str, name: str, target: str) -> None:
    connection.execute(
        sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(
            sql.Identifier(schema, name), sql.Identifier(target)
        )
    )


def _first_line(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).strip().splitlines()[0]
