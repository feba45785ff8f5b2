"""Puts the new tables in the place of the live ones, in one transaction and under all names."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from psycopg import Connection

from postgres.lock_retry import LOCK_TIMEOUT_MS, with_lock_retry
from projections.rebuild.catalog import VIEW, Layout, read_layout
from projections.rebuild.shadow import (
    LIVE,
    REBUILD,
    REPLACED,
    grants,
    literal,
    option,
    quoted,
    run,
    wake,
)
from projections.rebuild.statements import (
    FOREIGN_KEYS_OF_SCHEMA,
    REBUILD_SCHEMAS,
    TABLES_OF_SCHEMA,
)
from projections.tables import STAGES

_READERS_STOPPED_MS = 60


@dataclass(frozen=True, slots=True)
class Swap:
    """What is swapped: the live tables, the schema that has the new ones, and the view."""

    live: Mapping[str, Layout]
    schema: str
    view: Layout | None

    @property
    def relations(self) -> list[str]:
        """The live relations by their qualified names."""
        names = [quoted(LIVE, name) for name in self.live]
        return [quoted(LIVE, VIEW), *names] if self.view else names

    def lock(self, connection: Connection) -> None:
        """Lock every table exclusively; readers wait from here on.

        Raises psycopg.errors.LockNotAvailable or QueryCanceled if a lock is not free.
        """
        # One limit for all of it: each lock would have its own.
        run(connection, f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        run(connection, f"SET LOCAL statement_timeout = {_READERS_STOPPED_MS}")
        shadows = [quoted(self.schema, name) for name in self.live]
        # The view first: a reader of it asks for its table next.
        names = ", ".join([*shadows, *self.relations])
        run(connection, f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        run(connection, "SET LOCAL statement_timeout = 0")

    def change(self, connection: Connection) -> None:
        """Move the live tables away and the new ones in, and create the view again."""
        # In one round trip, since readers wait for all of it; several statements prepare as none.
        connection.execute("; ".join(self._moves()).encode(), prepare=False)
        if self.view:
            _make_view(connection, self.view)

    def _moves(self) -> Iterator[str]:
        if self.view:
            yield f"DROP VIEW {quoted(LIVE, VIEW)}"
        for name, layout in self.live.items():
            yield f"ALTER TABLE {quoted(LIVE, name)} SET SCHEMA {quoted(REPLACED)}"
            yield f"ALTER TABLE {quoted(self.schema, name)} SET SCHEMA {quoted(LIVE)}"
            yield wake(LIVE, layout)
            for publication in layout.publications:
                alter = f"ALTER PUBLICATION {quoted(publication.name)}"
                yield f"{alter} DROP TABLE ONLY {quoted(REPLACED, name)}"
                yield f"{alter} ADD TABLE ONLY {quoted(LIVE, name)}{publication.rest}"


def plan_swap(connection: Connection, live: Mapping[str, Layout], schema: str) -> Swap:
    """Return what is to be swapped for these tables."""
    view = read_layout(connection, LIVE, VIEW) if STAGES.name in live else None
    return Swap(live, schema, view)


def _make_view(connection: Connection, view: Layout) -> None:
    name, relation = quoted(LIVE, VIEW), view.relation
    options = f" WITH ({', '.join(map(option, relation.options))})" if relation.options else ""
    query = f"SELECT * FROM {quoted(LIVE, STAGES.name)}"  # noqa: S608 - names of ours
    run(connection, f"CREATE VIEW {name}{options} AS {query}")
    run(connection, f"ALTER VIEW {name} OWNER TO {quoted(relation.owner)}")
    if relation.comment is not None:
        run(connection, f"COMMENT ON VIEW {name} IS {literal(relation.comment)}")
    for column in view.columns:
        if column.comment is not None:
            run(
                connection,
                f"COMMENT ON COLUMN {name}.{quoted(column.name)} IS {literal(column.comment)}",
            )
    for statement in grants(connection, LIVE, view):
        run(connection, statement)


def drop_all(
    connection: Connection,
    on_blocked: Callable[[str | None], None],
    patience_seconds: float = math.inf,
) -> None:
    """Drop what stands in the schemas of rebuilds; no reader or writer waits for long.

    Dropping a foreign key locks `documents`, which is why that is a step of its own. Raises
    StillLocked once patience is over.
    """
    for schema in _schemas(connection):
        for table, name in _foreign_keys(connection, schema):
            statement = f"ALTER TABLE {table} DROP CONSTRAINT {quoted(name)}"
            _drop(connection, ["public.documents", table], statement, on_blocked, patience_seconds)
        for table in _tables(connection, schema):
            _drop(connection, [table], f"DROP TABLE {table}", on_blocked, patience_seconds)
        run(connection, f"DROP SCHEMA {quoted(schema)}")


def _drop(
    connection: Connection,
    relations: Sequence[str],
    statement: str,
    on_blocked: Callable[[str | None], None],
    patience_seconds: float,
) -> None:
    act = partial(run, connection, statement)
    with_lock_retry(connection, relations, act, on_blocked, patience_seconds=patience_seconds)


def _schemas(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute(REBUILD_SCHEMAS, (REBUILD, REPLACED))]


def _foreign_keys(connection: Connection, schema: str) -> list[tuple[str, str]]:
    return connection.execute(FOREIGN_KEYS_OF_SCHEMA, {"schema": schema}).fetchall()


def _tables(connection: Connection, schema: str) -> list[str]:
    return [row[0] for row in connection.execute(TABLES_OF_SCHEMA, (schema,))]
