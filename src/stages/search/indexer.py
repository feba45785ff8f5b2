"""Keeps the search store filled, whatever emptied it: a consumer behind the read models.

An ingestor fills the store itself. What is left is what an ingestor does not see: a store that was
dropped, emptied or made by another version of the index, events that were imported, documents that
moved to another realm. The indexer looks at every document when it starts and when the version of
the index changes, and then follows the log.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from psycopg.rows import TupleRow

from postgres.backoff import Backoff, keep_stepping
from stages.postgres_search import INDEX_VERSION
from stages.search.current import (
    PAGE_DOCUMENTS,
    Ingested,
    held_after,
    ingested_after,
    ingested_among,
)
from stages.search.filler import SearchFiller

TRACKING_NAME = "search_store"
SOURCE_NAME = "read_models"

Connection = psycopg.Connection[TupleRow]

_log = structlog.get_logger(__name__)
_BACKOFF = Backoff(1.0, 30.0)

_STEP_SECONDS = 1.0  # a rebuild waits for the row's lock, but not for long
_EMPTIED_SECONDS = 10.0
_FRUITLESS_SECONDS = 3600.0
_FIRST_RETRY_SECONDS = 60.0
_LONGEST_RETRY_SECONDS = 3600.0
_EVENTS = 2000

_ADD = "INSERT INTO tracking (projection, position) VALUES (%s, 0) ON CONFLICT DO NOTHING"
# No row: another indexer holds it.
_LOCK = "SELECT position, version FROM tracking WHERE projection = %s FOR UPDATE SKIP LOCKED"
_SOURCE = "SELECT coalesce(max(position), 0) FROM tracking WHERE projection = %s"
_MOVE = """
    UPDATE tracking SET position = %s, version = %s, updated_at = clock_timestamp()
    WHERE projection = %s
"""
# Of stages only the ingestor's completion counts: whatever else is completed resets it first.
_CHANGED = """
    SELECT max(notification_id), count(*),
        array_agg(DISTINCT originator_id) FILTER (WHERE topic = ANY (%(topics)s)
            OR topic = ANY (%(of_stages)s) AND position('"ingestor"'::bytea IN state) > 0)
    FROM (
        SELECT notification_id, originator_id, topic, state FROM docledger_events
        WHERE notification_id > %(after)s AND notification_id <= %(until)s
        ORDER BY notification_id LIMIT %(limit)s
    ) AS events
"""
_TOPICS = ["OutputFileRemoved", "DocumentChanged"]
_TOPICS_OF_STAGES = ["StageCompleted", "StageSkipped"]
# Nothing is held and something should be: emptied by DELETE, or restored without its rows.
_EMPTIED = """
    SELECT NOT EXISTS (SELECT FROM search_chunks) AND EXISTS (
        SELECT FROM documents_processing_stages p
        LEFT JOIN search_documents d ON d.document_id = p.document_id
        WHERE p.stage_name = 'ingestor' AND p.status = 'completed'
            AND (d.document_id IS NULL OR d.chunks > 0))
