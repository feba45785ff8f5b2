"""The tables that a rebuild fills beside the live ones: of the same shape, to the last name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from psycopg import Connection, sql

from projections.errors import RebuildRefused
from projections.rebuild.catalog import Constraint, Index, Layout, read_layout
from projections.rebuild.catalog_statements import RELATION
from projections.table import AnyTable
from projections.tables import FILES, STAGES, STREAMS, WORKFLOWS

LIVE, REPLACED = "public", "docledger_replaced"
"""Schemas: where the tables are, and where old ones wait to be dropped."""

REBUILD = "docledger_rebuild_"
"""How the schema begins in which a rebuild makes its tables.

Each has one of its own: processes of a rebuild that was killed must find nothing to write to.
"""

TABLES: Mapping[str, AnyTable] = {t.name: t for t in (WORKFLOWS, STAGES, FILES, STREAMS)}
"""Every table of the read models by its name."""

_STILL = "autovacuum_enabled"
_MADE_BY_US = "docledger: read models that are being rebuilt; any rebuild clears this"


def quoted(*names: str) -> str:
    """Return names, joined by dots, as they stand in SQL."""
    return sql.Identifier(*names).as_string(None)


def run(connection: Connection, statement: str) -> None:
    """Execute SQL that was put together from names of ours and PostgreSQL's own definitions."""
    connection.execute(statement.encode())


def make_schema(connection: Connection, schema: str) -> None:
    """Make the schema; only its owner may use it."""
    run(connection, f"CREATE SCHEMA {quoted(schema)}")
    run(connection, f"COMMENT ON SCHEMA {quoted(schema)} IS {literal(_MADE_BY_US)}")


def make_tables(
    connection: Connection, schema: str, layouts: Sequence[Layout], changes: Sequence[str]
) -> dict[str, Layout]:
    """Make empty tables like these in `schema`, with `changes`; return what they are to become.

    Indexes are only in the layouts: rows are written faster without. So are foreign keys that a
    change brings; others, which lock what they refer to, are left out.
    """
    for layout in layouts:
        _make_table(connection, schema, layout)
    if not changes:
        return {
            layout.relation.name: replace(_made(connection, schema, layout), indexes=layout.indexes)
            for layout in layouts
        }
    for layout in layouts:
        for index in layout.indexes:  # a change may be about them
            make_index(connection, schema, layout.relation.name, index)
            finish_index(connection, schema, layout.relation.name, index)
    for change in changes:
        with connection.transaction():
            run(connection, f"SET LOCAL search_path = {quoted(schema)}, {LIVE}")
            run(connection, change)
    made = {layout.relation.name: _made(connection, schema, layout) for layout in layouts}
    for layout in made.values():
        _strip(connection, schema, layout)
    return made


def _made(connection: Connection, schema: str, live: Layout) -> Layout:
    name = live.relation.name
    made = read_layout(connection, schema, name)
    if made is None:
        raise RebuildRefused(f"A change of the read models drops {name}, which docledger needs.")
    ours, theirs = set(TABLES[name].columns), {c.name for c in made.columns if not c.is_generated}
    if ours != theirs:
        names = ", ".join(sorted(ours ^ theirs))
        raise RebuildRefused(
            f"This program and the table {name} do not know the same columns: {names}. A rebuild "
            "fills no column that is not made of events; drop it, or keep it in a table of its own."
        )
    return made


def _make_table(connection: Connection, schema: str, layout: Layout) -> None:
    relation = layout.relation
    shadow, live = quoted(schema, relation.name), quoted(LIVE, relation.name)
    unlogged = "UNLOGGED " if relation.persistence == "u" else ""
    kept = [o for o in relation.options if o.partition("=")[0] != _STILL]
    options = ", ".join(option(o) for o in [*kept, f"{_STILL}=false"])
    tablespace = f" TABLESPACE {quoted(relation.tablespace)}" if relation.tablespace else ""
    run(
        connection,
        f"CREATE {unlogged}TABLE {shadow} (LIKE {live} INCLUDING DEFAULTS INCLUDING GENERATED "
        "INCLUDING STORAGE INCLUDING COMPRESSION INCLUDING COMMENTS) "
        f"USING {quoted(relation.access_method)} WITH ({options}){tablespace}",
    )
    run(connection, f"ALTER TABLE {shadow} OWNER TO {quoted(relation.owner)}")
    for constraint in layout.constraints:
        if constraint.type != "f":
            _add_constraint(connection, schema, relation.name, constraint)
    for statement in (*_column_settings(shadow, layout), *grants(connection, schema, layout)):
        run(connection, statement)
    if relation.identity in "fn":
        kind = {"f": "FULL", "n": "NOTHING"}[relation.identity]
        run(connection, f"ALTER TABLE {shadow} REPLICA IDENTITY {kind}")
    if relation.comment is not None:
        run(connection, f"COMMENT ON TABLE {shadow} IS {literal(relation.comment)}")


