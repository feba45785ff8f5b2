"""Rebuilds of the read models: started, and watched."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api import openapi, rebuilds, render
from api.http.bodies import optional_json_body
from api.http.errors import RebuildNotFound, Unprocessable
from api.rebuilds import NewRebuild
from api.services import Services, Shared
from domain.errors import Unavailable
from domain.json_types import JsonObject

router = APIRouter(prefix="/v1/projections/rebuild", tags=["projections"])

_SHOWN = openapi.answer(rebuilds.Rebuild, "The newest rebuild", rebuilds.REBUILD)
_STARTED = openapi.answer(
    rebuilds.Rebuild, "The rebuild that was started", rebuilds.REBUILD, location=True
)


@router.post(
    "",
    operation_id="startRebuild",
    status_code=202,
    summary="Rebuild the read models beside the live ones, then swap; or the search store",
    responses={202: _STARTED, **openapi.errors(400, 409, 413, 415, 422, 500, 503, 507)},
    openapi_extra=openapi.request_body(
        openapi.json_content(NewRebuild, rebuilds.NEW_REBUILD), required=False
    ),
)
async def start_rebuild(
    services: Shared, body: Annotated[NewRebuild, Depends(optional_json_body(NewRebuild))]
) -> Response:
    """Register the rebuild and answer; reading this path shows its progress, or why it failed."""
    port = services.ports.rebuilds
    if port is None:
        raise Unavailable("This server starts no rebuilds; run 'docledger rebuild'.")
    if body.search and body.table is not None:
        raise Unprocessable.of("search", "A table and the search store are rebuilt one by one.")
    start = partial(port.start, services.ports.new_id(), body.table, search=body.search)
    await asyncio.to_thread(start)
    location = {"Location": router.prefix}
    return render.json_response(await _newest(services), 202, location)


@router.get(
    "",
    operation_id="getRebuild",
    summary="Read how the newest rebuild gets on, or how it ended",
    responses={200: _SHOWN, **openapi.errors(404, 422, 500, 503)},
)
async def get_rebuild(services: Shared) -> Response:
    """Return the newest rebuild, whoever started it."""
    return render.json_response(await _newest(services))


async def _newest(services: Services) -> JsonObject:
    row = await services.queries.rebuild()
    if row is None:
        raise RebuildNotFound
    return rebuilds.shown(row)