"""


@dataclass(frozen=True, slots=True)
class IndexStep:
    """What one step did: documents filled, and whether there is more to do at once."""

    filled: int = 0
    has_more: bool = False


@dataclass(slots=True)
class _Look:
    """A look at every document: first at those to be found, then at those that are held.

    `until` is the position from which to follow the log then, `after` the last id looked at. With
    `everything` also what does not seem due is filled.
    """

    until: int
    everything: bool = False
    after: str = ""
    at_held: bool = False
    filled: int = 0


class SearchIndexer:
    """Fills what is due; of all that run one is at work, since it holds its tracking row's lock.

    `connect` opens a connection of its own.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        filler: SearchFiller,
        poll_seconds: float = 1.0,
    ) -> None:
        self._connect = connect
        self._filler = filler
        self._poll_seconds = poll_seconds
        self._connection: Connection | None = None
        self._look: _Look | None = None
        self._has_looked = False
        self._check_emptied_at = 0.0
        self._retry_at: float | None = None
        self._retry_seconds = _FIRST_RETRY_SECONDS

    def run(self, stop: threading.Event) -> None:
        """Index until told to stop; lost connections are opened again."""
        keep_stepping(
            "the search store",
            lambda: self.step().has_more,
            stop,
            poll_seconds=self._poll_seconds,
            close=self.close,
            backoff=_BACKOFF,
        )

    def step(self) -> IndexStep:
        """Do a second's work at most, unless one document takes longer.

        Raises psycopg.Error and DocledgerError, after which what was filled stays so.
        """
        connection = self._opened()
        with connection.transaction():
            row = connection.execute(_LOCK, (TRACKING_NAME,)).fetchone()
            if row is None:
                self._look = None
                return IndexStep()
            position, version = row
            if self._is_emptied(connection):
                # Whatever is written here would be waited for by the store's own connection.
                self._look = _new_look(connection, everything=True)
            if self._retry_at is not None and time.monotonic() > self._retry_at:
                self._retry_at, self._has_looked = None, False
            if version != INDEX_VERSION or not self._has_looked or self._look is not None:
                return self._look_on(connection, position)
            return self._follow(connection, position)

    def close(self) -> None:
        """Close the connection; the next step opens another."""
        connection, self._connection = self._connection, None
        self._look = None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _opened(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            with self._connection.transaction():
                self._connection.execute(_ADD, (TRACKING_NAME,))
        return self._connection

    def _is_emptied(self, connection: Connection) -> bool:
        if time.monotonic() < self._check_emptied_at or self._look is not None:
            return False
        self._check_emptied_at = time.monotonic() + _EMPTIED_SECONDS
        row = connection.execute(_EMPTIED).fetchone()
        return bool(row and row[0])

    def _look_on(self, connection: Connection, position: int) -> IndexStep:
        """Go on with the look at every document; begin one if there is none."""
        look = self._look = self._look or _new_look(connection)
        if look.at_held:
            return self._look_at_held(connection, look, position)
        self._move(connection, position, None)
        page = ingested_after(connection, look.after, PAGE_DOCUMENTS)
        filled, reached = self._fill(it for it in page if it.is_due or look.everything)
        look.filled += filled
        if page:
            look.after = page[-1].document_id if reached is None else reached
        else:
            look.after, look.at_held = "", True
        return IndexStep(filled, has_more=True)

    def _look_at_held(self, connection: Connection, look: _Look, position: int) -> IndexStep:
        """Remove or move what is held of the next documents; without any the look is over."""
        if page := held_after(connection, look.after):
            self._filler.put_right(connection, page)
            look.after = page[-1]
            self._move(connection, position, None)
            return IndexStep(has_more=True)
        self._move(connection, look.until, INDEX_VERSION)
        self._look, self._has_looked = None, True
        if not look.filled:  # what is due cannot be filled, so that looking again soon is no use
            self._check_emptied_at = time.monotonic() + _FRUITLESS_SECONDS
        return IndexStep(has_more=True)

    def _follow(self, connection: Connection, position: int) -> IndexStep:
        """Look at the documents of the next events."""
        source = _source(connection)
        if source <= position:
            return IndexStep()
        asked = {
            "topics": _TOPICS,
            "of_stages": _TOPICS_OF_STAGES,
            "after": position,
            "until": source,
            "limit": _EVENTS,
        }
        row = connection.execute(_CHANGED, asked).fetchone()
        last, count, changed = row or (None, 0, None)
        ids = changed or []
        due = (
            []
            if not ids
            else [document for document in ingested_among(connection, ids) if document.is_due]
        )
        filled, reached = self._fill(due)
        if reached is not None:
            return IndexStep(filled, has_more=True)  # the rest is still due when it looks again
        self._filler.put_right(connection, _held_among(connection, ids))
        whole = count < _EVENTS
        self._move(connection, source if whole or last is None else last, INDEX_VERSION)
        return IndexStep(filled, has_more=not whole)

    def _fill(self, due: Iterable[Ingested]) -> tuple[int, str | None]:
        """Fill while time lasts; return how many, and the last one if time ran out."""
        until = time.monotonic() + _STEP_SECONDS
        filled = 0
        for document in due:
            if self._filler.fill(document):
                filled += 1
            elif self._retry_at is None:
                self._look_again()
            if time.monotonic() > until:
                return filled, document.document_id
        return filled, None

    def _look_again(self) -> None:
        """Have a look at every document later, since the content of one cannot be read."""
        self._retry_at = time.monotonic() + self._retry_seconds
        self._retry_seconds = min(_LONGEST_RETRY_SECONDS, 2 * self._retry_seconds)

    def _move(self, connection: Connection, position: int, version: int | None) -> None:
        connection.execute(_MOVE, (position, version, TRACKING_NAME))


def _new_look(connection: Connection, *, everything: bool = False) -> _Look:
    return _Look(_source(connection), everything)


def _held_among(connection: Connection, document_ids: list[str]) -> list[str]:
    held = "SELECT document_id FROM search_documents WHERE document_id = ANY (%s)"
    return [row[0] for row in connection.execute(held, (document_ids,))]


def _source(connection: Connection) -> int:
    row: Any = connection.execute(_SOURCE, (SOURCE_NAME,)).fetchone()
    return int(row[0])
