"""How far the consumers of the log are, for HTTP and for the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.reads.life_sql import PROJECTION
from api.reads.queries import Queries
from domain.json_types import JsonObject

_BEHIND_SECONDS = 10.0
_MAX_PARKED = 1000


async def all_projections(queries: Queries) -> list[JsonObject]:
    """Return every consumer of the log that keeps a tracking position, with parked documents."""
    parked = await queries.parked(_MAX_PARKED)
    rows = await queries.projections()
    return [_projection(row, parked if row["projection"] == PROJECTION else ()) for row in rows]


def _projection(row: JsonObject, parked: Sequence[JsonObject]) -> JsonObject:
    lag = max(0, row["log_position"] - row["position"])
    return {
        "projection": row["projection"],
        "position": row["position"],
        "lag": lag,
        "health": _health(lag, row["idle_seconds"], parked),
        "parked": list(parked),
    }


def _health(lag: int, idle_seconds: float | None, parked: Sequence[Any]) -> str:
    if parked:
        return "parked"
    is_idle = idle_seconds is None or idle_seconds > _BEHIND_SECONDS
    return "behind" if lag and is_idle else "ok"
