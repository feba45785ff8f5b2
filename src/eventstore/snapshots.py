"""Aggregates as of their newest known version, kept in memory between commands."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from domain.document_workflow import DocumentWorkflow, evolve
from domain.errors import LogUnreadable
from domain.events import Event
from eventstore.history import History, RecordedEvent


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

    def after(self, events: Iterable[RecordedEvent], view: View) -> Snapshot:
        """Return the snapshot after these events; raises LogUnreadable for one it cannot read."""
        state, rows, position = self.state, self.rows, self.position
        for recorded in events:
            if not isinstance(recorded.event, Event):
                raise LogUnreadable(
                    f"Event {recorded.event.version} of document '{state.id}' cannot be read: "
                    f"{recorded.event.error}."
                )
            state = evolve(state, recorded.event)
            rows = view.fold(rows, recorded.position, recorded.event)
            position = recorded.position
        return Snapshot(state, rows, position)


class Snapshots:
    """The last `size` snapshots used. A snapshot may be behind the log; the append tells."""

    def __init__(self, history: History, view: View, size: int) -> None:
        self.view = view
        self._history = history
        self._size = size
        self._kept: OrderedDict[str, Snapshot] = OrderedDict()

    def recall(self, document_id: str) -> Snapshot | None:
        """Return what is remembered of the document."""
        found = self._kept.get(document_id)
        if found is not None:
            self._kept.move_to_end(document_id)
        return found

    def keep(self, document_id: str, snapshot: Snapshot) -> None:
        """Remember the snapshot, forgetting the one unused for longest."""
        self._kept[document_id] = snapshot
        self._kept.move_to_end(document_id)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def forget(self, document_id: str) -> None:
        """Read the document from the log's start the next time."""
        self._kept.pop(document_id, None)

    def refresh(
        self, document_ids: Iterable[str], *, locked: bool = False
    ) -> dict[str, Snapshot | LogUnreadable]:
        """Bring the documents up to the log's end, in one query; unreadable ones give an error."""
        known = {
            i: self._kept.get(i) or Snapshot.unborn(i, self.view) for i in set(document_ids)
        }
        versions = {i: snapshot.state.version for i, snapshot in known.items()}
        streams = self._history.since(versions, locked=locked)
        fresh: dict[str, Snapshot | LogUnreadable] = {}
        for document_id, events in streams.items():
            try:
                snapshot = known[document_id].after(events, self.view)
            except LogUnreadable as error:
                fresh[document_id] = error
                continue
            fresh[document_id] = snapshot
            self.keep(document_id, snapshot)
        return fresh
