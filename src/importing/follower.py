"""Brings into the log what other applications do to `documents`.

Triggers note each change in its own transaction. A note is gone with the append that it led to, so
that nothing is done twice and nothing is lost, whoever dies when.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

import psycopg

from domain.commands import Context, DeleteDocument
from domain.decisions.decide import decide
from domain.document_workflow import DocumentWorkflow, evolve
from domain.errors import PipelineInvalid
from domain.events import DocumentChanged, DocumentRegistered, Event, RegisteredPersonal
from domain.pipeline import StageDependency
from eventstore.application import WorkflowApplication
from eventstore.bulk_append import (
    BulkStream,
    RowWanted,
    bulk_append,
    bulk_stream,
    forget_keys,
    prepare_bulk_appends,
)
from eventstore.history import History
from eventstore.recorded import RecordedEvent
from importing.registrations import LONGEST_ID, DocumentRow, Registrations, rows_named, state_of
from postgres import advisory_locks
from postgres.backoff import keep_going

_log = logging.getLogger(__name__)

Connection = psycopg.Connection

ACTOR = "another application"

_NOTES = """
    SELECT number, document_id, change, version FROM docledger_document_changes
    ORDER BY number LIMIT %s
"""
_FORGET = "DELETE FROM docledger_document_changes WHERE number = ANY (%s)"


class _Note(NamedTuple):
    number: int
    document_id: str
    change: str
    version: int | None


@dataclass(frozen=True, slots=True)
class _Changed:
    """What happened to one document, and how it stands in the log and in `documents`."""

    notes: Sequence[_Note]
    stream: Sequence[RecordedEvent]
    row: DocumentRow | None

    def was_deleted(self) -> bool:
        """Tell whether the row that the log knows was deleted, even if there is one again.

        A deletion that was noted before the document was registered anew says nothing of it.
        """
        deletions = [note for note in self.notes if note.change == "deleted"]
        if self.row is None:
            return bool(deletions)
        registered = max(
            (r.event.version for r in self.stream if isinstance(r.event, DocumentRegistered)),
            default=0,
        )
        return any((note.version or 0) >= registered for note in deletions)

    def noted(self, change: str) -> bool:
        """Tell whether this was done to the document."""
        return any(note.change == change for note in self.notes)


class LegacyChanges:
    """Looks for changes every `poll_seconds`; of all that run, one at a time is at work.

    `connect` opens its connection; `pipeline` gives the stages of new workflows.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        application: WorkflowApplication,
        pipeline: Callable[[], tuple[StageDependency, ...]],
        *,
        poll_seconds: float = 1.0,
        batch_changes: int = 1000,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connect = connect
        self._application = application
        self._pipeline = pipeline
        self._poll_seconds = poll_seconds
        self._batch_changes = batch_changes
        self._clock = clock
        self._stop = threading.Event()

    def run(self) -> None:
        """Follow until `stop`, whatever becomes of the database in between."""
        keep_going("the follower of documents", self._session, self._stop)

    def stop(self) -> None:
        """End `run` soon. Callable from any thread."""
        self._stop.set()

    def _session(self) -> None:
        with self._connect() as connection:
            connection.autocommit = True
            prepare_bulk_appends(connection)
            while not self._stop.is_set():
                if self.follow(connection) < self._batch_changes:
                    self._stop.wait(self._poll_seconds)

    def follow(self, connection: Connection) -> int:
        """Bring the oldest changes into the log; return how many were dealt with.

        `connection` has been prepared for bulk appends.
        """
        with connection.transaction():
            if not advisory_locks.take_for_transaction(connection, advisory_locks.FOLLOWER):
                return 0
            notes = [_Note(*row) for row in connection.execute(_NOTES, (self._batch_changes,))]
            if not notes:
                return 0
            lost = self._append(connection, notes)
            done = [note.number for note in notes if note.document_id not in lost]
            connection.execute(_FORGET, (done,))
        return len(done)

    def _append(self, connection: Connection, notes: Iterable[_Note]) -> frozenset[str]:
        """Append what the notes lead to; return the documents that are to be looked at again."""
        by_document: dict[str, list[_Note]] = {}
        for note in notes:
            if len(note.document_id) <= LONGEST_ID:
                by_document.setdefault(note.document_id, []).append(note)
        rows = {row.document_id: row for row in rows_named(connection, by_document.keys())}
        context = Context(at=self._clock(), actor=ACTOR, command_id=str(uuid4()))
        registrations, put_off = self._registrations(by_document)
        for document_id in put_off:
            del by_document[document_id]
        new = registrations.new_streams(_new(by_document, rows), context)
        others = self._others(by_document, rows, registrations, context)
        try:
            return bulk_append(connection, [*new, *others]).lost | put_off
        finally:
            forget_keys(self._application.keys, others)

    def _registrations(
        self, by_document: Mapping[str, Sequence[_Note]]
    ) -> tuple[Registrations, frozenset[str]]:
        """Return how documents come in, and those that have to wait until the stages are right."""
        try:
            return Registrations(self._application, self._pipeline()), frozenset()
        except PipelineInvalid as error:
            _log.error("documents of others cannot be registered", extra={"why": str(error)})
        inserted = {i for i, notes in by_document.items() if _inserted(notes)}
        return Registrations(self._application, ()), frozenset(inserted)

    def _others(
        self,
        by_document: Mapping[str, Sequence[_Note]],
        rows: Mapping[str, DocumentRow],
        registrations: Registrations,
        context: Context,
    ) -> list[BulkStream]:
        """Return what documents go on with that the log knows already."""
        known = [i for i in by_document if i not in rows or rows[i].version]
        recorded = History(self._application).streams(known)
        states = {i: state_of(i, recorded[i]) for i in known}
        self._application.keys.prefetch_for_sealing(
            [(i, state.life) for i, state in states.items() if state.registered]
        )
        streams = []
        for document_id, state in states.items():
            changed = _Changed(
                by_document[document_id], recorded[document_id], rows.get(document_id)
            )
            events = _events(changed, state, registrations, context)
            if events:
                begun = sum(isinstance(event, DocumentRegistered) for event in events)
                wanted = RowWanted.ABSENT if changed.row is None else RowWanted.PRESENT
                mapper = self._application.event_mapper
                streams.append(bulk_stream(mapper, events, state.life + begun, wanted))
        return streams


