"""When a failed attempt is tried again."""

from __future__ import annotations

from datetime import timedelta

FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 60.0


def backoff(spent_retries: int) -> timedelta:
    """Return how long to wait before retry number `spent_retries` + 1: 1, 2, 4 … 60 seconds."""
    seconds = FIRST_BACKOFF_SECONDS * 2.0 ** min(spent_retries, 16)
    return timedelta(seconds=min(seconds, LONGEST_BACKOFF_SECONDS))
