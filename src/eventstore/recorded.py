"""What is read of the log: its rows, and the events that they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from domain.events import Event

LogRow = tuple[str, int, str, bytes, int]
"""Document, version, topic, state and position of an event."""


@dataclass(frozen=True, slots=True)
class UnreadableEvent:
    """An event whose stored form this version of docledger cannot understand."""

    document_id: str
    version: int
    topic: str
    error: str


class RecordedEvent(NamedTuple):
    """An event and its position in the whole log; a tuple, of which many are made fast."""

    position: int
    event: Event | UnreadableEvent
