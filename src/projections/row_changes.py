"""Rows to be written and to be deleted, collected over the documents of a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar

from msgspec import Struct
from psycopg import Connection

from postgres.statements import Part, write
from projections.folding import Folding, parked_stream
from projections.table import AnyTable, How, Table, Writing
from projections.tables import DOCUMENT_TABLES, FILES, STAGES, STREAMS, WORKFLOWS

Row = TypeVar("Row", bound=Struct)


_lists: partial[defaultdict[Any, list[Any]]] = partial(defaultdict, list)


@dataclass(slots=True)
class RowChanges:
    """What turns the tables' rows of some documents into those that were folded.

    With `whole`, every row is written as if nothing were known of what the tables hold. `new_rows`
    is how rows are written that are not known to be there; with INSERT, the database refuses one
    that is there all the same.
    """

    whole: bool = False
    new_rows: Writing = Writing.UPSERT
    _replaced: list[str] = field(default_factory=list)
    _deleted: dict[AnyTable, list[str]] = field(default_factory=_lists)
    _rows: dict[tuple[AnyTable, How], list[Any]] = field(default_factory=_lists)
    _parts: list[Part] | None = None

    def add(self, folding: Folding, present: Container[str], at: datetime) -> None:
        """Add what the folding changed; of a document that is not present, the stream's row alone.

        `present` are the documents that `documents` has. A refused one is parked at `at`.
        """
        before, after = folding.before, folding.rows
        stream = after.stream
        if folding.refusal is not None:
            stream = parked_stream(stream, folding.refusal, at)
        self.put(STREAMS, before.stream if before.stream.version else None, stream)
        if after.document_id not in present:
            return
        if folding.replaces:
            self._replaced.append(after.document_id)
        current = before.workflow
        for run in folding.workflows:
            is_known = current is not None and current.id == run.id
            self.put(WORKFLOWS, current if is_known else None, run)
        if before.stages is not after.stages:
            self._compare(STAGES, before.stages, after.stages)
        if before.files is not after.files:
            self._compare(FILES, before.files, after.files)

    def put(self, table: Table[Row], before: Row | None, after: Row) -> None:
        """Have the row written; `before` is what the table is known to hold of it."""
        how: How = Writing.UPSERT
        if before is None:
            how = self.new_rows
        elif not self.whole:
            how = table.changed_columns(before, after) or how
        self._rows[table, how].append(after)

    def _compare(
        self, table: Table[Row], before: Mapping[Any, Row], after: Mapping[Any, Row]
    ) -> None:
        for key, row in after.items():
            # Told apart by identity: the fold keeps the objects that it does not touch.
            if (found := before.get(key)) is not row:
                self.put(table, found, row)
        deleted = [getattr(row, table.key) for key, row in before.items() if key not in after]
        if deleted:
            self._deleted[table] += deleted

    def write(self, connection: Connection, *also: Part) -> None:
        """Write all of it, and `also` with the same statement, in the caller's transaction.

        Raises psycopg.DataError if a row is not there that was known to be, and ValueError or
        TypeError for one that cannot be encoded.
        """
        if self._replaced:
            for table in DOCUMENT_TABLES:
                table.delete(connection, "document_id", self._replaced)
        for table, keys in self._deleted.items():
            table.delete(connection, table.key, keys)
        write(connection, [*self.encode(), *also])

    def encode(self) -> list[Part]:
        """Return what writes the rows, made once; raises ValueError or TypeError."""
        if self._parts is None:
            parts = [table.write_part(how, rows) for (table, how), rows in self._rows.items()]
            # in the same order each time, so that few different statements are prepared
            self._parts = sorted(parts, key=attrgetter("text"))
        return self._parts
