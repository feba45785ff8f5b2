"""Holds the tables against a fresh fold of the log, a shard of documents at a time.

Each shard is read in a snapshot of its own, tables and log and the projector's position together,
and locks nothing: commands and the projector go on meanwhile and make no difference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from psycopg import Connection, sql
from psycopg.rows import tuple_row

from domain.events import DocumentDeleted
from postgres.tracking import READ_MODELS, read_position
from projections.log_reader import Recorded
from projections.rows import StreamRow
from verification.difference import Difference
from verification.rows import TABLES, FoundRows, differing_rows, expected_rows
from verification.stream import StreamCheck

SHARD_DOCUMENTS = 500
SHARD_EVENTS = 10_000

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_PRESENT = "SELECT id FROM documents WHERE id = ANY(%s::text[])"


class StreamReader(Protocol):
    """The log, read on the connection that also reads the tables."""

    def documents_after(
        self, connection: Connection, document_id: str, limit: int
    ) -> list[tuple[str, int]]:
        """Return the next documents by id, each with the number of its events."""

    def stored(self, connection: Connection, document_ids: Collection[str]) -> Any:
        """Return the documents' events as they are stored."""

    def streams(self, stored: Any) -> Mapping[str, Sequence[Recorded]]:
        """Return the stored events by document, in the order of versions."""


@dataclass
class Shard:
    """What came of one shard; `last_id` is where the next begins."""

    last_id: str
    documents: int = 0
    events: int = 0
    differences: list[Difference] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Moment:
    """All that was read of a shard in one snapshot."""

    position: int
    stored: Any
    found: dict[str, FoundRows]


def check_tables(
    connection: Connection,
    log: StreamReader,
    *,
    shard_documents: int = SHARD_DOCUMENTS,
    shard_events: int = SHARD_EVENTS,
) -> Iterator[Shard]:
    """Yield shard after shard, by document id, over a connection in autocommit mode."""
    last_id = ""
    while True:
        with connection.transaction():
            connection.execute(_SNAPSHOT)
            document_ids = _next_documents(connection, log, last_id, shard_documents, shard_events)
            moment = _read(connection, log, document_ids)
        if not document_ids:
            return
        last_id = document_ids[-1]
        yield _checked(log, moment, last_id)


def check_document(connection: Connection, log: StreamReader, document_id: str) -> list[Difference]:
    """Return what is wrong with one document."""
    with connection.transaction():
        connection.execute(_SNAPSHOT)
        moment = _read(connection, log, [document_id])
    return _checked(log, moment, document_id).differences


def _next_documents(
    connection: Connection, log: StreamReader, last_id: str, documents: int, events: int
) -> list[str]:
    """Return the next ids in log or tables: as many as hold about so many events, one at least."""
    counted = dict(log.documents_after(connection, last_id, documents))
    for table in TABLES:
        for document_id in _ids_after(connection, table.name, last_id, documents):
            counted.setdefault(document_id, 0)
    taken: list[str] = []
    total = 0
    for document_id in sorted(counted)[:documents]:
        total += counted[document_id]
        if taken and total > events:
            break
        taken.append(document_id)
    return taken


def _ids_after(connection: Connection, table: str, last_id: str, limit: int) -> list[str]:
    query = sql.SQL(
        "SELECT DISTINCT document_id FROM {} WHERE document_id > %s ORDER BY document_id LIMIT %s"
    ).format(sql.Identifier(table))
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [row[0] for row in cursor.execute(query, (last_id, limit))]


def _read(connection: Connection, log: StreamReader, document_ids: list[str]) -> _Moment:
    with connection.cursor(row_factory=tuple_row) as cursor:
        present = {row[0] for row in cursor.execute(_PRESENT, (document_ids,))}
    found = {
        i: FoundRows(i, i in present, {table.name: {} for table in TABLES}) for i in document_ids
    }
    for table in TABLES:
        for row in table.select(connection, "document_id", document_ids):
            found[row.document_id].rows[table.name][getattr(row, table.key)] = row
    position = read_position(connection, READ_MODELS)
    return _Moment(position, log.stored(connection, document_ids), found)


def _checked(log: StreamReader, moment: _Moment, last_id: str) -> Shard:
    streams = log.streams(moment.stored)
    shard = Shard(last_id, documents=len(moment.found))
    for document_id, found in moment.found.items():
        stream = streams.get(document_id, ())
        shard.events += len(stream)
        shard.differences += _differences(found, stream, moment.position)
    return shard


def _differences(
    found: FoundRows, stream: Sequence[Recorded], position: int
) -> Iterator[Difference]:
    held = found.stream
    parked = held if held is not None and held.parked_at is not None else None
    check = StreamCheck(found.document_id, min(parked.position, position) if parked else position)
    check.go_through(stream)
    yield from check.differences
    if parked is not None:
        yield Difference(found.document_id, "parked", _why(parked))
    if check.folding is None:
        return
    if found.present and any(r.position > position and _deletes(r) for r in stream):
        # The row in documents is of the next life: what it has of this one went with its own row,
        # and comes and goes until the deletion is projected.
        found = found.without_rows()
    yield from differing_rows(found, expected_rows(found, check.folding))


def _deletes(recorded: Recorded) -> bool:
    return isinstance(recorded.event, DocumentDeleted)


def _why(parked: StreamRow) -> str:
    return f"at position {parked.parked_position}: {parked.parked_error or 'no reason is kept'}"
