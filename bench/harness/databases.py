"""Databases of their own for each side, on the one server that all are measured on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo


@contextlib.contextmanager
def own_database(server: str, name: str) -> Iterator[str]:
    """Give the URL of a new database `name`, dropped afterwards and, if left behind, before."""
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(drop)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield database_url(server, name)
        finally:
            connection.execute(drop)


def database_url(server: str, name: str) -> str:
    """Return the URL of another database on the server; by socket too, which some refuse."""
    given = conninfo_to_dict(server)
    host = str(given.get("host") or "")
    if host.startswith("/") or not given.get("port"):
        return make_conninfo(server, dbname=name)
    user = given.get("user") or "postgres"
    return f"postgresql://{user}@{host}:{given['port']}/{name}"


def rows(dsn: str, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the rows of a query run on a connection of its own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query.encode(), parameters).fetchall()


def value(dsn: str, query: str, parameters: tuple[Any, ...] = ()) -> Any:
    """Return the first value of the first row."""
    return rows(dsn, query, parameters)[0][0]


def execute(dsn: str, statement: str, parameters: tuple[Any, ...] | None = None) -> None:
    """Run a statement outside any transaction."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode(), parameters)


def setting(dsn: str, name: str) -> str:
    """Return one of the server's settings as it shows it."""
    return str(value(dsn, "SELECT current_setting(%s)", (name,)))


def settle(dsn: str) -> None:
    """Vacuum, analyse and write out what is dirty, so that each side starts from the same."""
    execute(dsn, "VACUUM (ANALYZE)")
    execute(dsn, "CHECKPOINT")


TABLE_BYTES = """
    SELECT n.nspname || '.' || c.relname, pg_total_relation_size(c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND n.nspname NOT LIKE 'pg_toast%%'
    ORDER BY 2 DESC
"""


def table_bytes(dsn: str) -> dict[str, int]:
    """Return the bytes of each table with its indexes and what is stored beside it."""
    return {str(name): int(size) for name, size in rows(dsn, TABLE_BYTES)}
