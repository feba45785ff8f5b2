"""How rebuilds of the read models are asked for and shown."""

from __future__ import annotations

from typing import Literal

from api.reads.shapes import time_text
from api.schemas import Answered, Sent, Time
from domain.json_types import JsonMapping, JsonObject

Table = Literal[
    "processing_workflows",
    "documents_processing_stages",
    "stage_output_files",
    "document_streams",
]
Phase = Literal[
    "preparing",
    "folding",
    "filling",
    "indexing",
    "catching_up",
    "swapping",
    "cleaning_up",
    "done",
    "failed",
]
_KILLED = "its process died; the live tables are as they were"


class NewRebuild(Sent):
    """What to rebuild: one table alone, the search store alone, or all tables."""

    table: Table | None = None
    search: bool = False


class Rebuild(Answered):
    """A rebuild of the read models, or of the search store (`tables` is `search_chunks` then).

    `position` is that up to which the new tables show everything; `waitingFor` says whose
    transaction keeps them from being swapped in.
    """

    id: str
    phase: Phase
    tables: list[str]
    started_at: Time
    updated_at: Time
    finished_at: Time | None
    events_done: int
    events_total: int
    events_per_second: float
    seconds_left: float | None
    documents: int
    position: int
    waiting_for: str | None
    error: str | None


NEW_REBUILD: JsonObject = {"table": None, "search": False}
REBUILD: JsonObject = {
    "id": "0199a1b2-7c3d-7e4f-8a9b-0c1d2e3f4a5b",
    "phase": "folding",
    "tables": ["processing_workflows", "documents_processing_stages", "stage_output_files"],
    "startedAt": "2026-11-24T01:54:33.000000Z",
    "updatedAt": "2026-11-24T01:54:43.000000Z",
    "finishedAt": None,
    "eventsDone": 400000,
    "eventsTotal": 1000000,
    "eventsPerSecond": 42000.0,
    "secondsLeft": 14.3,
    "documents": 40000,
    "position": 1000000,
    "waitingFor": None,
    "error": None,
}


def shown(row: JsonMapping) -> JsonObject:
    """Return the rebuild of this row as callers see it."""
    return {
        "id": row["id"],
        "phase": "failed" if row["was_killed"] else row["phase"],
        "tables": row["tables"],
        "startedAt": time_text(row["started_at"]),
        "updatedAt": time_text(row["updated_at"]),
        "finishedAt": _finished_at(row),
        "eventsDone": row["events_done"],
        "eventsTotal": row["events_total"],
        "eventsPerSecond": round(_rate(row), 1),
        "secondsLeft": _seconds_left(row),
        "documents": row["documents"],
        "position": row["position"],
        "waitingFor": row["waiting_for"],
        "error": _KILLED if row["was_killed"] else row["error"],
    }


def figures(row: JsonMapping) -> dict[str, float]:
    """Return what operators watch of the rebuild of this row."""
    return {
        "running": float(row["is_running"]),
        "waiting": float(row["is_running"] and row["waiting_for"] is not None),
        "failed": float(row["was_killed"] or row["phase"] == "failed"),
        "events_done": row["events_done"],
        "events_total": row["events_total"],
        "events_per_second": _rate(row),
        "position": row["position"],
    }


def _finished_at(row: JsonMapping) -> str | None:
    at = row["updated_at"] if row["was_killed"] else row["finished_at"]
    return None if at is None else time_text(at)


def _rate(row: JsonMapping) -> float:
    seconds, events = float(row["folding_seconds"]), float(row["events_done"])
    return events / seconds if seconds else 0.0


def _seconds_left(row: JsonMapping) -> float | None:
    """Return how long the folding will go on, None when that cannot be told."""
    rate, left = _rate(row), max(0, row["events_total"] - row["events_done"])
    return round(left / rate, 1) if rate and row["is_running"] else None
