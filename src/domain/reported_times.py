"""Times that come from outside with a report: what is refused, and what the log knows better.

Clocks differ, so a time may be a little ahead of ours; it is then moved back to the time at which
the log records the report. An end that lies before the recorded start is moved up to it. What was
reported stays beside it, as a note. Imports and stored events are taken as they are.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.errors import InvalidValue
from domain.json_types import JsonMapping

NOTE = "clampedTimes"
"""The key in a stage's metadata under which reported times stand that were moved."""


def require_plausible(
    started_at: datetime | None,
    completed_at: datetime | None,
    now: datetime,
    tolerance_seconds: float,
) -> None:
    """Raise InvalidValue, naming the field, for a report's times that no clock can have given."""
    latest = now + timedelta(seconds=tolerance_seconds)
    for field, at in (("startedAt", started_at), ("completedAt", completed_at)):
        if at is not None and at > latest:
            raise InvalidValue(
                f"It is more than {tolerance_seconds:g} s ahead of the server's clock, which says "
                f"{_text(now)}; set the clock that it comes from.",
                field=field,
            )
    if started_at is not None and completed_at is not None and completed_at < started_at:
        raise InvalidValue(
            "It is before startedAt; report an end that is not.", field="completedAt"
        )


def clamped(
    reported: datetime | None, at: datetime, not_before: datetime | None = None
) -> datetime | None:
    """Return a reported time no later than `at`, and no earlier than what the log has before it."""
    if reported is None:
        return None
    earlier = min(reported, at)
    return earlier if not_before is None else max(earlier, not_before)


def noted(
    metadata: JsonMapping | None, **times: tuple[datetime | None, datetime | None]
) -> JsonMapping | None:
    """Return the metadata with a note of what was reported, where that was moved.

    `times` are pairs, by their names in reports, of the time reported and that which is recorded.
    """
    moved = {
        name: _text(reported)
        for name, (reported, recorded) in times.items()
        if reported is not None and reported != recorded
    }
    return {**(metadata or {}), NOTE: moved} if moved else metadata


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC).isoformat()[: -len('+00:00')]}Z"
