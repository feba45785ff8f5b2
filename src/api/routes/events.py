"""The log: one document's history, all of it as pages, all of it as it grows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from api import examples, openapi, render, schemas
from api.http import cursors
from api.http.errors import BeyondLog, Malformed, ReadModelUnavailable
from api.parameters import Cursor, DocumentPath, Limit
from api.services import MinPosition, Services, Shared
from domain.errors import DocumentNotFound, LogUnavailable
from eventstore.recorded import RecordedEvent
from postgres.deadlines import Allowance

router = APIRouter(prefix="/v1", tags=["events"])

_MAX_POSITION = 2**63 - 1
_BATCH_EVENTS = 200
_QUIET_SECONDS = 5.0
_RECONNECT_MILLISECONDS = 1000
_AWAY_SECONDS = 1.0

After = Annotated[int, Query(ge=0, le=_MAX_POSITION, description="Only events after this position")]


@router.get(
    "/documents/{id}/history",
    operation_id="getHistory",
    summary="Read every event of a document",
    responses={
        200: openapi.list_answer(schemas.HistoryItem, "Events, oldest first", examples.EVENT),
        **openapi.errors(*openapi.READ_ERRORS),
    },
)
async def get_history(
    services: Shared,
    document_id: DocumentPath,
    min_position: MinPosition,  # noqa: ARG001  (the log is never behind; a bad header is refused)
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return the document's events, also those of one that was deleted."""
    after_version = 0 if cursor is None else cursors.number(cursor)
    history = services.ports.history
    events = await services.threads.run(history.of_document, document_id, after_version)
    if not events and await services.threads.run(history.position_of, document_id) is None:
        raise DocumentNotFound(f"There is no document '{document_id}'.")
    shown = events[:limit]
    following = cursors.encode(shown[-1].event.version) if len(events) > limit else None
    return render.json_response(render.page([render.event_json(e) for e in shown], following))


@router.get(
    "/events",
    operation_id="listEvents",
    summary="Read the whole log",
    responses={
        200: openapi.list_answer(schemas.Event, "Events, oldest first", examples.EVENT),
        **openapi.errors(*openapi.LIST_ERRORS),
    },
)
async def list_events(
    services: Shared, after: After = 0, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Return a page of events; after the last page, go on with `after` its last position."""
    start = after if cursor is None else cursors.number(cursor)
    events = await services.threads.run(services.ports.history.after, start, limit + 1)
    shown = events[:limit]
    following = cursors.encode(shown[-1].position) if len(events) > limit else None
    return render.json_response(render.page([render.event_json(e) for e in shown], following))


async def _start(
    services: Shared,
    after: After = 0,
    last_event_id: Annotated[
        str | None,
        Header(
            description="Go on after this event; browsers send it by themselves",
            json_schema_extra={"pattern": "^[0-9]{1,18}$"},
        ),
    ] = None,
) -> int:
    text = (last_event_id or "").strip()
    if text and (not (text.isascii() and text.isdigit() and len(text) < 20)):
        raise Malformed("Last-Event-ID must be the id of an event of this stream: a position.")
    start = int(text) if text else after
    if start and start > (last := await services.queries.log_position()):
        # It would wait for events that others get under positions that it takes for known.
        raise BeyondLog("header.Last-Event-ID" if text else "query.after", last)
    return start


@router.get(
    "/events/stream",
    operation_id="streamEvents",
    summary="Follow the log as server-sent events",
    response_class=EventSourceResponse,
    responses=openapi.errors(*openapi.LIST_ERRORS),
)
async def stream_events(
    services: Shared, start: Annotated[int, Depends(_start)]
) -> AsyncIterator[ServerSentEvent]:
    """Send every event from the start on, then each as it is appended, until the server stops.

    A start beyond the log's last position is refused.
    """
    services.metrics.streams.inc()
    try:
        yield ServerSentEvent(comment="docledger", retry=_RECONNECT_MILLISECONDS)
        async for event in _follow(services, start):
            yield event
    finally:
        services.metrics.streams.dec()


async def _follow(services: Services, position: int) -> AsyncIterator[ServerSentEvent]:
    while not services.closing.is_set():
        events = await _next(services, position)
        for recorded in events:
            content = render.event_json(recorded)
            yield ServerSentEvent(
                id=str(recorded.position),
                event=content["type"],
                raw_data=json.dumps(content, ensure_ascii=False),
            )
            position = recorded.position
        if not events:
            await _growth(services, position)


async def _next(services: Services, position: int) -> Sequence[RecordedEvent]:
    """Return what comes after `position`; nothing while the database is away."""
    Allowance(services.limits.database_seconds).grant()
    try:
        return await services.threads.run(services.ports.history.after, position, _BATCH_EVENTS)
    except (ReadModelUnavailable, LogUnavailable):
        return ()


async def _growth(services: Services, position: int) -> None:
    """Wait until the log is past `position`, the server stops, or a while is over."""
    grown = asyncio.ensure_future(services.log_end.reached(position + 1, _QUIET_SECONDS))
    stopped = asyncio.ensure_future(services.closing.wait())
    try:
        await asyncio.wait((grown, stopped), return_when=asyncio.FIRST_COMPLETED)
        if grown.done() and isinstance(grown.exception(), ReadModelUnavailable):
            await asyncio.wait((stopped,), timeout=_AWAY_SECONDS)
    finally:
        grown.cancel()
        stopped.cancel()
