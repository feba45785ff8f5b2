"""What a rebuild would change: rows of the new tables against the live ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import Connection, sql
from psycopg.rows import tuple_row

from domain.json_types import JsonObject
from projections.rebuild.shadow import LIVE, TABLES
from projections.rebuild.statements import DIFFERENCES

Kind = Literal["missing", "extra", "changed"]


@dataclass(frozen=True, slots=True)
class RowDifference:
    """A row of a live table that a rebuild would change.

    'missing' rows would come, 'extra' ones go. `columns` has the value now and that after, of each
    column that differs in a 'changed' row.
    """

    table: str
    document_id: str
    row_id: str
    kind: Kind
    columns: dict[str, tuple[Any, Any]]


def differences(
    connection: Connection, schema: str, tables: Iterable[str]
) -> Iterator[RowDifference]:
    """Yield every difference of these tables to those in `schema`, as the transaction sees them."""
    for table in tables:
        query = sql.SQL(DIFFERENCES).format(
            key=sql.Identifier(TABLES[table].key),
            live=sql.Identifier(LIVE, table),
            shadow=sql.Identifier(schema, table),
        )
        with connection.cursor(f"differences_{table}", row_factory=tuple_row) as cursor:
            for document_id, row_id, kind, live, made in cursor.execute(query):
                yield RowDifference(table, document_id, row_id, kind, _columns(live, made))


def _columns(live: JsonObject | None, made: JsonObject | None) -> JsonObject:
    if live is None or made is None:
        return {}
    names = sorted({*live, *made})
    return {n: (live.get(n), made.get(n)) for n in names if live.get(n) != made.get(n)}
