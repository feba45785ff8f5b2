"""How far the consumers of the log are."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api import examples, openapi, render, schemas
from api.parameters import Cursor, Limit
from api.reads.projections import all_projections
from api.services import Shared

router = APIRouter(prefix="/v1", tags=["projections"])


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
    return render.json_response(
        render.numbered_page(await all_projections(services.queries), limit, cursor)
    )
