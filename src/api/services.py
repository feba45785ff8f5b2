"""What the routes of one app share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import Request

from api.database_threads import DatabaseThreads
from api.http.conditional import min_position
from api.metrics import Metrics
from api.ports import Limits, Ports
from api.reads.freshness import DocumentReader, GrowingPosition
from api.reads.past import PastReader
from api.reads.queries import Queries
from api.search_slots import SearchSlots
from api.sending import Sender

_READ_MODEL_LOOK_SECONDS = 0.005
_LOG_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Services:
    """The ports and what the API has made of them. `closing` is set when the server stops."""

    ports: Ports
    metrics: Metrics
    queries: Queries
    reader: DocumentReader
    threads: DatabaseThreads
    past: PastReader
    sender: Sender
    log_end: GrowingPosition
    closing: asyncio.Event
    search_slots: SearchSlots

    @property
    def limits(self) -> Limits:
        """How much one request may ask for."""
        return self.ports.limits


def services_of(ports: Ports, metrics: Metrics) -> Services:
    """Return the services over these ports."""
    seconds = ports.limits.database_seconds
    queries = Queries(ports.database, seconds)
    threads = DatabaseThreads(seconds)
    tracked = GrowingPosition(queries.tracked, _READ_MODEL_LOOK_SECONDS)
    patience = ports.limits.min_position_wait_seconds
    return Services(
        ports=ports,
        metrics=metrics,
        queries=queries,
        reader=DocumentReader(queries, tracked, ports.commands, ports.history, threads, patience),
        threads=threads,
        past=PastReader(ports.past, queries, ports.blobs, threads),
        sender=Sender(ports, metrics, threads),
        log_end=GrowingPosition(queries.log_position, _LOG_LOOK_SECONDS),
        closing=asyncio.Event(),
        search_slots=SearchSlots(seconds / 2),
    )


async def _services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


async def _min_position(
    docledger_min_position: Annotated[
        str | None,
        Header(
            description="Answer from a read model that is at least at this position of the log.",
            examples=["42"],
            json_schema_extra={"pattern": "^[0-9]{1,18}$"},
        ),
    ] = None,
) -> int:
    return min_position(docledger_min_position)


async def _if_match(
    if_match: Annotated[
        str | None,
        Header(
            description="Write only if the document is at this version.",
            examples=['"7"'],
            json_schema_extra={"pattern": r'^(\*|"[0-9]{1,18}"(, "[0-9]{1,18}")*)$'},
        ),
    ] = None,
) -> str | None:
    return if_match


Shared = Annotated[Services, Depends(_services)]
MinPosition = Annotated[int, Depends(_min_position)]
IfMatch = Depends(_if_match)
