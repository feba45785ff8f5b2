"""What the request log takes for a defect."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from api.access_log import RequestLog
from api.metrics import Metrics

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}


def logged(error: Exception) -> list[str]:
    """Return what is logged of a stream that ends with this error."""

    async def stream(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    async def nothing(*_: Any) -> Any:
        return None

    with capture_logs() as lines:
        app = RequestLog(stream, Metrics(), lambda: "id")
        asyncio.run(app(dict(SCOPE), nothing, nothing))
    return [line["event"] for line in lines]


def test_a_stream_whose_client_left_is_no_defect() -> None:
    left = ExceptionGroup(
        "", [anyio.BrokenResourceError(), ExceptionGroup("", [anyio.ClosedResourceError()])]
    )
    assert logged(left) == ["request"]


def test_anything_beside_it_is() -> None:
    with pytest.raises(ExceptionGroup):
        logged(ExceptionGroup("", [anyio.BrokenResourceError(), ValueError()]))
