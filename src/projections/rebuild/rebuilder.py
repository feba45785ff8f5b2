"""Builds the read models again beside the live ones, and swaps them in.

The log only grows, and its positions are committed in order: what is read up to a position is
the same whenever that is. So the new tables are made up to a position, while all else continues;
then they follow the log; and at last, with the tracking row locked so that no projector moves the
live tables, they are brought to exactly one position and take their place.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.rows import tuple_row

from domain.errors import InvalidValue
from postgres.lock_retry import LockedByOthers, with_lock_retry
from postgres.tracking import READ_MODELS, move_position, read_position
from projections.errors import RebuildRefused
from projections.log_reader import LogReader
from projections.rebuild.catch_up import CatchUp
from projections.rebuild.differences import RowDifference, differences
from projections.rebuild.log import ShardedLog
from projections.rebuild.progress import Progress
from projections.rebuild.session import Built, RebuildSession, open_session
from projections.rebuild.shadow import TABLES, literal, make_schema, quoted, run, wake
from projections.rebuild.statements import LOCK_ALL_POSITIONS, NAMESPACE
from projections.rebuild.swap import Swap, plan_swap
from projections.rebuild.worker import Connect
from projections.statements import NOTIFY, READ_MODELS_CHANNEL
from projections.tables import DOCUMENT_TABLES
from projections.version import mark_applied

_TRACKING_WAIT_MS = 2000
_PAUSE_SECONDS = 0.2
_KEPT_SCHEMAS = ("public", "information_schema", "docledger_", "pg_")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild made: tables that show the log up to `position`."""

    position: int
    events: int
    documents: int
    seconds: float
    tables: tuple[str, ...]


