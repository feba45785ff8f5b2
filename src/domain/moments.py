"""Moments of the log, as people and programs write them: a position, or a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from domain.errors import InvalidValue

Moment = int | datetime
"""A position in the whole log, or an aware time: as of the last event that is not later."""

_LAST_POSITION = 2**63 - 1
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
# A query string turns an offset's plus into a space.
_LOST_PLUS = re.compile(r"(?<=[\d]) (?=\d\d:\d\d$)")


def parse_moment(text: str, field: str) -> Moment:
    """Return the position, or the time in UTC, that `text` says.

    Raises InvalidValue, naming `field`, for anything else.
    """
    if text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _LAST_POSITION:
        return int(text)
    time = _LOST_PLUS.sub("+", text.upper())
    if _TIME.fullmatch(time) and time.isascii():
        try:
            return datetime.fromisoformat(time).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise InvalidValue(
        "It is neither a position nor an RFC 3339 time with its offset, "
        "such as 2026-11-24T01:54:33Z.",
        field=field,
    )
