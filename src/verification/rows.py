"""Compares the rows that the tables hold with those that a fresh fold gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from domain.json_types import JsonObject
from projections.folding import Folding
from projections.rows import StreamRow
from projections.table import Table
from projections.tables import FILES, STAGES, STREAMS, WORKFLOWS
from verification.difference import Difference

TABLES: tuple[Table[Any], ...] = (WORKFLOWS, STAGES, FILES, STREAMS)

RowsByTable = dict[str, JsonObject]
"""Rows by the name of their table and their key."""


@dataclass(frozen=True, slots=True)
class FoundRows:
    """What the tables hold of one document; `present` tells whether `documents` has it."""

    document_id: str
    present: bool
    rows: RowsByTable

    def without_rows(self) -> FoundRows:
        """Return the same as if `documents` had no such row: the stream's row alone."""
        rows: RowsByTable = {table.name: {} for table in TABLES}
        rows[STREAMS.name] = self.rows[STREAMS.name]
        return FoundRows(self.document_id, False, rows)

    @property
    def stream(self) -> StreamRow | None:
        """The document's row in `document_streams`."""
        found: StreamRow | None = self.rows[STREAMS.name].get(self.document_id)
        return found


def expected_rows(found: FoundRows, folding: Folding) -> RowsByTable:
    """Return what the tables should hold, as far as the fold went.

    Of a document that is not in `documents` only its stream's row is kept. What a parked one's row
    says of that is taken as it is; its name may be forgotten.
    """
    rows = folding.rows
    expected: RowsByTable = {table.name: {} for table in TABLES}
    stream = found.stream
    if rows.stream.version or (stream is not None and stream.parked_at is not None):
        expected[STREAMS.name][found.document_id] = _as_parked(rows.stream, stream)
    if found.present:
        expected[WORKFLOWS.name] = {row.id: row for row in folding.workflows}
        expected[STAGES.name] = {row.id: row for row in rows.stages.values()}
        expected[FILES.name] = {row.id: row for row in rows.files.values()}
    return expected


def _as_parked(expected: StreamRow, found: StreamRow | None) -> StreamRow:
    if found is None or found.parked_at is None:
        return expected
    return replace(
        expected,
        parked_at=found.parked_at,
        parked_position=found.parked_position,
        parked_error=found.parked_error,
        original_name=expected.original_name if found.original_name is not None else None,
    )


def differing_rows(found: FoundRows, expected: RowsByTable) -> Iterator[Difference]:
    """Yield what has to be told of the document's rows; of values only the columns' names."""
    for table in TABLES:
        held, wanted = found.rows[table.name], expected[table.name]
        for key in held.keys() | wanted.keys():
            if key not in held:
                yield Difference(found.document_id, "row-missing", f"{table.name}: {key}")
            elif key not in wanted:
                yield Difference(found.document_id, "row-extra", f"{table.name}: {key}")
            elif columns := _differing_columns(table, held[key], wanted[key]):
                detail = f"{table.name}: {key}: {', '.join(columns)}"
                yield Difference(found.document_id, "row-changed", detail)


def _differing_columns(table: Table[Any], held: object, wanted: object) -> list[str]:
    return [
        column
        for column in table.columns
        if not _same(table, column, getattr(held, column), getattr(wanted, column))
    ]


def _same(table: Table[Any], column: str, held: object, wanted: object) -> bool:
    if column not in table.json or held is None or wanted is None:
        return bool(held == wanted)
    store = table.json[column].store
    return same_json(store(held), store(wanted))


def same_json(one: object, other: object) -> bool:
    """Tell whether the database would take both for the same jsonb.

    It compares numbers by their decimal digits, so that 1e23 comes back as 10^23, which is not
    the same as the float 1e23 is in Python. True is not 1 there either.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same_json(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same_json, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or Decimal(repr(one)) == Decimal(repr(other))
    return bool(one == other) or _text(one) == _text(other)


def _text(value: object) -> Any:
    """Return what is written of a time inside JSON."""
    return value.isoformat() if hasattr(value, "isoformat") else value
