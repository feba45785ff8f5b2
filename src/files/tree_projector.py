"""Keeps the uploads tree up to date: a consumer of the log behind the read models."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psycopg
import structlog
from psycopg.rows import TupleRow

from domain import events as e
from domain.errors import DocledgerError
from domain.file_names import original_path
from domain.json_types import JsonObject
from files.tree import DocumentTree
from postgres.backoff import keep_stepping

TRACKING_NAME = "uploads_tree"
SOURCE_NAME = "read_models"
MAX_EVENTS = 1000
STEP_SECONDS = 5.0  # no longer, lest the server ends the transaction as an idle one
LEFTOVERS_SECONDS = 3600.0

Connection = psycopg.Connection[TupleRow]

_log = structlog.get_logger()

# No row: another projector holds it, or there is none yet.
_LOCK_POSITION = "SELECT position FROM tracking WHERE projection = %s FOR UPDATE SKIP LOCKED"
_ADD_POSITION = """
    INSERT INTO tracking (projection, position, updated_at) VALUES (%s, 0, now())
    ON CONFLICT DO NOTHING
"""
_MOVE_POSITION = "UPDATE tracking SET position = %s, updated_at = now() WHERE projection = %s"
_SOURCE_POSITION = "SELECT position FROM tracking WHERE projection = %s"

LEAVES_FILES = frozenset(
    event_type.__name__
    for event_type in (
        e.DocumentChanged,
        e.StageRequested,
        e.StageStarted,
        e.StageFailed,
        e.StageRetried,
        e.WorkflowPaused,
        e.WorkflowResumed,
        e.WorkflowCancelled,
        e.WorkflowCompleted,
    )
)
"""Topics of events after which a document has the files that it had: most of the log.

One that parks its document may leave it without files that are due; those came by other events,
which are looked at, and then again until it is parked no more.
"""

# The documents with events after a position, in the order of their first one, and whether any of
# these may change files.
_CHANGED = """
    SELECT originator_id, min(notification_id), max(notification_id), count(*),
        bool_or(topic <> ALL (%s))
    FROM (
        SELECT originator_id, notification_id, topic FROM docledger_events
        WHERE notification_id > %s AND notification_id <= %s
        ORDER BY notification_id LIMIT %s
    ) AS events
    GROUP BY originator_id ORDER BY 2
"""
_DUE = "SELECT document_id FROM uploads_tree_retries WHERE due_at <= now() ORDER BY due_at LIMIT 50"

# One statement, so that all that is read of a document is of one moment.
_WANTED = """
    SELECT asked.id, s.parked_at IS NOT NULL, s.original_name, s.original_checksum, (
        SELECT jsonb_object_agg(f.file_path, f.checksum) FROM stage_output_files f
        WHERE f.document_id = asked.id AND f.checksum IS NOT NULL
            AND s.file_versions -> (f.stage_name || ':' || f.file_type) IS DISTINCT FROM '0'
    ), (
        -- Version 0 was imported: its content is what its owner puts there.
        SELECT array_agg(f.file_path) FROM stage_output_files f
        WHERE f.document_id = asked.id
            AND s.file_versions -> (f.stage_name || ':' || f.file_type) = '0'
    )
    FROM unnest(%s::text[]) AS asked (id)
    JOIN documents d ON d.id = asked.id
    JOIN document_streams s ON s.document_id = asked.id
"""
_RETRY = """
    INSERT INTO uploads_tree_retries AS r (document_id, failures, due_at, reason)
    VALUES (%s, 1, clock_timestamp() + interval '1 second', %s)
    ON CONFLICT (document_id) DO UPDATE SET failures = r.failures + 1, reason = excluded.reason,
        due_at = clock_timestamp() + least(300, 2 ^ least(r.failures, 9)) * interval '1 second'
