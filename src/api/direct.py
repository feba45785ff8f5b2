"""The paths that are asked for most, answered without the framework's way through its layers.

A route stays where it is, with all that describes it; beside it stands a `DirectPath` whose
function the route's own ends in as well. A plain request (nothing encoded, ids and names of the
usual characters, no query string or one of parameters that the path names, each once and as it
should be) is answered by it; any other goes to the route, and the answers are the same.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.http import problems
from api.services import Services
from domain.errors import DocledgerError

_FOUND = "docledger.direct"
_PLAIN = {"{id}": "([A-Za-z0-9._-]{1,255})", "{stage}": "([a-z0-9-]{1,100})"}


@dataclass(frozen=True)
class DirectPath:
    """One path; `answer` is given the request, the services, and the path's parameters in order.

    `path` is that of the route, which the log and the metrics name it by. `query` has the pattern
    of each parameter of a query string; those that are there are given by name.
    """

    method: str
    path: str
    answer: Callable[..., Awaitable[Response]]
    query: Mapping[str, re.Pattern[str]] = field(default_factory=dict)

    def plain_query(self, query: bytes) -> dict[str, str] | None:
        """Return the parameters of a plain query string, None for any other."""
        found: dict[str, str] = {}
        if not query:
            return found
        for part in query.decode("latin-1").split("&"):
            name, _, value = part.partition("=")
            pattern = self.query.get(name)
            if pattern is None or name in found or not pattern.fullmatch(value):
                return None
            found[name] = value
        return found


class DirectPaths:
    """The ASGI app of all of them, for requests that it says it takes."""

    def __init__(self, paths: Sequence[DirectPath], services: Services) -> None:
        self._services = services
        self._by_method: dict[str, list[tuple[re.Pattern[str], DirectPath]]] = {}
        for path in paths:
            self._by_method.setdefault(path.method, []).append((_pattern(path.path), path))

    def takes(self, scope: Scope) -> bool:
        """Tell whether the request is a plain one for a path of these, and remember which."""
        if scope["type"] != "http" or scope.get("root_path"):
            return False
        if b"%" in (scope.get("raw_path") or b""):
            # Decoded, what stood encoded in an id may look like more of the path.
            return False
        for pattern, path in self._by_method.get(scope["method"], ()):
            if (match := pattern.fullmatch(scope["path"])) is not None:
                query = path.plain_query(scope["query_string"])
                if query is None:
                    return False
                scope["route"] = path
                scope[_FOUND] = (match.groups(), query)
                return True
        return False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that `takes` has said yes to."""
        request = Request(scope, receive)
        path: DirectPath = scope["route"]
        parameters, query = scope[_FOUND]
        try:
            response = await path.answer(request, self._services, *parameters, **query)
        except DocledgerError as error:
            response = problems.ours(request, error)
        await response(scope, receive, send)


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\})", path)
    return re.compile("".join(_PLAIN.get(part) or re.escape(part) for part in parts))
