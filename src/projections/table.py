"""One table of the read models: many rows in or out with one statement."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, LiteralString, NamedTuple, TypeVar

from psycopg import Connection, sql
from psycopg.rows import tuple_row

Row = TypeVar("Row")


class Column(NamedTuple):
    """A column: its type in PostgreSQL, and how its values are turned into stored ones and back."""

    name: str
    type: LiteralString
    store: Callable[[Any], Any] | None = None
    load: Callable[[Any], Any] | None = None


def text(name: str) -> Column:
    """Return a column of text."""
    return Column(name, "text")


def integer(name: str) -> Column:
    """Return a column of whole numbers."""
    return Column(name, "bigint")


def time(name: str) -> Column:
    """Return a column of points in time."""
    return Column(name, "timestamptz")


def document(
    name: str,
    store: Callable[[Any], Any] | None = None,
    load: Callable[[Any], Any] | None = None,
) -> Column:
    """Return a column of JSON; `store` makes plain JSON values of the field's, `load` undoes it."""

    def dumped(value: Any) -> str | None:
        return None if value is None else _dumps(store(value) if store else value)

    return Column(name, "jsonb", dumped, load)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True)
class Table(Generic[Row]):
    """A table whose columns are the fields of `row_type`, in that order."""

    name: str
    row_type: Callable[..., Row]
    key: str
    columns: tuple[Column, ...]

    def select(self, connection: Connection[Any], by: str, values: Collection[str]) -> list[Row]:
        """Return the rows whose column `by` has one of the values."""
        query = sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%s::text[])").format(
            self._names, sql.Identifier(self.name), sql.Identifier(by)
        )
        with connection.cursor(row_factory=tuple_row) as cursor:
            return [self._row(values) for values in cursor.execute(query, (list(values),))]

    def upsert(self, connection: Connection[Any], rows: Sequence[Row]) -> None:
        """Insert the rows, or put them in place of those with the same key."""
        if rows:
            connection.execute(self._upsert, [_turned(column, rows) for column in self.columns])

    def delete(self, connection: Connection[Any], by: str, values: Collection[str]) -> None:
        """Delete the rows whose column `by` has one of the values."""
        if values:
            statement = sql.SQL("DELETE FROM {} WHERE {} = ANY(%s::text[])").format(
                sql.Identifier(self.name), sql.Identifier(by)
            )
            connection.execute(statement, (list(values),))

    def _row(self, values: tuple[Any, ...]) -> Row:
        loaded = (
            column.load(value) if column.load and value is not None else value
            for column, value in zip(self.columns, values, strict=True)
        )
        return self.row_type(*loaded)

    @cached_property
    def _names(self) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(column.name) for column in self.columns)

    @cached_property
    def _upsert(self) -> sql.Composed:
        arrays = (_array(column.type) for column in self.columns)
        others = [column.name for column in self.columns if column.name != self.key]
        return sql.SQL(
            "INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}) "
            "ON CONFLICT ({key}) DO UPDATE SET ({others}) = ROW({excluded})"
        ).format(
            table=sql.Identifier(self.name),
            names=self._names,
            arrays=sql.SQL(", ").join(arrays),
            key=sql.Identifier(self.key),
            others=sql.SQL(", ").join(map(sql.Identifier, others)),
            excluded=sql.SQL(", ").join(sql.Identifier("excluded", name) for name in others),
        )


def _array(column_type: LiteralString) -> sql.SQL:
    # a list of JSON texts reaches the server as text[]; it has no direct cast from a parameter
    return sql.SQL("%s::text[]::jsonb[]" if column_type == "jsonb" else f"%s::{column_type}[]")


def _turned(column: Column, rows: Sequence[Any]) -> list[Any]:
    values = [getattr(row, column.name) for row in rows]
    return [column.store(value) for value in values] if column.store else values
