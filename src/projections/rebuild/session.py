"""One rebuild, from taking its lock to cleaning up, also when it fails."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import Connection

from domain.errors import DocledgerError
from postgres.lock_retry import StillLocked
from postgres.tracking import READ_MODELS, ensure_tracked
from projections.errors import RebuildRefused
from projections.log_reader import LogReader
from projections.rebuild.catalog import VIEW, Layout, read_layout, unknown_dependents
from projections.rebuild.catch_up import CatchUp
from projections.rebuild.filler import Filler
from projections.rebuild.indexes import finish_tables
from projections.rebuild.log import ShardedLog
from projections.rebuild.pool import fill_in_parallel, processes
from projections.rebuild.progress import Progress, Reporter
from projections.rebuild.rows import Folds, read_parked
from projections.rebuild.shadow import LIVE, REBUILD, REPLACED, make_schema, make_tables
from projections.rebuild.statements import END_LEFTOVERS
from projections.rebuild.swap import drop_all
from projections.rebuild.worker import APPLICATION_NAME, Connect, ShardFilled, Work, prepare
from projections.rebuild_lock import rebuild_lock
from projections.tables import STAGES
from projections.version import Versions, read_versions

EVENTS_A_SHARD = 10_000

_COORDINATOR = "docledger rebuild"
_CLEARING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Live:
    """The live tables, and the changes that lead to the new ones."""

    layouts: Mapping[str, Layout]
    changes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Built:
    """New tables, complete as of a position, and what brings them further."""

    live: Mapping[str, Layout]
    made: Mapping[str, Layout]
    schema: str
    catch_up: CatchUp


@dataclass(frozen=True)
class RebuildSession:
    """A rebuild that has the lock; nothing of an earlier one is left."""

    connection: Connection
    reporter: Reporter
    connect: Connect
    log: LogReader
    shards: ShardedLog
    schema: str
    workers: int
    at: datetime

    def read_live(self, names: Sequence[str], *, whole: bool) -> Live:
        """Return the live tables; raises RebuildRefused for what a rebuild would lose."""
        versions = read_versions(self.connection)
        if versions.changes and not whole:
            raise RebuildRefused(_needs_all(versions))
        found = {name: read_layout(self.connection, LIVE, name) for name in names}
        layouts = {name: layout for name, layout in found.items() if layout is not None}
        if missing := [name for name in names if name not in layouts]:
            raise RebuildRefused(f"There is no table {missing[0]}; run 'docledger migrate up'.")
        self._refuse_dependents(layouts)
        ensure_tracked(self.connection, READ_MODELS)
        return Live(layouts, versions.changes)

    def build(
        self, live: Live, until: int, *, stay_parked: bool, with_foreign_keys: bool = True
    ) -> Built:
        """Make and fill the new tables, indexes and keys too, up to position `until`."""
        useful = max(1, min(self.workers, round(until / EVENTS_A_SHARD)))
        # They take a while to start, in which the log is counted and the tables are made.
        with processes(self.shards, useful) as pipes:
            total = self.shards.count(until)
            shards = self.shards.shards(total, EVENTS_A_SHARD)
            layouts = list(live.layouts.values())
            made = make_tables(self.connection, self.schema, layouts, live.changes)
            folds = Folds(self.at, read_parked(self.connection), stay_parked=stay_parked)
            task = Work(self.connect, self.shards, self.schema, made, until, folds)
            self.reporter.phase("folding", events_total=total, position=until)
            fill_in_parallel(pipes, task, shards, self._done, self.reporter.tell)
        self.reporter.phase("indexing")
        keys = {name: [*live.layouts[name].foreign_keys, *made[name].foreign_keys] for name in made}
        finish_tables(
            self.connect,
            self.schema,
            made,
            keys if with_foreign_keys else {},
            self.workers,
            self.reporter.waiting,
        )
        filler = Filler(self.connection, self.shards, self.schema, made, folds, until)
        catch_up = CatchUp(self.connection, self.log, filler, self.schema, made)
        return Built(live.layouts, made, self.schema, catch_up)

    def clean_up(self, position: int) -> None:
        """Drop what was replaced and report the end.

        Old tables that are in use for long are left for the next rebuild to drop.
        """
        self.reporter.phase("cleaning_up", position=position)
        with contextlib.suppress(StillLocked):
            self.drop_all()
        self.reporter.phase("done")

    def drop_all(self) -> None:
        """Drop what stands in the schemas of rebuilds."""
        drop_all(self.connection, self.reporter.waiting, _CLEARING_SECONDS)

    def _done(self, answer: ShardFilled) -> None:
        self.reporter.folded(answer.events, answer.documents)

    def _refuse_dependents(self, layouts: Mapping[str, Layout]) -> None:
        oids = [layout.relation.oid for layout in layouts.values()]
        if STAGES.name in layouts and (view := read_layout(self.connection, LIVE, VIEW)):
            oids.append(view.relation.oid)
        if unknown := unknown_dependents(self.connection, oids):
            raise RebuildRefused(
                f"A rebuild would lose what depends on the read models: {', '.join(unknown)}. "
                "Drop it, rebuild, and make it again."
            )


@contextlib.contextmanager
def open_session(
    connect: Connect,
    log: LogReader,
    shards: ShardedLog,
    tables: Sequence[str],
    *,
    rebuild_id: str | None,
    workers: int,
    on_progress: Callable[[Progress], None],
    at: datetime,
    lock_seconds: float = 0.0,
) -> Iterator[RebuildSession]:
    """Take the lock, drop what a killed rebuild has left and begin; raises RebuildRunning.

    `lock_seconds` is how long to wait for the lock.
    """
    with contextlib.closing(connect()) as connection, contextlib.closing(connect()) as reporting:
        prepare(connection, _COORDINATOR)
        reporting.autocommit = True
        reporting.execute("SET search_path = public")
        with rebuild_lock(connection, exclusive=True, wait_seconds=lock_seconds):
            reporter = Reporter(reporting, rebuild_id or str(uuid.uuid4()), tables, on_progress)
            schema = REBUILD + uuid.uuid4().hex[:12]
            session = RebuildSession(
                connection, reporter, connect, log, shards, schema, workers, at
            )
            try:
                connection.execute(END_LEFTOVERS, (APPLICATION_NAME,))
                drop_all(connection, reporter.waiting)
                for name in (schema, REPLACED):
                    make_schema(connection, name)
                yield session
            except BaseException as error:
                with contextlib.suppress(psycopg.Error):
                    reporter.phase("failed", error=reason_of(error))
                with contextlib.suppress(psycopg.Error, StillLocked):
                    session.drop_all()
                raise


def _needs_all(versions: Versions) -> str:
    return (
        f"The tables change to version {versions.program}, which takes all of them at once; "
        "rebuild without naming one."
    )


def reason_of(error: BaseException) -> str:
    """Say what went wrong without quoting rows."""
    if isinstance(error, DocledgerError):
        return str(error)
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return f"{type(error).__name__} ({error.sqlstate})"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__
