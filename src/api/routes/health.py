"""Whether this process is there, may be sent requests, and what it counts."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from api import openapi, render, schemas
from api.http.errors import ReadModelUnavailable
from api.services import Shared
from postgres.deadlines import Allowance

router = APIRouter(tags=["operations"])

# Less than the second or two after which probes give up.
_DATABASE_SECONDS = 1.5
_OK = openapi.answer(schemas.Health, "It is", {"status": "ok"})


@router.get(
    "/healthz",
    operation_id="isAlive",
    summary="Tell whether the process is alive",
    responses={200: _OK, **openapi.errors(500)},
)
async def is_alive() -> Response:
    """Answer without asking anything else."""
    return render.json_response({"status": "ok"})


@router.get(
    "/readyz",
    operation_id="isReady",
    summary="Tell whether the process can serve requests",
    responses={200: _OK, **openapi.errors(500, 503)},
)
async def is_ready(services: Shared) -> Response:
    """Answer 503 while the database cannot be read or the server is stopping, within 2 seconds."""
    if services.closing.is_set():
        raise ReadModelUnavailable("The server is stopping.")
    Allowance(_DATABASE_SECONDS).grant()
    await services.queries.tracked()
    await services.queries.log_position()
    return render.json_response({"status": "ok"})


@router.get(
    "/metrics",
    operation_id="getMetrics",
    summary="Read the metrics of this process in Prometheus' text format",
    response_class=Response,
    responses={
        200: {
            "description": "Metrics",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **openapi.errors(500, 503),
    },
)
async def get_metrics(services: Shared) -> Response:
    """Return positions, lag, parked documents, commands, appends and requests.

    While the database cannot be read, `docledger_database_up` is 0 and the rest is what this
    process knows by itself; within 2 seconds.
    """
    Allowance(_DATABASE_SECONDS).grant()
    return Response(
        await services.metrics.exposition(services.queries), media_type=CONTENT_TYPE_LATEST
    )
