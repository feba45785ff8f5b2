"""What PostgreSQL knows of a table: everything that has to be the same after a rebuild."""

# Only names of PostgreSQL's own catalogs are put together here.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

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


RELATION = "$relation"
"""Stands in grants for the name of the table."""

_GRANTEE = "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END"
_OPTION = "CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"
_RELATION = f"""
    SELECT c.oid::int8, c.relname AS name, pg_get_userbyid(c.relowner) AS owner,
        c.relpersistence::text AS persistence, c.relreplident::text AS identity,
        coalesce((SELECT amname FROM pg_am m WHERE m.oid = c.relam), '') AS access_method,
        coalesce((SELECT spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace), '')
            AS tablespace,
        coalesce(c.reloptions, '{{}}') || coalesce(
            (SELECT array_agg('toast.' || o) FROM pg_class t, unnest(t.reloptions) o
             WHERE t.oid = c.reltoastrelid), '{{}}') AS options,
        obj_description(c.oid, 'pg_class') AS comment,
        c.relacl IS NOT NULL AS has_grants,
        ARRAY(SELECT a.privilege_type || ' ON {RELATION} TO ' || {_GRANTEE} || {_OPTION}
            FROM aclexplode(c.relacl) WITH ORDINALITY a (grantor, grantee, privilege_type,
                is_grantable, n) ORDER BY n) AS grants
    FROM pg_class c WHERE c.oid = to_regclass(%(table)s)
"""
_COLUMNS = f"""
    SELECT t.attname AS name, t.atttypid::int8 AS type_oid,
        t.attgenerated <> '' AS is_generated,
        nullif(t.attstattarget, -1) AS statistics, t.attoptions AS options,
        col_description(t.attrelid, t.attnum) AS comment,
        ARRAY(SELECT a.privilege_type || ' (' || quote_ident(t.attname) || ') ON {RELATION} TO '
                || {_GRANTEE} || {_OPTION}
            FROM aclexplode(t.attacl) WITH ORDINALITY a (grantor, grantee, privilege_type,
                is_grantable, n) ORDER BY n) AS grants
    FROM pg_attribute t
    WHERE t.attrelid = %(oid)s AND t.attnum > 0 AND NOT t.attisdropped ORDER BY t.attnum
"""
_INDEXES = """
    SELECT i.relname AS name, x.indisunique AS is_unique,
        substring(pg_get_indexdef(x.indexrelid) FROM ' (USING .*)$') AS method,
        obj_description(i.oid, 'pg_class') AS comment,
        coalesce((SELECT spcname FROM pg_tablespace s WHERE s.oid = i.reltablespace), '')
            AS tablespace,
        c.conname AS constraint, c.contype::text AS constraint_type,
        CASE WHEN c.condeferrable THEN ' DEFERRABLE' ELSE '' END
            || CASE WHEN c.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END AS constraint_rest,
        obj_description(c.oid, 'pg_constraint') AS constraint_comment,
        x.indisclustered AS is_clustered, x.indisreplident AS is_identity,
        x.indnatts::int AS columns
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    LEFT JOIN pg_constraint c ON c.conindid = x.indexrelid AND c.conrelid = x.indrelid
        AND c.contype IN ('p', 'u', 'x')
    WHERE x.indrelid = %(oid)s AND x.indisvalid ORDER BY i.relname
"""
_CONSTRAINTS = """
    SELECT conname AS name, contype::text AS type, pg_get_constraintdef(oid) AS definition,
        obj_description(oid, 'pg_constraint') AS comment
    FROM pg_constraint
    WHERE conrelid = %(oid)s AND contype IN ('c', 'f', 'n') ORDER BY conname
"""
_PUBLICATIONS = """
    SELECT p.pubname AS name,
        coalesce(' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
            FROM pg_attribute a
            WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)) || ')', '')
        || coalesce(' WHERE (' || pg_get_expr(r.prqual, r.prrelid) || ')', '') AS rest
    FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
    WHERE r.prrelid = %(oid)s ORDER BY p.pubname
"""


