"""Keeps a slash that is encoded in a document's id apart from those that part a path.

Other applications may have put documents with such ids into `documents`; `/v1/documents/a%2Fb` is
one of them and not a path below `a`. Servers hand paths on decoded, where the two are alike.
"""

from __future__ import annotations

import re
from secrets import token_hex
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

_DOCUMENTS = b"/v1/documents/"
_ENCODED = re.compile("%2f", re.IGNORECASE)
# Nobody outside this process can send it.
_KEPT = f"\ue000{token_hex(16)}\ue000"


class EncodedSlashes:
    """Has routes take an encoded slash for a part of the id; `with_slashes` gives it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            scope["path"] = routed_path(scope)
        await self._app(scope, receive, send)


def routed_path(scope: Scope) -> str:
    """Return the path of a request as routes take it."""
    raw: bytes = scope.get("raw_path") or b""
    if raw.startswith(_DOCUMENTS):
        document_id, slash, rest = raw[len(_DOCUMENTS) :].decode("latin-1").partition("/")
        parts = _ENCODED.split(document_id)
        if len(parts) > 1:
            kept = _KEPT.join(map(unquote, parts))
            return f"{_DOCUMENTS.decode()}{kept}{slash}{unquote(rest)}"
    return str(scope["path"])


def with_slashes(value: str) -> str:
    """Return a path's parameter with the slashes that stood encoded in it."""
    return value.replace(_KEPT, "/")