"""
_FORGET = "DELETE FROM uploads_tree_retries WHERE document_id = ANY (%s)"


@dataclass(frozen=True, slots=True)
class TreeStep:
    """What one step did: the tracking position after it, documents done, those to be retried."""

    position: int
    documents: int = 0
    failures: int = 0
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class _Work:
    """The documents to look at; `first_positions` has no entry for one that is only retried."""

    end: int
    is_whole: bool
    document_ids: list[str]
    first_positions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Wanted:
    files: Mapping[str, str]
    kept: Collection[str] = ()
    is_parked: bool = False


_GONE = _Wanted({})


class TreeProjector:
    """Makes the folders of changed documents match the read models, any number of times over.

    Of all that run, one is at work: it holds its tracking row's lock and the tree's own while it
    reads the tables and writes files. What fails for one document is tried again later, at most
    every five minutes, and keeps no other back. `connect` opens a connection of its own.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        tree: DocumentTree,
        poll_seconds: float = 0.5,
        max_events: int = MAX_EVENTS,
    ) -> None:
        self._connect = connect
        self._tree = tree
        self._poll_seconds = poll_seconds
        self._max_events = max_events
        self._connection: Connection | None = None

    def run(self, stop: threading.Event) -> None:
        """Follow the read models until told to stop; lost connections are made anew."""
        self._clear_leftovers()
        keep_stepping(
            "the uploads tree",
            self._has_more,
            stop,
            poll_seconds=self._poll_seconds,
            close=self.close,
        )

    def _has_more(self) -> bool:
        step = self.step()
        return step is not None and step.has_more

    def step(self) -> TreeStep | None:
        """Bring a batch of documents up to date; None when another process is at it.

        Raises psycopg.Error and StorageError, after which nothing is recorded as done.
        """
        connection = self._opened()
        with connection.transaction():
            row = connection.execute(_LOCK_POSITION, (TRACKING_NAME,)).fetchone()
            if row is not None:
                # Keeps off a process that lost its connection, too, until it has stopped writing.
                with self._tree.exclusive() as is_held:
                    return self._step(connection, row[0]) if is_held else None
        _add_position(connection)
        return None

    def close(self) -> None:
        """Close the connection; the next step opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _opened(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            _add_position(self._connection)
        return self._connection

    def _step(self, connection: Connection, position: int) -> TreeStep:
        work = self._work(connection, position)
        if not work.document_ids:
            if work.end > position:
                connection.execute(_MOVE_POSITION, (work.end, TRACKING_NAME))
            return TreeStep(max(position, work.end), has_more=not work.is_whole)
        wanted = _load_wanted(connection, work.document_ids)
        done, reasons = self._reconcile(work.document_ids, wanted)
        self._tree.sync()
        _record(connection, done, reasons)
        reached = _reached(work, len(done) + len(reasons))
        connection.execute(_MOVE_POSITION, (reached, TRACKING_NAME))
        has_more = reached < work.end or not work.is_whole
        return TreeStep(reached, len(done), len(reasons), has_more)

    def _work(self, connection: Connection, position: int) -> _Work:
        row = connection.execute(_SOURCE_POSITION, (SOURCE_NAME,)).fetchone()
        source = max(row[0] if row else 0, position)
        asked = (list(LEAVES_FILES), position, source, self._max_events)
        changed = connection.execute(_CHANGED, asked).fetchall()
        is_whole = sum(count for *_, count, _ in changed) < self._max_events
        end = source if is_whole else max(last for _, _, last, _, _ in changed)
        first_positions = {document_id: first for document_id, first, *_, may in changed if may}
        due = [document_id for (document_id,) in connection.execute(_DUE)]
        # Those due come first: a step that runs out of time must not put them off again.
        document_ids = list(dict.fromkeys([*due, *first_positions]))
        return _Work(end, is_whole, document_ids, first_positions)

    def _reconcile(
        self, document_ids: list[str], wanted: Mapping[str, _Wanted]
    ) -> tuple[list[str], dict[str, str]]:
        """Go through the documents while time lasts; gives those done and why others are not."""
        until = time.monotonic() + STEP_SECONDS
        done: list[str] = []
        reasons: dict[str, str] = {}
        for document_id in document_ids:
            if time.monotonic() > until and (done or reasons):
                break
            reason = self._reconcile_one(document_id, wanted.get(document_id, _GONE))
            if reason is None:
                done.append(document_id)
            else:
                reasons[document_id] = reason
        return done, reasons

    def _reconcile_one(self, document_id: str, wanted: _Wanted) -> str | None:
        """Bring one folder up to date; gives why it has to be looked at again, if it has."""
        try:
            self._tree.reconcile(document_id, wanted.files, wanted.kept)
        except DocledgerError as error:
            reason = str(error)
        except Exception as error:  # whatever it is, other documents must go on
            reason = type(error).__name__
        else:
            return "parked" if wanted.is_parked else None
        _log.warning("a document's folder is not up to date", document_id=document_id, why=reason)
        return reason

    def _clear_leftovers(self) -> None:
        with suppress(DocledgerError):
            self._tree.sweep(LEFTOVERS_SECONDS)


def _add_position(connection: Connection) -> None:
    """Add the tracking row if there is none, committed at once so that nobody waits for it."""
    with connection.transaction():
        connection.execute(_ADD_POSITION, (TRACKING_NAME,))


def _load_wanted(connection: Connection, document_ids: list[str]) -> dict[str, _Wanted]:
    """Load the files of documents; one that is gone is absent."""
    rows = connection.execute(_WANTED, (document_ids,))
    return {row[0]: _wanted(*row) for row in rows}


def _wanted(
    document_id: str,
    is_parked: bool,
    original_name: str | None,
    original_checksum: str | None,
    outputs: JsonObject | None,
    imported: list[str] | None,
) -> _Wanted:
    files = dict(outputs or {})
    if original_checksum is not None:
        files[original_path(document_id, original_name)] = original_checksum
    return _Wanted(files, frozenset(imported or ()), is_parked)


def _record(connection: Connection, done: list[str], reasons: Mapping[str, str]) -> None:
    connection.execute(_FORGET, (done,))
    for document_id, reason in reasons.items():
        connection.execute(_RETRY, (document_id, reason))


def _reached(work: _Work, count: int) -> int:
    """Give the position up to which every changed document was among the first `count`."""
    left = [work.first_positions.get(document_id) for document_id in work.document_ids[count:]]
    firsts = [first for first in left if first is not None]
    return min(firsts) - 1 if firsts else work.end