def read_layout(connection: Connection[Any], schema: str, table: str) -> Layout | None:
    """Return what is known of the table, None if there is none; names in it are qualified."""
    before = _one(connection, "SELECT current_setting('search_path')")
    # names that are not on the path come with their schema
    connection.execute("SET search_path = pg_catalog")
    try:
        found = _rows(connection, Relation, _RELATION, {"table": f'"{schema}"."{table}"'})
        if not found:
            return None
        oid = {"oid": found[0].oid}
        return Layout(
            found[0],
            tuple(_rows(connection, Column, _COLUMNS, oid)),
            tuple(_rows(connection, Index, _INDEXES, oid)),
            tuple(_rows(connection, Constraint, _CONSTRAINTS, oid)),
            tuple(_rows(connection, Publication, _PUBLICATIONS, oid)),
        )
    finally:
        _one(connection, "SELECT set_config('search_path', %s, false)", before)


def _one(connection: Connection[Any], query: LiteralString, *values: Any) -> Any:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return (cursor.execute(query, values).fetchone() or (None,))[0]


def _rows(
    connection: Connection[Any], row_type: type[Any], query: str, values: dict[str, Any]
) -> list[Any]:
    with connection.cursor(row_factory=class_row(row_type)) as cursor:
        return cursor.execute(query.encode(), values).fetchall()


# Indexes, constraints, defaults, types and toast tables of the tables' own go with them.
_DEPENDENTS = """
    SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
    FROM pg_depend d
    WHERE (d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (%(oids)s)
            OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (
                SELECT unnest(ARRAY[reltype, (SELECT typarray FROM pg_type WHERE oid = reltype)])
                FROM pg_class WHERE oid = ANY (%(oids)s)))
        AND NOT CASE d.classid
            WHEN 'pg_class'::regclass THEN EXISTS (
                SELECT FROM pg_class c LEFT JOIN pg_index x ON x.indexrelid = c.oid
                WHERE c.oid = d.objid AND (c.relkind = 't' OR x.indrelid = ANY (%(oids)s)))
            WHEN 'pg_constraint'::regclass THEN EXISTS (
                SELECT FROM pg_constraint c
                WHERE c.oid = d.objid AND c.conrelid = ANY (%(oids)s) AND c.contype <> 'x')
            WHEN 'pg_attrdef'::regclass THEN EXISTS (
                SELECT FROM pg_attrdef a WHERE a.oid = d.objid AND a.adrelid = ANY (%(oids)s))
            WHEN 'pg_type'::regclass THEN EXISTS (
                SELECT FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem
                WHERE t.oid = d.objid
                    AND (t.typrelid = ANY (%(oids)s) OR e.typrelid = ANY (%(oids)s)))
            WHEN 'pg_rewrite'::regclass THEN EXISTS (
                SELECT FROM pg_rewrite r WHERE r.oid = d.objid AND r.rulename = '_RETURN'
                    AND r.ev_class = ANY (%(oids)s))
            WHEN 'pg_trigger'::regclass THEN EXISTS (
                SELECT FROM pg_trigger t WHERE t.oid = d.objid AND t.tgisinternal)
            WHEN 'pg_publication_rel'::regclass THEN true
            ELSE false
        END
    UNION ALL
    SELECT 'row security of ' || c.oid::regclass FROM pg_class c
    WHERE c.oid = ANY (%(oids)s) AND (c.relrowsecurity OR c.relforcerowsecurity)
    ORDER BY 1
"""


def unknown_dependents(connection: Connection[Any], oids: Sequence[int]) -> list[str]:
    """Name what depends on these tables and views that a swap would not carry over."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(_DEPENDENTS, {"oids": list(oids)})
        return [row[0] for row in cursor]
