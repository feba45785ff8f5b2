"""One table of the read models: many rows in or out with one statement."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import Struct
from psycopg import Connection, Cursor, sql
from psycopg.rows import tuple_row
from pydantic_core import from_json, to_json

from postgres.statements import Part

Row = TypeVar("Row", bound=Struct)


def same(value: object) -> Any:
    """Return the value."""
    return value


class Json(NamedTuple):
    """A column of JSON: `store` makes plain values of the field's, `load` undoes it."""

    store: Callable[[Any], Any] = same
    load: Callable[[Any], Any] = same


class Writing(Enum):
    """How rows are written of which not only some columns have changed."""

    INSERT = "there is none"
    UPSERT = "there may be one"


How = Writing | tuple[str, ...]
"""How rows are written, or the columns that have changed."""


@dataclass(frozen=True, eq=False)
class Table(Generic[Row]):
    """A table whose columns are the fields of `row_type`, in that order.

    `changing` are sets of columns, the smaller ones first, that change while all others stay as
    they are: of such a row, only these are updated. Column `only_null` has to be null then, as it
    was when the row became known.
    """

    name: str
    row_type: type[Row]
    key: str
    json: Mapping[str, Json] = field(default_factory=dict)
    changing: Sequence[tuple[str, ...]] = ()
    only_null: str | None = None

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns' names."""
        return self.row_type.__struct_fields__

    def select(self, connection: Connection, by: str, values: Collection[str]) -> list[Row]:
        """Return the rows whose column `by` has one of the values."""
        return self.read(self.request(connection, by, values))

    def request(self, connection: Connection, by: str, values: Collection[str]) -> Cursor:
        """Send the request of `select`; in a pipeline, no answer is waited for."""
        cursor = connection.cursor(row_factory=tuple_row)
        return cursor.execute(self._select(by), (list(values),), prepare=True)

    def read(self, requested: Cursor) -> list[Row]:
        """Return the answer to `request`."""
        return [self._row(values) for values in requested.fetchall()]

    def delete(self, connection: Connection, by: str, values: Collection[str]) -> None:
        """Delete the rows whose column `by` has one of the values."""
        if values:
            statement = sql.SQL("DELETE FROM {} WHERE {} = ANY(%s::text[])").format(
                sql.Identifier(self.name), sql.Identifier(by)
            )
            connection.execute(statement, (list(values),))

    def changed_columns(self, before: Row, after: Row) -> tuple[str, ...] | None:
        """Return the columns of which some changed, None if the row is to be written as a whole."""
        for columns, others in self._others:
            if others(before) == others(after):
                return columns
        return None

    def write_part(self, how: How, rows: Sequence[Row]) -> Part:
        """Return what writes the rows.

        The database refuses rows to insert that are there, and `write` rows to update that are not.
        """
        if how is Writing.INSERT:
            return Part(self._insert, (self._dump(self.columns, rows),))
        if how is Writing.UPSERT:
            return Part(self._upsert, (self._dump(self.columns, rows),))
        return Part(self._updates[how], (self._dump((self.key, *how), rows),), len(rows))

    def dumped(self, rows: Sequence[Row]) -> str:
        """Return the rows as the JSON that `json_populate_recordset` reads."""
        return self._dump(self.columns, rows)

    def _dump(self, columns: Sequence[str], rows: Sequence[Row]) -> str:
        values_of = attrgetter(*columns)
        listed = [dict(zip(columns, values_of(row), strict=True)) for row in rows]
        for name, column in self.json.items():
            if column.store is not same and name in columns:
                for row in listed:
                    row[name] = None if row[name] is None else column.store(row[name])
        return to_json(listed, inf_nan_mode="constants").decode()

    def _row(self, values: Sequence[Any]) -> Row:
        row = list(values)
        for index, load in self._loads:
            if row[index] is not None:
                row[index] = load(from_json(row[index]))
        return self.row_type(*row)

    @cached_property
    def _loads(self) -> list[tuple[int, Callable[[Any], Any]]]:
        return [(self.columns.index(name), column.load) for name, column in self.json.items()]

    @cached_property
    def _others(self) -> list[tuple[tuple[str, ...], Callable[[Row], tuple[Any, ...]]]]:
        return [
            (columns, attrgetter(*(name for name in self.columns if name not in columns)))
            for columns in self.changing
        ]

    def _select(self, by: str) -> bytes:
        return self._selects.get(by) or self._selects.setdefault(by, self._select_text(by))

    @cached_property
    def _selects(self) -> dict[str, bytes]:
        return {}

    def _select_text(self, by: str) -> bytes:
        return (
            sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%s::text[])")
            .format(
                sql.SQL(", ").join(self._selected(column) for column in self.columns),
                sql.Identifier(self.name),
                sql.Identifier(by),
            )
            .as_bytes()
        )

    def _selected(self, column: str) -> sql.Composable:
        # JSON comes as text: psycopg would take longer to load it
        name = sql.Identifier(column)
        return sql.SQL("{}::text").format(name) if column in self.json else name

    @cached_property
    def _insert(self) -> bytes:
        # One JSON text is made and sent several times faster than one array a column.
        return (
            sql.SQL(
                "INSERT INTO {table} ({names}) SELECT {names} "
                "FROM json_populate_recordset(NULL::{table}, %s::json)"
            )
            .format(table=sql.Identifier(self.name), names=_listed(self.columns))
            .as_bytes()
        )

    @cached_property
    def _upsert(self) -> bytes:
        others = [column for column in self.columns if column != self.key]
        return self._insert + (
            sql.SQL(" ON CONFLICT ({key}) DO UPDATE SET ({others}) = ROW({excluded})")
            .format(
                key=sql.Identifier(self.key),
                others=_listed(others),
                excluded=_listed(others, "excluded"),
            )
            .as_bytes()
        )

    @cached_property
    def _updates(self) -> dict[tuple[str, ...], bytes]:
        return {columns: self._update(columns) for columns in self.changing}

    def _update(self, columns: tuple[str, ...]) -> bytes:
        # Half the work of the upsert, which locks a row first and checks constraints twice.
        statement = sql.SQL(
            "UPDATE {table} SET ({names}) = ROW({values}) "
            "FROM json_populate_recordset(NULL::{table}, %s::json) AS new "
            "WHERE {table}.{key} = new.{key}{and_only} RETURNING 1"
        ).format(
            table=sql.Identifier(self.name),
            names=_listed(columns),
            values=_listed(columns, "new"),
            key=sql.Identifier(self.key),
            and_only=self._and_only,
        )
        return statement.as_bytes()

    @property
    def _and_only(self) -> sql.Composable:
        if self.only_null is None:
            return sql.SQL("")
        # IS NULL is what is taken to be rare where there are no statistics yet; a plan made then
        # goes through the whole table for the few rows that it expects to be left.
        column = sql.Identifier(self.name, self.only_null)
        return sql.SQL(" AND num_nonnulls({}) <> 1").format(column)


def _listed(columns: Sequence[str], of: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.Identifier(name) if of is None else sql.Identifier(of, name) for name in columns
    )


AnyTable = Table[Any]
"""A table of rows of any type."""
