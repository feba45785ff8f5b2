"""Documents whose events could not be applied: which they are, and how they are retried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from domain.errors import DocumentNotFound
from postgres.tracking import READ_MODELS, lock_position
from projections.folding import EventRefusal
from projections.live.careful import LOCKED_ELSEWHERE, replace_rows
from projections.live.statements import PARKED_DOCUMENTS, PARKED_FOR_REASON
from projections.log_reader import Recorded
from projections.version import require_version

ReadStream = Callable[[str], Sequence[Recorded]]


@dataclass(frozen=True, slots=True)
class ParkedDocument:
    """A document whose rows stay as they were before the event at `position`."""

    document_id: str
    position: int
    at: datetime
    reason: str


def parked_documents(connection: Connection, limit: int = 1000) -> list[ParkedDocument]:
    """Return the parked documents, those parked first at the head."""
    with connection.cursor(row_factory=class_row(ParkedDocument)) as cursor:
        return cursor.execute(PARKED_DOCUMENTS, (limit,)).fetchall()


def put_off_documents(connection: Connection, limit: int = 100) -> list[str]:
    """Return documents that were parked only because another session had them locked."""
    rows = connection.execute(PARKED_FOR_REASON, (LOCKED_ELSEWHERE, limit))
    return [row[0] for row in rows]


def retry_document(
    connection: Connection, read_stream: ReadStream, document_id: str, at: datetime
) -> EventRefusal | None:
    """Fold the document's whole stream, up to the position reached, and replace its rows.

    Return None if that worked and the document is parked no more, else why it still is. Raises
    DocumentNotFound for one without events, OtherVersion for tables of another program's version.
    Waits for a batch that is being applied.
    """
    with connection.transaction():
        position = lock_position(connection, READ_MODELS, wait=True) or 0
        require_version(connection)
        stream = [r for r in read_stream(document_id) if r.position <= position]
        if not stream:
            raise DocumentNotFound(f"The read models have met no event of '{document_id}' yet.")
        return replace_rows(connection, stream, at)
