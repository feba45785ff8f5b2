"""Opaque cursors: where the next page of a list begins."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from api.http.errors import Unprocessable
from api.http.strict_json import text_fault

_TIME = re.compile(r"\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?([+-]\d\d(:\d\d){0,2})?( BC)?")
_REFUSAL = "This is not a cursor that a page of this list gave; begin without one."


def encode(*key: object) -> str:
    """Return the cursor of a key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def newest_first(cursor: str) -> tuple[str | None, str]:
    """Return the (created_at, id) that a page of newest rows ended with.

    Raises Unprocessable for what no page can have given.
    """
    key = _decoded(cursor, 2)
    created_at, row_id = key
    known_time = created_at is None or (isinstance(created_at, str) and _TIME.fullmatch(created_at))
    if not known_time or not isinstance(row_id, str) or text_fault(row_id):
        raise refused()
    return created_at, row_id


def number(cursor: str) -> int:
    """Return the number that a page ended with."""
    (found,) = _decoded(cursor, 1)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 2**63:
        raise refused()
    return found


def refused() -> Unprocessable:
    """Say that a cursor cannot be used."""
    return Unprocessable.of("query.cursor", _REFUSAL)


def _decoded(cursor: str, length: int) -> list[Any]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        raise refused() from None
    if not isinstance(key, list) or len(key) != length:
        raise refused()
    return key
