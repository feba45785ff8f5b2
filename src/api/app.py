"""Puts the API together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api import openapi
from api.access_log import METHOD, RequestLog
from api.direct import DirectPaths
from api.http import problems
from api.http.encoded_slashes import EncodedSlashes, routed_path
from api.http.methods import Methods
from api.metrics import Metrics
from api.parameters import refuse_unstorable_parameters
from api.ports import Ports
from api.routes import (
    documents,
    events,
    files,
    health,
    projections,
    rebuild,
    search,
    stages,
    workflow,
)
from api.services import services_of
from postgres.deadlines import Allowance

# Each router has its whole prefix: the log and the metrics name routes by it.
_RESOURCES = (documents, workflow, stages, files, events, search, projections, rebuild, health)


class Api(FastAPI):
    """The framework's app, with direct paths answered ahead of it.

    A layer that every request has to pass goes around this app: one that is added to the
    framework's middleware sees no request for a direct path.
    """

    direct: DirectPaths
    methods: Methods
    answer_directly: RequestLog
    database_seconds: float

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        Allowance(self.database_seconds).grant()
        if self.direct.takes(scope):
            await self.answer_directly(scope, receive, send)
        elif scope.get("method") == "HEAD":
            await super().__call__(self._as_get(scope), receive, send)
        else:
            await super().__call__(scope, receive, send)

    def _as_get(self, scope: Scope) -> Scope:
        """Return the GET that a HEAD asks about; the server sends no body of its answer."""
        if not self.methods.answers_head_by_get(routed_path(scope)):
            return scope
        return {**scope, "method": "GET", METHOD: "HEAD"}


def create_app(ports: Ports, metrics: Metrics | None = None) -> Api:
    """Return the ASGI app over these ports.

    Give `metrics` to count appends in the same registry: `metrics.observe_append` is what group
    commit calls. `app.state.services.closing` ends streams and waiting when it is set.
    """
    metrics = metrics or Metrics()
    services = services_of(ports, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with ports.database:
            yield
            services.closing.set()
            await services.sender.drain()

    app = Api(
        title="docledger",
        version=ports.version,
        summary="An event-sourced ledger of every step that a document takes through its stages",
        lifespan=lifespan,
        dependencies=[Depends(refuse_unstorable_parameters)],
        redirect_slashes=False,
        # Their pages load scripts from elsewhere; /openapi.json is the description.
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False},
    )
    app.state.services = services
    app.database_seconds = ports.limits.database_seconds
    app.add_middleware(EncodedSlashes)
    app.add_middleware(RequestLog, metrics=metrics, new_id=ports.new_id)
    app.direct = DirectPaths([*documents.DIRECT, *stages.DIRECT], services)
    app.answer_directly = RequestLog(app.direct, metrics, ports.new_id)
    for module in _RESOURCES:
        app.include_router(module.router)
    own = [route for route in app.routes if isinstance(route, Route)]
    app.methods = Methods([*own, *(r for module in _RESOURCES for r in module.router.routes)])
    problems.install(app, app.methods)
    openapi.install(app)
    return app
