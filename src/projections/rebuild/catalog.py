"""What PostgreSQL knows of a table: everything that has to be the same after a rebuild."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from domain.json_types import JsonObject
from projections.rebuild.catalog_statements import (
    COLUMNS,
    CONSTRAINTS,
    DEPENDENTS,
    INDEXES,
    PUBLICATIONS,
    TABLE,
)

VIEW = "document_processing_stages"
"""The compatibility view, which shows all of `documents_processing_stages`."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column and what neither LIKE nor a default carries over."""

    name: str
    type_oid: int
    is_generated: bool
    statistics: int | None
    options: list[str] | None
    comment: str | None
    grants: list[str]


@dataclass(frozen=True, slots=True)
class Index:
    """An index, and the constraint that it carries if it does: 'p' or 'u'.

    `method` is the definition from USING on.
    """

    name: str
    is_unique: bool
    method: str
    comment: str | None
    tablespace: str
    constraint: str | None
    constraint_type: str | None
    constraint_rest: str
    constraint_comment: str | None
    is_clustered: bool
    is_identity: bool
    columns: int


@dataclass(frozen=True, slots=True)
class Constraint:
    """A check ('c'), a foreign key ('f') or, from PostgreSQL 18 on, a named NOT NULL ('n')."""

    name: str
    type: str
    definition: str
    comment: str | None


@dataclass(frozen=True, slots=True)
class Publication:
    """What a publication says of the table, after its name."""

    name: str
    rest: str


@dataclass(frozen=True, slots=True)
class Relation:
    """The table or view itself."""

    oid: int
    name: str
    owner: str
    persistence: str
    identity: str
    access_method: str
    tablespace: str
    options: list[str]
    comment: str | None
    has_grants: bool
    grants: list[str]


@dataclass(frozen=True, slots=True)
class Layout:
    """All of it."""

    relation: Relation
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]
    constraints: tuple[Constraint, ...]
    publications: tuple[Publication, ...]

    @property
    def foreign_keys(self) -> tuple[Constraint, ...]:
        """The foreign keys."""
        return tuple(c for c in self.constraints if c.type == "f")


def read_layout(connection: Connection, schema: str, table: str) -> Layout | None:
    """Return what is known of the table, None if there is none; names in it are qualified."""
    before = _one(connection, "SELECT current_setting('search_path')")
    # names that are not on the path come with their schema
    connection.execute("SET search_path = pg_catalog")
    try:
        found = _rows(connection, Relation, TABLE, {"table": f'"{schema}"."{table}"'})
        if not found:
            return None
        oid = {"oid": found[0].oid}
        return Layout(
            found[0],
            tuple(_rows(connection, Column, COLUMNS, oid)),
            tuple(_rows(connection, Index, INDEXES, oid)),
            tuple(_rows(connection, Constraint, CONSTRAINTS, oid)),
            tuple(_rows(connection, Publication, PUBLICATIONS, oid)),
        )
    finally:
        _one(connection, "SELECT set_config('search_path', %s, false)", before)


def _one(connection: Connection, query: LiteralString, *values: object) -> Any:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return (cursor.execute(query, values).fetchone() or (None,))[0]


def _rows(connection: Connection, row_type: type[Any], query: str, values: JsonObject) -> list[Any]:
    with connection.cursor(row_factory=class_row(row_type)) as cursor:
        return cursor.execute(query.encode(), values).fetchall()


def unknown_dependents(connection: Connection, oids: Sequence[int]) -> list[str]:
    """Name what depends on these tables and views that a swap would not carry over."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(DEPENDENTS, {"oids": list(oids)})
        return [row[0] for row in cursor]
