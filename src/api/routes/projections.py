"""How far the consumers of the log are."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from api import examples, openapi, render, schemas
from api.life_sql import PROJECTION
from api.parameters import Cursor, Limit, numbered_page
from api.services import Shared

router = APIRouter(prefix="/v1", tags=["projections"])

_BEHIND_SECONDS = 10.0
_MAX_PARKED = 1000


@router.get(
    "/projections",
    operation_id="listProjections",
    summary="Read position, lag, health and parked documents of each projection",
    responses={
        200: openapi.list_answer(schemas.Projection, "The projections", examples.PROJECTION),
        **openapi.errors(*openapi.LIST_ERRORS),
    },
)
async def list_projections(services: Shared, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return every consumer of the log that keeps a tracking position."""
    parked = await services.queries.parked(_MAX_PARKED)
    rows = await services.queries.projections()
    items = [_projection(row, parked if row["projection"] == PROJECTION else []) for row in rows]
    return render.json_response(numbered_page(items, limit, cursor))


def _projection(row: dict[str, Any], parked: list[dict[str, Any]]) -> dict[str, Any]:
    lag = max(0, row["log_position"] - row["position"])
    idle_seconds = row["idle_seconds"]
    still = idle_seconds is None or idle_seconds > _BEHIND_SECONDS
    return {
        "projection": row["projection"],
        "position": row["position"],
        "lag": lag,
        "health": "behind" if lag and still else "ok",
        "parked": parked,
    }
