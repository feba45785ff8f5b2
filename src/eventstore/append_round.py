"""One round of group commit: decide waiting commands in order, append, tell what came of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from domain.commands import Command, DeleteDocument, RegisterDocument
from domain.decisions import decide
from domain.document_workflow import DocumentWorkflow, evolve
from domain.errors import DocumentExists, Refused, VersionMismatch
from domain.events import DocumentRegistered, Event
from eventstore.history import RecordedEvent
from eventstore.mapper import parse_time
from eventstore.recorder import Append
from eventstore.snapshots import Snapshot, View


@dataclass(frozen=True, slots=True)
class Committed:
    """What a command made: its events, and the document as of the last of them.

    A command that found everything done already has no events.
    """

    document_id: str
    version: int
    position: int
    events: tuple[RecordedEvent, ...]
    state: DocumentWorkflow
    rows: Any

    @staticmethod
    def of(snapshot: Snapshot, events: tuple[RecordedEvent, ...] = ()) -> Committed:
        """Return the answer for a document that stands as in `snapshot`."""
        state = snapshot.state
        return Committed(state.id, state.version, snapshot.position, events, state, snapshot.rows)


@dataclass(eq=False, slots=True)
class Waiting:
    """A command whose caller waits; `in_doubt_after` is set once an append of it got lost."""

    command: Command
    expected_version: int | None
    future: Future[Committed]
    deadline: float
    tries: int = 0
    in_doubt_after: int | None = None

    @property
    def document_id(self) -> str:
        """The document that the command is for."""
        return self.command.document_id


@dataclass(slots=True)
class _Decided:
    waiting: Waiting
    events: tuple[Event, ...] = ()
    refusal: Refused | None = None


@dataclass
class AppendRound:
    """Decides commands against `snapshots`, of which `fresh` ones are known to be the newest.

    Decisions of one document build on each other: they win or lose together.
    """

    snapshots: dict[str, Snapshot]
    fresh: set[str]
    view: View
    _states: dict[str, DocumentWorkflow] = field(default_factory=dict)
    _decided: list[_Decided] = field(default_factory=list)
    _closed: set[str] = field(default_factory=set)

    def decide(self, waiting: Waiting) -> bool:
        """Decide the command; False if it has to wait for the next round.

        What follows a deletion waits, since a row of `documents` cannot go and come in one append.
        """
        document_id = waiting.document_id
        if document_id in self._closed:
            return False
        state = self._states.get(document_id) or self.snapshots[document_id].state
        try:
            _check_version(state, waiting)
            events = decide(state, waiting.command)
        except Refused as refusal:
            self._decided.append(_Decided(waiting, refusal=refusal))
            return True
        for event in events:
            state = evolve(state, event)
        self._states[document_id] = state
        self._decided.append(_Decided(waiting, events))
        if isinstance(waiting.command, DeleteDocument):
            self._closed.add(document_id)
        return True

    def waiting(self) -> list[Waiting]:
        """Return the commands decided in this round."""
        return [decided.waiting for decided in self._decided]

    def appended(self) -> list[Event]:
        """Return every event to append, in order, their times never going back."""
        events: list[Event] = []
        for decided in self._decided:
            for event in decided.events:
                behind = bool(events) and event.at < events[-1].at
                events.append(event.happened_at(events[-1].at) if behind else event)
        return events

    def append(self) -> Append:
        """Return what has to change in the same transaction."""
        append = Append()
        number = 0
        for decided in self._decided:
            command = decided.waiting.command
            for event in decided.events:
                number += 1
                if isinstance(event, DocumentRegistered) and isinstance(command, RegisterDocument):
                    append.registrations.append(_document_row(command, number))
            if isinstance(command, DeleteDocument) and decided.events:
                append.deleted_ids.append(command.document_id)
        return append

    def answers(
        self, append: Append, events: list[Event]
    ) -> Iterator[tuple[Waiting, Committed | Refused | None]]:
        """Give each command's answer, None for one to be decided again on newer state.

        Leaves in `snapshots` what is now known of the documents that won.
        """
        stored = iter(zip(events, append.stored, strict=True))
        touched: set[str] = set()
        for decided in self._decided:
            document_id = decided.waiting.document_id
            landed = [next(stored) for _ in decided.events]
            if document_id in append.refusals:
                yield decided.waiting, _refusal(decided, append.refusals)
            elif decided.events:
                touched.add(document_id)
                yield decided.waiting, self._landed(document_id, landed)
            elif document_id in touched or document_id in self.fresh:
                snapshot = self.snapshots[document_id]
                yield decided.waiting, decided.refusal or Committed.of(snapshot)
            else:
                yield decided.waiting, None

    def _landed(
        self, document_id: str, landed: list[tuple[Event, tuple[int, str] | None]]
    ) -> Committed:
        recorded = tuple(
            RecordedEvent(stored[0], event.happened_at(parse_time(stored[1])))
            for event, stored in landed
            if stored is not None
        )
        snapshot = self.snapshots[document_id].after(recorded, self.view)
        self.snapshots[document_id] = snapshot
        return Committed.of(snapshot, recorded)


def _check_version(state: DocumentWorkflow, waiting: Waiting) -> None:
    expected = waiting.expected_version
    if expected is not None and expected != state.version:
        raise VersionMismatch(
            f"Document '{state.id}' is at version {state.version}, not {expected}; read it again.",
            current_version=state.version,
        )


def _document_row(command: RegisterDocument, event_number: int) -> dict[str, Any]:
    return {
        "id": command.document_id,
        "title": command.title,
        "content": command.content,
        "realm_id": command.realm_id,
        "event_number": event_number,
    }


def _refusal(decided: _Decided, refusals: Mapping[str, str]) -> Refused | None:
    document_id = decided.waiting.document_id
    registers = isinstance(decided.waiting.command, RegisterDocument)
    if refusals[document_id] == "exists" and registers:
        return DocumentExists(
            f"There is a document '{document_id}' already; "
            "choose another id or delete that document first."
        )
    return None