class Rebuilder:
    """Rebuilds the tables of one database; one at a time may, and no check during it.

    `connect` opens a connection and can be pickled. `on_progress` is given the progress about twice
    a second, and `on_phase` the name of each moment at which others may come between.
    `lock_seconds` is how long to wait for another rebuild or a check to end.
    """

    def __init__(
        self,
        connect: Connect,
        log: LogReader,
        shards: ShardedLog,
        *,
        workers: int | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_phase: Callable[[str], None] = lambda _: None,
        lock_seconds: float = 0.0,
    ) -> None:
        self._lock_seconds = lock_seconds
        self._connect = connect
        self._log = log
        self._shards = shards
        self._workers = workers or os.cpu_count() or 1
        self._on_progress = on_progress
        self._clock = clock
        self._on_phase = on_phase

    def rebuild(self, table: str | None = None, rebuild_id: str | None = None) -> Rebuilt:
        """Rebuild all tables, or this one, and swap them in.

        Raises InvalidValue for a table that is none, RebuildRunning, RebuildRefused, OtherVersion
        or RebuildFailed; then the live tables are as they were.
        """
        names = _names(table)
        with self._session(names, rebuild_id) as session:
            follows_log = table is None
            live = session.read_live(names, whole=follows_log)
            tracked = read_position(session.connection, READ_MODELS)
            until = max(tracked, self._log.last_position()) if follows_log else tracked
            built = session.build(live, until, stay_parked=not follows_log)
            self._on_phase("built")
            position = self._swap(session, built, follows_log=follows_log)
            self._on_phase("swapped")
            session.clean_up(position)
            return _rebuilt(session, names, position)

    def dry_run(self, found: Callable[[RowDifference], None], table: str | None = None) -> Rebuilt:
        """Give `found` every row that a rebuild would change, and change none."""
        names = _names(table)
        with self._session(names, None) as session:
            live = session.read_live(names, whole=table is None)
            until = read_position(session.connection, READ_MODELS)
            built = session.build(live, until, stay_parked=table is not None)
            position = self._compare(session, built, found)
            session.clean_up(position)
            return _rebuilt(session, names, position)

    def materialise(self, until: int, schema: str) -> Rebuilt:
        """Make the three tables as of a position in a new schema, for analysis.

        Documents that are gone by now are there if they were then. Raises RebuildRefused for a
        schema that exists and InvalidValue for a position that the log has not reached.
        """
        names = tuple(it.name for it in DOCUMENT_TABLES)
        with self._session(names, None) as session:
            self._check_schema(session.connection, until, schema)
            live = session.read_live(names, whole=True)
            built = session.build(live, until, stay_parked=False, with_foreign_keys=False)
            with session.connection.transaction():
                make_schema(session.connection, schema)
                about = f"docledger: the read models as of position {until} of the log"
                run(session.connection, f"COMMENT ON SCHEMA {quoted(schema)} IS {literal(about)}")
                for name in names:
                    move = f"ALTER TABLE {quoted(built.schema, name)} SET SCHEMA {quoted(schema)}"
                    run(session.connection, move)
                    run(session.connection, wake(schema, built.live[name]))
            session.clean_up(until)
            return _rebuilt(session, names, until)

    def _session(
        self, names: tuple[str, ...], rebuild_id: str | None
    ) -> AbstractContextManager[RebuildSession]:
        return open_session(
            self._connect,
            self._log,
            self._shards,
            names,
            rebuild_id=rebuild_id,
            workers=self._workers,
            on_progress=self._on_progress,
            at=self._clock(),
            lock_seconds=self._lock_seconds,
        )

    def _swap(self, session: RebuildSession, built: Built, *, follows_log: bool) -> int:
        """Swap as soon as no transaction is in the way; return the position of the tables."""
        connection, catch_up = session.connection, built.catch_up
        swap = plan_swap(connection, built.live, built.schema)

        def keep_up() -> None:
            tracked = read_position(connection, READ_MODELS)
            catch_up.to(max(tracked, self._log.last_position()) if follows_log else tracked)
            session.reporter.tell(position=catch_up.position)

        def attempt() -> int:
            return self._attempt(connection, swap, catch_up, follows_log=follows_log)

        session.reporter.phase("catching_up")
        keep_up()
        self._on_phase("caught up")
        session.reporter.phase("swapping")
        on_blocked = session.reporter.waiting
        return with_lock_retry(connection, swap.relations, attempt, on_blocked, keep_up)

    def _attempt(
        self, connection: Connection, swap: Swap, catch_up: CatchUp, *, follows_log: bool
    ) -> int:
        """Swap in the caller's transaction; what is in the way raises."""
        tracked = _lock_tracking(connection)
        until = max(tracked, self._log.last_position()) if follows_log else tracked
        with catch_up.whole(until):
            # From here on events go into the new tables, by the next projector.
            self._on_phase("about to swap")
            run(connection, "SET LOCAL synchronous_commit = on")
            swap.lock(connection)
            swap.change(connection)
            if follows_log:
                move_position(connection, READ_MODELS, until, self._clock())
                mark_applied(connection)
            connection.execute(NOTIFY, (READ_MODELS_CHANNEL, str(until)))
        return until

    def _compare(
        self, session: RebuildSession, built: Built, found: Callable[[RowDifference], None]
    ) -> int:
        """Compare in one snapshot, in which the live tables are at exactly one position."""
        connection = session.connection
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        while True:
            try:
                with connection.transaction():
                    position = read_position(connection, READ_MODELS)
                    with built.catch_up.whole(position):
                        for difference in differences(connection, built.schema, built.made):
                            found(difference)
            except (LockedByOthers, psycopg.errors.SerializationFailure):
                session.reporter.waiting("transactions that delete documents")
                time.sleep(_PAUSE_SECONDS)
                continue
            connection.isolation_level = None
            return position

    def _check_schema(self, connection: Connection, until: int, schema: str) -> None:
        last = self._log.last_position()
        if not 0 < until <= last:
            raise InvalidValue(
                f"The log has positions from 1 to {last}; {until} is none.", field="until"
            )
        if schema.startswith(_KEPT_SCHEMAS):
            raise RebuildRefused(f"The schema {schema} has another use; name one of your own.")
        row = connection.execute(NAMESPACE, (quoted(schema),)).fetchone()
        if row and row[0] is not None:
            raise RebuildRefused(
                f"There is a schema {schema} already; drop it (DROP SCHEMA {quoted(schema)} "
                "CASCADE) or name another."
            )


def _names(table: str | None) -> tuple[str, ...]:
    if table is None:
        return tuple(TABLES)
    if table not in TABLES:
        raise InvalidValue(
            f"'{table}' is no table of the read models; they are {', '.join(TABLES)}.",
            field="table",
        )
    return (table,)


def _rebuilt(session: RebuildSession, names: tuple[str, ...], position: int) -> Rebuilt:
    progress = session.reporter.progress
    return Rebuilt(position, progress.events_done, progress.documents, progress.seconds, names)


def _lock_tracking(connection: Connection) -> int:
    """Keep every consumer of the log and of these tables still; return the tables' position.

    Readers do not wait for that, so that it may take its time.
    """
    run(connection, f"SET LOCAL lock_timeout = {_TRACKING_WAIT_MS}")
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(LOCK_ALL_POSITIONS)
        positions: dict[str, int] = dict(cursor.fetchall())
        return positions[READ_MODELS]
