"""Aggregates as of their newest known version, kept in memory between commands."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from domain.document_workflow import DocumentWorkflow, evolve
from domain.errors import LogUnreadable
from domain.events import Event
from eventstore.history import History
from eventstore.recorded import RecordedEvent


class View(Protocol):
    """A pure fold kept beside the aggregate, so that a write can answer with what it made."""

    def none(self, document_id: str) -> Any:
        """Return what there is before a stream's first event."""

    def fold(self, rows: Any, position: int, event: Event) -> Any:
        """Return the rows after the event."""


class NoView:
    """Keeps nothing beside the aggregate."""

    def none(self, document_id: str) -> None:
        """Return None."""

    def fold(self, rows: None, position: int, event: Event) -> None:
        """Return None."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One document as of `state.version`, whose event is at `position` in the log."""

    state: DocumentWorkflow
    rows: Any
    position: int

    @staticmethod
    def unborn(document_id: str, view: View) -> Snapshot:
        """Return the snapshot ahead of the stream's first event."""
        return Snapshot(DocumentWorkflow.unborn(document_id), view.none(document_id), 0)

    def after(
        self,
        events: Iterable[RecordedEvent],
        view: View,
        known: DocumentWorkflow | None = None,
    ) -> Snapshot:
        """Return the snapshot after these events; raises LogUnreadable for one it cannot use.

        `known` is the state after them if somebody has it already.
        """
        state, rows, position = self.state, self.rows, self.position
        for recorded in events:
            event = recorded.event
            if not isinstance(event, Event):
                raise LogUnreadable(
                    f"Event {event.version} of document '{state.id}' cannot be read: {event.error}."
                )
            try:
                if known is None:
                    state = evolve(state, event)
                rows = view.fold(rows, recorded.position, event)
            except Exception as error:
                raise LogUnreadable(
                    f"Event {event.version} of document '{state.id}' does not fit the ones "
                    f"before it: {type(error).__name__}."
                ) from error
            position = recorded.position
        return Snapshot(state if known is None else known, rows, position)


@dataclass(slots=True)
class _Kept:
    snapshot: Snapshot
    begun_at: float
    is_behind: bool = False


class Snapshots:
    """The last `size` snapshots used. A snapshot may be behind the log; the append tells.

    After a minute a document is read anew from its first event, so that what was erased is gone
    from here as well.
    """

    def __init__(
        self, history: History, view: View, size: int, forget_seconds: float = 60.0
    ) -> None:
        self.view = view
        self._history = history
        self._size = size
        self._forget_seconds = forget_seconds
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def recall(self, document_id: str) -> Snapshot | None:
        """Return what is remembered of the document, unless it is known to be behind."""
        kept = self._young(document_id)
        return None if kept is None or kept.is_behind else kept.snapshot

    def keep(self, document_id: str, snapshot: Snapshot) -> None:
        """Remember the snapshot, forgetting the one unused for longest."""
        before = self._kept.pop(document_id, None)
        begun_at = time.monotonic() if before is None else before.begun_at
        self._kept[document_id] = _Kept(snapshot, begun_at)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def suspect(self, document_id: str) -> None:
        """Have the document brought up to the log's end before it is used again."""
        if document_id in self._kept:
            self._kept[document_id].is_behind = True

    def forget(self, document_id: str) -> None:
        """Read the document from the log's start the next time."""
        self._kept.pop(document_id, None)

    def refresh(self, document_ids: Iterable[str]) -> dict[str, Snapshot | LogUnreadable]:
        """Bring the documents up to the log's end, in one query; unreadable ones give an error."""
        known = {i: self._base(i) for i in set(document_ids)}
        streams = self._history.since({i: base.state.version for i, base in known.items()})
        return {i: self._forward(i, known[i], events) for i, events in streams.items()}

    def replay(
        self, streams: Mapping[str, list[RecordedEvent]]
    ) -> dict[str, Snapshot | LogUnreadable]:
        """Take the documents as these whole streams make them."""
        for document_id in streams:
            self.forget(document_id)
        return {i: self._forward(i, self._base(i), events) for i, events in streams.items()}

    def _forward(
        self, document_id: str, base: Snapshot, events: list[RecordedEvent]
    ) -> Snapshot | LogUnreadable:
        try:
            snapshot = base.after(events, self.view)
        except LogUnreadable as error:
            return error
        self.keep(document_id, snapshot)
        return snapshot

    def _base(self, document_id: str) -> Snapshot:
        kept = self._young(document_id)
        return Snapshot.unborn(document_id, self.view) if kept is None else kept.snapshot

    def _young(self, document_id: str) -> _Kept | None:
        kept = self._kept.get(document_id)
        if kept is not None and time.monotonic() - kept.begun_at > self._forget_seconds:
            del self._kept[document_id]
            return None
        return kept
