"""One table of the read models: many rows in or out with one statement."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

from psycopg import Connection, sql
from psycopg.rows import tuple_row
from pydantic_core import from_json

Row = TypeVar("Row")


def same(value: Any) -> Any:
    """Return the value."""
    return value


class Json(NamedTuple):
    """A column of JSON: `store` makes plain values of the field's, `load` undoes it."""

    store: Callable[[Any], Any] = same
    load: Callable[[Any], Any] = same


@dataclass(frozen=True)
class Table(Generic[Row]):
    """A table whose columns are the fields of `row_type`, in that order."""

    name: str
    row_type: type[Row]
    key: str
    json: Mapping[str, Json] = field(default_factory=dict)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns' names."""
        row_type: Any = self.row_type
        return tuple(column.name for column in fields(row_type))

    def select(self, connection: Connection[Any], by: str, values: Collection[str]) -> list[Row]:
        """Return the rows whose column `by` has one of the values."""
        query = sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%s::text[])").format(
            sql.SQL(", ").join(self._selected(column) for column in self.columns),
            sql.Identifier(self.name),
            sql.Identifier(by),
        )
        with connection.cursor(row_factory=tuple_row) as cursor:
            return [self._row(values) for values in cursor.execute(query, (list(values),))]

    def upsert(self, connection: Connection[Any], rows: Sequence[Row]) -> None:
        """Insert the rows, or put them in place of those with the same key."""
        if rows:
            connection.execute(self._upsert, (self.dumped(rows),))

    def delete(self, connection: Connection[Any], by: str, values: Collection[str]) -> None:
        """Delete the rows whose column `by` has one of the values."""
        if values:
            statement = sql.SQL("DELETE FROM {} WHERE {} = ANY(%s::text[])").format(
                sql.Identifier(self.name), sql.Identifier(by)
            )
            connection.execute(statement, (list(values),))

    def _selected(self, column: str) -> sql.Composable:
        # JSON comes as text: psycopg would take longer to load it
        name = sql.Identifier(column)
        return sql.SQL("{}::text").format(name) if column in self.json else name

    def _row(self, values: Sequence[Any]) -> Row:
        row = list(values)
        for index, load in self._loads:
            if row[index] is not None:
                row[index] = load(from_json(row[index]))
        return self.row_type(*row)

    @cached_property
    def _loads(self) -> list[tuple[int, Callable[[Any], Any]]]:
        return [(self.columns.index(name), column.load) for name, column in self.json.items()]

    def dumped(self, rows: Sequence[Row]) -> str:
        """Return the rows as the JSON that `json_populate_recordset` reads."""
        listed = [dict(zip(self.columns, self._values_of(row), strict=True)) for row in rows]
        for name, column in self.json.items():
            for row in listed:
                row[name] = None if row[name] is None else column.store(row[name])
        return json.dumps(listed, allow_nan=False, default=_unknown_to_json)

    @cached_property
    def _values_of(self) -> Callable[[Row], tuple[Any, ...]]:
        return attrgetter(*self.columns)

    @cached_property
    def _upsert(self) -> sql.Composed:
        # One JSON text is made and sent several times faster than one array a column.
        others = [column for column in self.columns if column != self.key]
        return sql.SQL(
            "INSERT INTO {table} ({names}) SELECT {names} "
            "FROM json_populate_recordset(NULL::{table}, %s::json) "
            "ON CONFLICT ({key}) DO UPDATE SET ({others}) = ROW({excluded})"
        ).format(
            table=sql.Identifier(self.name),
            names=sql.SQL(", ").join(map(sql.Identifier, self.columns)),
            key=sql.Identifier(self.key),
            others=sql.SQL(", ").join(map(sql.Identifier, others)),
            excluded=sql.SQL(", ").join(sql.Identifier("excluded", name) for name in others),
        )


def _unknown_to_json(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a row.")