def _new(
    by_document: Mapping[str, Sequence[_Note]], rows: Mapping[str, DocumentRow]
) -> list[DocumentRow]:
    """Return the rows of documents that were inserted and that the log has never heard of."""
    inserted = {i for i, notes in by_document.items() if _inserted(notes)}
    return [row for i, row in rows.items() if i in inserted and not row.version]


def _inserted(notes: Sequence[_Note]) -> bool:
    return any(note.change == "inserted" for note in notes)


def _events(
    changed: _Changed, state: DocumentWorkflow, registrations: Registrations, context: Context
) -> list[Event]:
    """Return the events that bring the log to where the row is."""
    events: list[Event] = []
    if state.registered and changed.was_deleted():
        events += decide(state, DeleteDocument(document_id=state.id, context=context))
        state = evolve(state, events[-1])
    if changed.row is None:
        return events
    if not state.registered and (events or changed.noted("inserted")):
        events += decide(state, registrations.command(changed.row, context))
    elif state.registered and changed.noted("changed"):
        events.append(_described(state, changed.row, context))
    return events


def _described(state: DocumentWorkflow, row: DocumentRow, context: Context) -> DocumentChanged:
    return DocumentChanged(
        document_id=state.id,
        version=state.version + 1,
        at=context.at,
        actor=context.actor,
        command_id=context.command_id,
        realm_id=row.realm_id,
        personal=RegisteredPersonal(title=row.title or "", file_name=state.original_name),
    )
