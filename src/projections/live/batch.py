"""A batch of events, and what came of applying it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace
from psycopg import Connection

from projections.folding import EventRefusal
from projections.live.document_fold import ABOUT_NO_FILE, by_document
from projections.live.row_cache import CachedRows
from projections.log_reader import Recorded
from projections.rows import FILES_NOT_LOADED, DocumentRows
from projections.statements import NOTIFY, READ_MODELS_CHANNEL
from projections.tables import load_files


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of the log in order, and by document in `streams`, to be applied at the time `at`.

    A document that cannot be applied is parked, as are those of `put_off` while another session
    has them locked. Any other locked document ends the batch before its first event.
    """

    events: Sequence[Recorded]
    streams: Mapping[str, Sequence[Recorded]]
    at: datetime
    put_off: Collection[str] = ()

    @staticmethod
    def of(events: Sequence[Recorded], at: datetime) -> Batch:
        """Return a batch of these events."""
        return Batch(events, by_document(events), at)


@dataclass(frozen=True, slots=True)
class Applied:
    """How far a batch came: `events` of it, up to where a document of `locked` comes first.

    `rows` are those to cache, once the transaction has committed.
    """

    events: int
    locked: Set[str] = frozenset()
    parked: Mapping[str, EventRefusal] = field(default_factory=dict)
    rows: Mapping[str, CachedRows] = field(default_factory=dict)


def add_files(
    connection: Connection,
    rows: dict[str, DocumentRows],
    streams: Mapping[str, Sequence[Recorded]],
) -> None:
    """Load the files of documents whose events are about files, which most events are not."""
    needed = [
        i
        for i, events in streams.items()
        if rows[i].files is FILES_NOT_LOADED
        and (rows[i].stream.staged or any(type(r.event) not in ABOUT_NO_FILE for r in events))
    ]
    if needed:
        for document_id, files in load_files(connection, needed).items():
            rows[document_id] = replace(rows[document_id], files=files)


def notify_applied(connection: Connection, position: int) -> None:
    """Notify listeners of the tables' position, outside the transaction that moved it.

    A transaction that notifies keeps all others that do, appends among them, from committing while
    its own commit is written to disk.
    """
    connection.execute(NOTIFY, (READ_MODELS_CHANNEL, str(position)), prepare=True)
