"""Which methods a path takes: for `Allow`, for OPTIONS, and for HEAD wherever there is a GET."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fastapi.routing import APIRoute
from fastapi.sse import EventSourceResponse
from starlette.routing import BaseRoute, Route


class Methods:
    """The methods of every route; several routes may share a path."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes: list[tuple[re.Pattern[str], frozenset[str]]] = [
            (route.path_regex, _methods_of(route))
            for route in routes
            if isinstance(route, Route | APIRoute)
        ]

    def of(self, path: str) -> Sequence[str]:
        """Return every method that a path takes, sorted; none for a path that is not there.

        The path `*` stands for the server as a whole.
        """
        found = self._routed(path)
        if not found:
            return ()
        head = {"HEAD"} if _has_head(found) else set()
        return sorted((found | head | {"OPTIONS"}) - {_STREAM})

    def answers_head_by_get(self, path: str) -> bool:
        """Tell whether a HEAD is answered as a GET whose body is not sent."""
        found = self._routed(path)
        return _has_head(found) and "HEAD" not in found

    def _routed(self, path: str) -> set[str]:
        found: set[str] = set()
        for pattern, methods in self._routes:
            if path == "*" or pattern.match(path):
                found |= methods
        return found


_STREAM = "stream"


def _has_head(found: set[str]) -> bool:
    # A stream has no end that a HEAD could tell of.
    return "HEAD" in found or ("GET" in found and _STREAM not in found)


def _methods_of(route: Route | APIRoute) -> frozenset[str]:
    methods = frozenset(route.methods or ())
    streams = getattr(route, "response_class", None) is EventSourceResponse
    return methods | {_STREAM} if streams else methods
