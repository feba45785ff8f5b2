"""What docledger's user has to be allowed in a database, and the statements that allow it.

Asked by `has_…_privilege`, never read out of messages, which the server may write in any language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import Connection, sql

from postgres.migration_files import MigrationError

_RIGHTS = """
    SELECT current_user, current_database(),
        to_regnamespace('public') IS NOT NULL
            AND has_schema_privilege('public', 'CREATE')
            AND has_schema_privilege('public', 'USAGE'),
        has_database_privilege(current_database(), 'CREATE')
"""
_NOT_OWNED = """
    SELECT n.nspname, c.relname, pg_get_userbyid(c.relowner)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT pg_has_role(c.relowner, 'USAGE')
        AND (n.nspname = 'docledger_queue' OR n.nspname = 'public' AND c.relname = ANY(%s))
    ORDER BY 1, 2
"""
_OURS = (
    "docledger_migrations",
    "docledger_events",
    "document_keys",
    "document_streams",
    "documents_processing_stages",
    "processing_workflows",
    "read_model_versions",
    "stage_dependencies",
    "stage_output_files",
    "tracking",
)
_PAGE = "docs/how-to/own-postgresql.md"


class RightsMissing(MigrationError):
    """The user of the database may not do what docledger needs."""


def require_rights(connection: Connection, *, made_by_us: bool) -> None:
    """Raise RightsMissing, with what to run, unless the schema may be migrated and rebuilt.

    `made_by_us` tells that the tables of our names are docledger's, which it has to own.
    """
    user, database, may_use_public, may_make_schemas = _row(connection)
    missing: dict[str, sql.Composed] = {}
    if not may_use_public:
        missing["may not make tables in schema public"] = sql.SQL(
            "GRANT USAGE, CREATE ON SCHEMA public TO {}"
        ).format(sql.Identifier(user))
    if not may_make_schemas:
        missing[f"may not make schemas in database '{database}'"] = sql.SQL(
            "GRANT CREATE ON DATABASE {} TO {}"
        ).format(sql.Identifier(database), sql.Identifier(user))
    _refuse(connection, user, missing)
    if made_by_us:
        _require_ownership(connection, user)


def _refuse(connection: Connection, user: str, missing: Mapping[str, sql.Composed]) -> None:
    if missing:
        grants = " ".join(f"{grant.as_string(connection)};" for grant in missing.values())
        raise RightsMissing(
            f"user '{user}' {' and '.join(missing)}; run in that database, as its owner or a "
            f"superuser: {grants}"
        )


def _require_ownership(connection: Connection, user: str) -> None:
    found = connection.execute(_NOT_OWNED, [list(_OURS)]).fetchall()
    if found:
        schema, table, owner = found[0]
        alter = sql.SQL("ALTER TABLE {} OWNER TO {}").format(
            sql.Identifier(schema, table), sql.Identifier(user)
        )
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise RightsMissing(
            f"table {schema}.{table}{more} belongs to '{owner}', and user '{user}' has to own it; "
            f"run as a superuser: {alter.as_string(connection)}; {_PAGE} does so for all of them"
        )


def _row(connection: Connection) -> Sequence[Any]:
    row: Sequence[Any] | None = connection.execute(_RIGHTS).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM gives a row
    return row


def told(error: psycopg.errors.InsufficientPrivilege) -> str:
    """Return what to do about a right that turned out to be missing later."""
    said = " ".join((error.diag.message_primary or str(error)).split())
    return f"the database refuses this to docledger's user: {said}; {_PAGE} lists what it needs"
