"""Makes the new tables whole once their rows are in: indexes, keys, foreign keys, statistics."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
from psycopg import Connection

from postgres.lock_retry import with_lock_retry
from projections.rebuild.catalog import Constraint, Index, Layout
from projections.rebuild.shadow import (
    LIVE,
    comment_on_constraint,
    finish_index,
    make_index,
    quoted,
    run,
)
from projections.rebuild.statements import DELETE_ORPHANS
from projections.rebuild.worker import Connect, prepare

_NOT_VALID = " NOT VALID"
OnBlocked = Callable[[str | None], None]


def finish_tables(
    connect: Connect,
    schema: str,
    made: Mapping[str, Layout],
    foreign_keys: Mapping[str, Sequence[Constraint]],
    workers: int,
    on_blocked: OnBlocked,
) -> None:
    """Build every index of the tables, then their keys and foreign keys, on several connections."""
    indexes = [(name, index) for name, layout in made.items() for index in layout.indexes]
    indexes.sort(key=lambda item: item[1].columns, reverse=True)
    _in_parallel(connect, workers, [_index(schema, *item) for item in indexes])
    whole = [
        _whole(schema, layout, foreign_keys.get(name, ()), on_blocked)
        for name, layout in made.items()
    ]
    _in_parallel(connect, workers, whole)


def _in_parallel(
    connect: Connect, workers: int, acts: Iterable[Callable[[Connection], None]]
) -> None:
    def act_alone(act: Callable[[Connection], None]) -> None:
        with contextlib.closing(connect()) as connection:
            prepare(connection)
            act(connection)

    with ThreadPoolExecutor(workers, thread_name_prefix="rebuild") as pool:
        list(pool.map(act_alone, acts))


def _index(schema: str, table: str, index: Index) -> Callable[[Connection], None]:
    return lambda connection: make_index(connection, schema, table, index)


def _whole(
    schema: str, layout: Layout, foreign_keys: Sequence[Constraint], on_blocked: OnBlocked
) -> Callable[[Connection], None]:
    name = layout.relation.name

    def act(connection: Connection) -> None:
        for index in layout.indexes:
            finish_index(connection, schema, name, index)
        for foreign_key in foreign_keys:
            _refer(connection, schema, name, foreign_key, on_blocked)
        run(connection, f"ANALYZE {quoted(schema, name)}")

    return act


def _refer(
    connection: Connection, schema: str, name: str, foreign_key: Constraint, on_blocked: OnBlocked
) -> None:
    """Add the foreign key; rows of documents that are gone go too.

    From then on, also while it is not validated, deleting a document deletes these rows.
    """
    table, name_of = quoted(schema, name), quoted(foreign_key.name)
    definition = foreign_key.definition
    is_unchecked = definition.endswith(_NOT_VALID)
    unchecked = definition if is_unchecked else definition + _NOT_VALID
    execute = partial(_execute, connection, on_blocked)
    execute(f"ALTER TABLE {table} ADD CONSTRAINT {name_of} {unchecked}")
    drop_orphans = DELETE_ORPHANS.format(table=table, column="document_id")
    if is_unchecked:
        execute(drop_orphans)
    else:
        # There are hardly ever any, and looking for them takes as long as the check.
        validate = f"ALTER TABLE {table} VALIDATE CONSTRAINT {name_of}"
        try:
            execute(validate)
        except psycopg.errors.ForeignKeyViolation:
            execute(drop_orphans)
            execute(validate)
    comment_on_constraint(connection, schema, name, foreign_key.name, foreign_key.comment)


def _execute(connection: Connection, on_blocked: OnBlocked, statement: str) -> None:
    with_lock_retry(
        connection,
        [f"{LIVE}.documents"],
        partial(run, connection, statement),
        on_blocked,
        readers_matter=False,
    )
