"""What the read models need of the log; the reader is handed to the projector."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Recorded(Protocol):
    """An event and its position in the whole log.

    An event that could not be read is no `Event`, but has `document_id` and `version` as well.
    """

    @property
    def position(self) -> int:
        """The position in the whole log."""

    @property
    def event(self) -> Any:
        """The event."""


class LogReader(Protocol):
    """What the read models ask of the log."""

    def after(self, position: int, limit: int) -> Sequence[Recorded]:
        """Return up to `limit` events after `position`, in log order."""

    def of_document(self, document_id: str) -> Sequence[Recorded]:
        """Return the document's events in order."""

    def streams(self, document_ids: Collection[str]) -> Mapping[str, Sequence[Recorded]]:
        """Return every event of these documents, each one's in order."""

    def last_position(self) -> int:
        """Return the position of the newest event, 0 in an empty log."""


class Stretch(NamedTuple):
    """Events of the log in order; `is_last` tells that it had no more when it was read."""

    events: Sequence[Recorded]
    is_last: bool


def read_appends(log: LogReader, position: int, limit: int) -> Stretch:
    """Return about `limit` events after `position`, never only a part of one append.

    Rows made of half an append would show what no command ever made.
    """
    events = log.after(position, limit)
    if len(events) < limit:
        return Stretch(events, is_last=True)
    whole = events[: _last_append_at(events)]
    return Stretch(whole, is_last=False) if whole else read_appends(log, position, limit * 2)


def _last_append_at(events: Sequence[Recorded]) -> int:
    """Return the index of the first event of the last append: one command, one document."""
    index = len(events) - 1
    while index and _same_append(events[index - 1].event, events[index].event):
        index -= 1
    return index


def _same_append(one: Any, other: Any) -> bool:
    if one.document_id != other.document_id:
        return False
    commands = getattr(one, "command_id", None), getattr(other, "command_id", None)
    return None in commands or commands[0] == commands[1]
