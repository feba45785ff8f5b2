"""Problem documents for what never becomes a request, logged and counted like requests."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from api.access_log import UNMATCHED
from api.http.errors import BadRequest
from api.http.problems import MEDIA_TYPE, document, problem_of
from api.http.refusal import Refusal
from api.metrics import Metrics

_log = structlog.get_logger("api")
_NO_METHOD = "(none)"


class Refusals:
    """Makes the answers of one server."""

    def __init__(self, metrics: Metrics, new_id: Callable[[], str]) -> None:
        self._metrics = metrics
        self._new_id = new_id

    def __call__(self, error: BadRequest) -> Refusal:
        """Return the answer to an error, which is logged under the answer's instance."""
        problem, request_id = problem_of(error), self._new_id()
        self._metrics.request(_NO_METHOD, UNMATCHED, problem.status).observe(0)
        _log.info(
            "refused",
            request_id=request_id,
            status=problem.status,
            problem=problem.name,
        )
        return Refusal(problem.status, MEDIA_TYPE, document(problem, str(error), request_id))
