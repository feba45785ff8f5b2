"""How far the read models are behind the log, and what stands still."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from postgres.tracking import READ_MODELS, read_position
from projections.live.parking import ParkedDocument, parked_documents
from projections.log_reader import LogReader


@dataclass(frozen=True, slots=True)
class ProjectionStatus:
    """`lag_events` counts positions, gaps among them; `lag_seconds` is the oldest one's age."""

    position: int
    last_position: int
    lag_events: int
    lag_seconds: float
    parked: tuple[ParkedDocument, ...]


def projection_status(connection: Connection, log: LogReader, now: datetime) -> ProjectionStatus:
    """Return how far the read models are, as of `now`."""
    position = read_position(connection, READ_MODELS)
    last_position = log.last_position()
    parked = tuple(parked_documents(connection))
    lag_seconds = 0.0
    if last_position > position:
        waiting_since = [getattr(r.event, "at", now) for r in log.after(position, 1)]
        lag_seconds = max([(now - at).total_seconds() for at in waiting_since], default=0.0)
    return ProjectionStatus(
        position=position,
        last_position=last_position,
        lag_events=max(0, last_position - position),
        lag_seconds=max(0.0, lag_seconds),
        parked=parked,
    )
