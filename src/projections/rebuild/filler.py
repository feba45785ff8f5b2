"""Folds documents and writes their rows into the new tables, some megabytes at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import psycopg
from psycopg import Connection

from projections.errors import is_row_fault, write_reason
from projections.folding import EventRefusal
from projections.log_reader import Recorded
from projections.rebuild.binary_copy import Encoded, Rows, RowWriter
from projections.rebuild.catalog import Layout
from projections.rebuild.log import ShardedLog
from projections.rebuild.rows import Folds, RebuiltDocument
from projections.tables import DOCUMENT_TABLES

_ENCODED_DOCUMENTS = 100
_FLUSHED_BYTES = 2 * 1024**2
_REFERRING = frozenset(table.name for table in DOCUMENT_TABLES)


class Filler:
    """Writes documents as of position `until`; one that the database refuses is parked."""

    def __init__(
        self,
        connection: Connection,
        log: ShardedLog,
        schema: str,
        layouts: Mapping[str, Layout],
        folds: Folds,
        until: int,
    ) -> None:
        self.until = until
        self._log = log
        self.folds = folds
        self._writer = RowWriter(connection, schema, layouts)
        self._folded: dict[str, Rows] = {}
        self._waiting: list[Encoded] = []
        self._waiting_bytes = 0
        self._absent: set[str] = set()

    def add(self, document_id: str, events: Sequence[Recorded], *, is_present: bool = True) -> int:
        """Fold these events, all that the document has; return how many they are.

        Of a document that is not present, only what does not refer to it is written.
        """
        fold = self.folds.fold(document_id, events)
        if not is_present:
            self._absent.add(document_id)
        self._folded[document_id] = self._rows(fold)
        if len(self._folded) >= _ENCODED_DOCUMENTS:
            self._encode()
        return fold.events

    def flush(self) -> None:
        """Write what has been added."""
        self._encode()
        self._write_waiting()

    def _rows(self, fold: RebuiltDocument) -> Rows:
        rows = fold.rows()
        if fold.stream.document_id in self._absent:
            return {name: () if name in _REFERRING else own for name, own in rows.items()}
        return rows

    def _encode(self) -> None:
        """Encode what was folded, document by document where that fails for all of them."""
        folded, self._folded = self._folded, {}
        try:
            encoded = [self._writer.encode(folded)]
        except (ValueError, TypeError):
            encoded = [self._encode_alone(i, rows) for i, rows in folded.items()]
        self._waiting += encoded
        self._waiting_bytes += sum(part.size_bytes for part in encoded)
        if self._waiting_bytes > _FLUSHED_BYTES:
            self._write_waiting()

    def _encode_alone(self, document_id: str, rows: Rows) -> Encoded:
        try:
            return self._writer.encode({document_id: rows})
        except (ValueError, TypeError) as error:
            return self._parked(document_id, error)

    def _write_waiting(self) -> None:
        if self._waiting:
            self._write(self._waiting)
        self._waiting = []
        self._waiting_bytes = 0
        self._absent = set()

    def _write(self, parts: list[Encoded]) -> None:
        """Write all, or by bisection what the database accepts; park the others."""
        try:
            self._writer.write(parts)
        except psycopg.Error as error:
            if not is_row_fault(error):
                raise
            if len(parts) > 1:
                half = len(parts) // 2
                self._write(parts[:half])
                self._write(parts[half:])
            elif len(parts[0].document_ids) > 1:
                self._write(self._apart(parts[0]))
            else:
                self._write_parked(parts[0].document_ids[0], error)

    def _apart(self, part: Encoded) -> list[Encoded]:
        """Return each document by itself, folded again: keeping rows would always cost memory."""
        streams = self._streams(part.document_ids)
        folds = {i: self.folds.fold(i, events) for i, events in streams.items()}
        return [self._encode_alone(i, self._rows(fold)) for i, fold in folds.items()]

    def _write_parked(self, document_id: str, error: Exception) -> None:
        try:
            self._writer.write([self._parked(document_id, error)])
        except psycopg.Error as refused:
            if not is_row_fault(refused):
                raise
            self._writer.write([self._parked(document_id, error, without_rows=True)])

    def _parked(self, document_id: str, error: Exception, *, without_rows: bool = False) -> Encoded:
        """Return a document whose rows the database refuses: as parked live, or without rows."""
        events = self._streams([document_id])[document_id]
        refusal = EventRefusal(events[0].position, write_reason(error))
        folds = Folds(self.folds.at) if without_rows else self.folds
        fold = folds.fold_until_parked(document_id, events, refusal)
        return self._writer.encode({document_id: self._rows(fold)})

    def _streams(self, document_ids: Collection[str]) -> dict[str, list[Recorded]]:
        # not over the connection that is in the middle of a shard
        with self._log.open() as reader:
            streams = reader.streams(document_ids)
        return {i: [r for r in events if r.position <= self.until] for i, events in streams.items()}
