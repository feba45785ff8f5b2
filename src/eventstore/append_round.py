"""One round of group commit: decide waiting commands in order, append, tell what came of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from domain.commands import Command, DeleteDocument, RegisterDocument
from domain.decisions import decide
from domain.document_workflow import DocumentWorkflow
from domain.errors import DocumentExists, LogUnreadable, VersionMismatch
from domain.events import DocumentRegistered, Event
from domain.json_types import JsonObject
from eventstore.mapper import parse_time, personal_part
from eventstore.recorded import RecordedEvent
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
    """A command whose caller waits until `deadline`, in the time of `time.monotonic`.

    `has_begun` tells that it cannot be cancelled any more, `is_answered` that its caller has an
    answer, `is_sent` that its append is under way; `beaten` counts appends that lost to another
    writer's; `in_doubt_after` is the version after which its events stand if an append landed whose
    answer was lost.
    """

    command: Command
    expected_version: int | None
    future: Future[Committed]
    deadline: float
    beaten: int = 0
    is_sent: bool = False
    has_begun: bool = False
    is_answered: bool = False
    in_doubt_after: int | None = None

    @property
    def may_have_landed(self) -> bool:
        """True if the command may be in the log, though no answer has told."""
        return self.is_sent or self.in_doubt_after is not None

    @property
    def document_id(self) -> str:
        """The document that the command is for."""
        return self.command.document_id

    def begin(self) -> bool:
        """Tell whether an answer is still wanted; from now on the future cannot be cancelled."""
        if self.is_answered:
            return False
        if not self.has_begun:
            try:
                self.has_begun = self.future.set_running_or_notify_cancel()
            except RuntimeError:  # answered at its deadline since it was looked at
                return False
        return self.has_begun

    def answer(self, committed: Committed) -> None:
        """Give the caller its answer, unless it has one."""
        if not self.is_answered:
            self.is_answered = True
            with suppress(InvalidStateError):
                self.future.set_result(committed)

    def fail(self, error: Exception) -> None:
        """Give the caller the reason for a failure, unless it has an answer."""
        if not self.is_answered:
            self.is_answered = True
            with suppress(InvalidStateError):
                self.future.set_exception(error)


@dataclass(slots=True)
class _Decided:
    waiting: Waiting
    events: tuple[Event, ...] = ()
    state: DocumentWorkflow | None = None
    failure: Exception | None = None


Answer = Committed | Exception | None
"""What a command led to, why it led to nothing, or None: to be decided again on newer state."""


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
    _broken: dict[str, LogUnreadable] = field(default_factory=dict)
    _moved: set[str] = field(default_factory=set)

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
            decision = decide.decided(state, waiting.command)
        except Exception as failure:
            # A refusal, or a defect: either is this command's own.
            self._decided.append(_Decided(waiting, failure=failure))
            return True
        self._states[document_id] = decision.state
        self._decided.append(_Decided(waiting, tuple(decision.events), decision.state))
        if isinstance(waiting.command, DeleteDocument):
            self._closed.add(document_id)
        return True

    def waiting(self) -> list[Waiting]:
        """Return the commands decided in this round."""
        return [decided.waiting for decided in self._decided]

    def events(self) -> list[Event]:
        """Return every event to append, in order."""
        return [event for decided in self._decided for event in decided.events]

    def sealing(self) -> set[tuple[str, int]]:
        """Return the documents, each with its life, of which events are to be sealed.

        A life that begins in this round has no key yet.
        """
        events = self.events()
        begun = {event.document_id for event in events if isinstance(event, DocumentRegistered)}
        sealed = {event.document_id for event in events if personal_part(event)}
        return {(document_id, self._states[document_id].life) for document_id in sealed - begun}

    def append(self) -> Append:
        """Return what has to change in the same transaction."""
        append = Append(lives={i: state.life for i, state in self._states.items()})
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

    def mark_sent(self, *, is_sent: bool) -> None:
        """Note for each command with events whether its append is under way."""
        for decided in self._decided:
            decided.waiting.is_sent = is_sent and bool(decided.events)

    def mark_in_doubt(self) -> None:
        """Note that the append may have landed."""
        for decided in self._decided:
            waiting = decided.waiting
            if decided.events and waiting.in_doubt_after is None:
                waiting.in_doubt_after = self.snapshots[waiting.document_id].state.version

    def answers(self, append: Append) -> Iterator[tuple[Waiting, Answer]]:
        """Give each command's answer, after the append of its round.

        Leaves in `snapshots` what is now known of the documents, `fresh` telling the newest.
        """
        events = self.events()
        landed = {event.document_id for event in events} - append.refusals.keys()
        self.fresh |= landed
        stored = iter(zip(events, append.stored, strict=True))
        for decided in self._decided:
            document_id = decided.waiting.document_id
            own = [next(stored) for _ in decided.events]
            if document_id in append.refusals:
                yield decided.waiting, _refusal(decided, append.refusals)
            elif own:
                yield decided.waiting, self._landed(decided, own)
            elif document_id in self.fresh:
                snapshot = self.snapshots[document_id]
                yield decided.waiting, decided.failure or Committed.of(snapshot)
            else:
                yield decided.waiting, None
        self.fresh -= append.refusals.keys()

    def _landed(
        self, decided: _Decided, own: list[tuple[Event, tuple[int, str] | None]]
    ) -> Committed | LogUnreadable:
        document_id = decided.waiting.document_id
        if document_id in self._broken:
            return self._broken[document_id]
        recorded = tuple(
            RecordedEvent(stored[0], event.happened_at(parse_time(stored[1])))
            for event, stored in own
            if stored is not None
        )
        if any(stored.event is not event for stored, (event, _) in zip(recorded, own, strict=True)):
            self._moved.add(document_id)
        # The state that was decided on holds unless the append moved a time on.
        known = None if document_id in self._moved else decided.state
        try:
            snapshot = self.snapshots[document_id].after(recorded, self.view, known)
        except LogUnreadable as error:
            # It landed all the same; what follows is decided anew, from the log.
            self._broken[document_id] = error
            self.fresh.discard(document_id)
            return error
        self.snapshots[document_id] = snapshot
        return Committed.of(snapshot, recorded)


def _check_version(state: DocumentWorkflow, waiting: Waiting) -> None:
    expected = waiting.expected_version
    if expected is not None and expected != state.version:
        raise VersionMismatch(
            f"Document '{state.id}' is at version {state.version}, not {expected}; read it again.",
            current_version=state.version,
        )


def _document_row(command: RegisterDocument, event_number: int) -> JsonObject:
    return {
        "id": command.document_id,
        "title": command.title,
        "content": command.content,
        "realm_id": command.realm_id,
        "event_number": event_number,
    }


def _refusal(decided: _Decided, refusals: Mapping[str, str]) -> DocumentExists | None:
    document_id = decided.waiting.document_id
    registers = isinstance(decided.waiting.command, RegisterDocument)
    if refusals[document_id] == "exists" and registers:
        return DocumentExists(
            f"There is a document '{document_id}' already; "
            "choose another id or delete that document first."
        )
    return None