def _add_constraint(connection: Connection, schema: str, name: str, constraint: Constraint) -> None:
    """Add a check; a NOT NULL is there already and may only have a comment."""
    if constraint.type == "c":
        run(
            connection,
            f"ALTER TABLE {quoted(schema, name)} ADD CONSTRAINT {quoted(constraint.name)} "
            f"{constraint.definition}",
        )
    comment_on_constraint(connection, schema, name, constraint.name, constraint.comment)


def comment_on_constraint(
    connection: Connection, schema: str, table: str, name: str, comment: str | None
) -> None:
    """Give the constraint this comment if it has one."""
    if comment is not None:
        run(
            connection,
            f"COMMENT ON CONSTRAINT {quoted(name)} ON {quoted(schema, table)} "
            f"IS {literal(comment)}",
        )


def _column_settings(table: str, layout: Layout) -> Iterator[str]:
    for column in layout.columns:
        alter = f"ALTER TABLE {table} ALTER COLUMN {quoted(column.name)}"
        if column.statistics is not None:
            yield f"{alter} SET STATISTICS {column.statistics}"
        if column.options:
            yield f"{alter} SET ({', '.join(option(o) for o in column.options)})"


def grants(connection: Connection, schema: str, layout: Layout) -> Iterator[str]:
    """Yield what gives the new relation of this name in `schema` the grants of the layout.

    Default privileges may have given it others when it was made.
    """
    name = quoted(schema, layout.relation.name)
    made = read_layout(connection, schema, layout.relation.name)
    if made is not None and (made.relation.has_grants or layout.relation.has_grants):
        for grantee in {g.partition(" TO ")[2] for g in made.relation.grants}:
            yield f"REVOKE ALL ON {name} FROM {grantee.removesuffix(' WITH GRANT OPTION')}"
        if layout.relation.has_grants:
            yield f"REVOKE ALL ON {name} FROM {quoted(layout.relation.owner)}"
        else:
            yield f"GRANT ALL ON {name} TO {quoted(layout.relation.owner)}"
    for grant in [*layout.relation.grants, *(g for c in layout.columns for g in c.grants)]:
        yield f"GRANT {grant.replace(RELATION, name)}"


def _strip(connection: Connection, schema: str, layout: Layout) -> None:
    table = quoted(schema, layout.relation.name)
    drops = [f"DROP CONSTRAINT {quoted(c.name)}" for c in layout.foreign_keys]
    drops += [f"DROP CONSTRAINT {quoted(i.constraint)}" for i in layout.indexes if i.constraint]
    if drops:
        run(connection, f"ALTER TABLE {table} {', '.join(drops)}")
    for index in layout.indexes:
        if not index.constraint:
            run(connection, f"DROP INDEX {quoted(schema, index.name)}")


def make_index(connection: Connection, schema: str, table: str, index: Index) -> None:
    """Make an index of the new table."""
    unique = "UNIQUE " if index.is_unique else ""
    on = f"{quoted(index.name)} ON {quoted(schema, table)}"
    run(connection, f"SET default_tablespace = {literal(index.tablespace)}")
    run(connection, f"CREATE {unique}INDEX {on} {index.method}")
    run(connection, "RESET default_tablespace")
    if index.comment is not None:
        name = quoted(schema, index.name)
        run(connection, f"COMMENT ON INDEX {name} IS {literal(index.comment)}")


def finish_index(connection: Connection, schema: str, table: str, index: Index) -> None:
    """Make the index what it is beside an index: a constraint's, the identity, the order."""
    alter = f"ALTER TABLE {quoted(schema, table)}"
    if index.constraint is not None:
        kind = {"p": "PRIMARY KEY", "u": "UNIQUE"}[index.constraint_type or "u"]
        run(
            connection,
            f"{alter} ADD CONSTRAINT {quoted(index.constraint)} {kind} "
            f"USING INDEX {quoted(index.name)}{index.constraint_rest}",
        )
        comment_on_constraint(connection, schema, table, index.constraint, index.constraint_comment)
    if index.is_identity:
        run(connection, f"{alter} REPLICA IDENTITY USING INDEX {quoted(index.name)}")
    if index.is_clustered:
        run(connection, f"{alter} CLUSTER ON {quoted(index.name)}")


def wake(schema: str, layout: Layout) -> str:
    """Return what lets autovacuum look after the table as after the live one."""
    table = quoted(schema, layout.relation.name)
    given = [o for o in layout.relation.options if o.partition("=")[0] == _STILL]
    changed = f"SET ({option(given[0])})" if given else f"RESET ({_STILL})"
    return f"ALTER TABLE {table} {changed}"


def option(text: str) -> str:
    """Return a storage option of the catalog as it stands in SQL."""
    name, _, value = text.partition("=")
    return f"{name} = {literal(value)}"


def literal(text: str) -> str:
    """Return the text as it stands in SQL."""
    return sql.Literal(text).as_string(None)
