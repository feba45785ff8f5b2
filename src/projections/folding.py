"""Folds a stretch of one document's stream and keeps what has to be written of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from projections.draft import Draft
from projections.errors import CannotApply
from projections.fold import apply
from projections.log_reader import Recorded
from projections.rows import StreamRow


@dataclass(frozen=True, slots=True)
class EventRefusal:
    """The event at which a document is parked, and why, without any content."""

    position: int
    reason: str


class Folding(Draft):
    """The fold of one document's events.

    `first_position` is that of the first event of `apply_all`; `refusal` tells where and why the
    document is to be parked.
    """

    first_position = 0
    refusal: EventRefusal | None = None

    def apply(self, recorded: Recorded) -> None:
        """Fold one more event; raises CannotApply and changes nothing if it does not fit."""
        apply(self, recorded.position, recorded.event)

    def apply_all(self, events: Sequence[Recorded]) -> None:
        """Fold these events up to the first that does not fit, which becomes the refusal."""
        if events:
            self.first_position = events[0].position
        for recorded in events:
            try:
                apply(self, recorded.position, recorded.event)
            except Exception as error:  # whatever it is, it must not stop the other documents
                reason = _refusal_reason(recorded.event, error)
                self.refusal = EventRefusal(recorded.position, reason)
                return


def parked_stream(stream: StreamRow, refusal: EventRefusal, at: datetime) -> StreamRow:
    """Return the stream's row as that of a document that is parked since `at`."""
    return replace(
        stream, parked_at=at, parked_position=refusal.position, parked_error=refusal.reason
    )


def _refusal_reason(event: Any, error: Exception) -> str:
    """Say what is wrong in words of ours: the text of any other error might quote content."""
    topic = getattr(event, "topic", type(event).__name__)
    unreadable = getattr(event, "error", None)
    if unreadable is not None:
        return f"{topic}, version {event.version}, cannot be read: {unreadable}"
    reason = str(error) if isinstance(error, CannotApply) else type(error).__name__
    return f"{topic}, version {event.version}: {reason}"
