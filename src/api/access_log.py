"""The outermost layer: every request gets an id, a line in the log, its time in the metrics."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from pathlib import PurePath

import anyio
import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import internal
from api.http.protocol import BODY_FAULT
from api.metrics import Metrics
from domain.errors import DocledgerError

_log = structlog.get_logger("api")
UNMATCHED = "(no route)"
"""The route of what has none, in the log and the metrics."""
METHOD = "docledger.method"
"""The scope's key of the method that was sent, where it is answered as another."""
_MOST_FRAMES = 12


class RequestLog:
    """Logs method, route, status and duration; never a path, a query or a body.

    A defect is logged by its type and where it happened, since its message may hold content, and
    answered as an internal problem under the same id.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, new_id: Callable[[], str]) -> None:
        self._app = app
        self._metrics = metrics
        self._new_id = new_id
        # Bound here, since the logger at large is put together anew for every line.
        self._log = _log.bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["docledger.request_id"] = self._new_id()
        started = time.perf_counter()
        status = 0

        async def receive_on() -> Message:
            message = await receive()
            if BODY_FAULT in scope:
                raise scope[BODY_FAULT]
            return message

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive_on, send_on)
        except Exception as error:
            if status and _client_left(error):
                return
            log_defect(error, scope["docledger.request_id"])
            if status:
                raise
            await internal(Request(scope))(scope, receive, send_on)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", UNMATCHED)
        method = scope.get(METHOD) or scope["method"]
        self._metrics.request(method, route, status).observe(seconds)
        self._log.info(
            "request",
            request_id=scope["docledger.request_id"],
            method=method,
            route=route,
            status=status,
            seconds=round(seconds, 4),
            problem=scope.get("docledger.problem"),
        )


def _client_left(error: BaseException) -> bool:
    """Tell whether a stream only found that its client is gone."""
    if isinstance(error, BaseExceptionGroup):
        return all(_client_left(each) for each in error.exceptions)
    return isinstance(error, anyio.BrokenResourceError | anyio.ClosedResourceError)


def log_defect(error: BaseException, request_id: str) -> None:
    """Log where an unexpected error came from, without what it says unless we said it."""
    chain: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(chain) < 5:
        said = seen if isinstance(seen, DocledgerError) else getattr(seen, "sqlstate", None)
        chain.append(f"{type(seen).__qualname__}{f': {said}' if said else ''}")
        seen = seen.__cause__ or seen.__context__
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    where = [f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in frames]
    _log.error("internal error", request_id=request_id, errors=chain, where=where)
