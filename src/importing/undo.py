"""Finds what an import brought and nobody has touched since, and takes it back by events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from domain.commands import Context
from domain.events import ImportUndone
from eventstore.bulk_append import BulkStream, RowWanted, bulk_stream
from eventstore.mapper import EventMapper
from importing.registrations import IMPORT_PREFIX

_GONE = frozenset({"DocumentDeleted", "ImportUndone"})
_STREAMS = """
    WITH wanted AS (
        SELECT DISTINCT originator_id FROM docledger_events WHERE originator_id > %s
        ORDER BY originator_id LIMIT %s
    )
    SELECT e.originator_id, e.originator_version, e.topic, s.state ->> 'actor',
        coalesce(s.state ->> 'causation_id', '')
    FROM wanted CROSS JOIN LATERAL (
        SELECT * FROM docledger_events l WHERE l.originator_id = wanted.originator_id
        ORDER BY l.originator_version
    ) AS e CROSS JOIN LATERAL (SELECT convert_from(e.state, 'UTF8')::json AS state) AS s
    ORDER BY e.originator_id, e.originator_version
"""


class _Head(NamedTuple):
    document_id: str
    version: int
    topic: str
    actor: str
    causation_id: str

    def is_of_import(self, actor: str) -> bool:
        return self.actor == actor and self.causation_id.startswith(IMPORT_PREFIX)


@dataclass(frozen=True, slots=True)
class ImportedDocument:
    """A document that an import brought, and who has touched it since (None: nobody)."""

    document_id: str
    version: int
    touched: str | None


def imported_documents(
    connection: Connection, actor: str, page_documents: int
) -> Iterator[list[ImportedDocument]]:
    """Yield the documents that imports of this actor brought, in pages; some pages are empty."""
    last = ""
    connection.execute("SET enable_hashagg = off; SET enable_seqscan = off")
    while True:
        with connection.cursor(row_factory=tuple_row) as cursor:
            heads = [_Head(*row) for row in cursor.execute(_STREAMS, (last, page_documents))]
        if not heads:
            return
        last = heads[-1].document_id
        streams = [list(stream) for _, stream in groupby(heads, lambda head: head.document_id)]
        yield [found for stream in streams if (found := _imported(stream, actor)) is not None]


def _imported(stream: Sequence[_Head], actor: str) -> ImportedDocument | None:
    """Return how an imported document stands; None for one that is gone or came another way."""
    gone = [n for n, head in enumerate(stream, start=1) if head.topic in _GONE]
    life = stream[gone[-1] :] if gone else stream
    if not life or not life[0].is_of_import(actor):
        return None
    others = (head for head in life if not head.is_of_import(actor))
    touched = next((f"{head.topic} by {head.actor}" for head in others), None)
    return ImportedDocument(stream[-1].document_id, stream[-1].version, touched)


def undone_streams(
    mapper: EventMapper, documents: Sequence[ImportedDocument], context: Context
) -> list[BulkStream]:
    """Return the events that take these documents out of the log's hands."""
    events = [
        ImportUndone(
            document_id=document.document_id,
            version=document.version + 1,
            at=context.at,
            actor=context.actor,
            command_id=context.command_id,
            causation_id=context.causation_id,
        )
        for document in documents
    ]
    # Nothing in such an event is sealed, so that its life does not matter.
    return [bulk_stream(mapper, (event,), 1, RowWanted.EITHER) for event in events]
