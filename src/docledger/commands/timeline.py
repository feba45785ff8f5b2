"""A document's history as people read it: a line an event, and what it did below."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rich.text import Text

from api.render import event_json
from domain.events import Event, OutputFileRegistered, WorkflowStarted
from domain.file_names import output_name
from domain.json_types import JsonMapping
from eventstore.recorded import RecordedEvent

_WHAT_AT = 4
_STYLES = {
    "StageCompleted": "green",
    "WorkflowCompleted": "green",
    "StageFailed": "red",
    "WorkflowCancelled": "red",
    "DocumentDeleted": "red",
    "StageRetried": "yellow",
    "StageReset": "yellow",
    "StageSkipped": "yellow",
}


class Timeline:
    """Tells event after event of one document; it keeps when attempts began and files' names."""

    def __init__(self) -> None:
        self._started_at: dict[str, datetime] = {}
        self._original_name: str | None = None
        self._day = ""

    def lines(self, recorded: RecordedEvent) -> Iterator[Text]:
        """Yield the lines of the next event: a day's name where one begins, the event, details."""
        event = recorded.event
        if not isinstance(event, Event):
            yield Text(f"{event.version:>{_WHAT_AT}}  {event.topic}: it cannot be read", "red")
            return
        day = f"{event.at:%Y-%m-%d}"
        if day != self._day:
            self._day = day
            yield Text(f"{day} (UTC)", "bold")
        name = type(event).__name__
        line = Text(f"{event.version:>{_WHAT_AT}}  {event.at:%H:%M:%S.%f}"[:-3])
        line.append(f"  {name:<20}", _STYLES.get(name, ""))
        line.append(f"  {self._about(event)}".rstrip())
        line.append(f"  by {event.actor}", "dim")
        yield line
        for detail in self._details(event, event_json(recorded)["data"]):
            yield Text(f"{'':{_WHAT_AT}}  {detail}", "dim")

    def _about(self, event: Event) -> str:
        """Return stage, attempt and how long the attempt took, as far as the event has them."""
        stage = getattr(event, "stage_name", None)
        if stage is None:
            return f"run {event.run}" if isinstance(event, WorkflowStarted) else ""
        attempt = getattr(event, "attempt", None)
        said = stage if attempt is None else f"{stage}, attempt {attempt}"
        took = self._took(stage, event)
        return said if took is None else f"{said}, {took}"

    def _took(self, stage: str, event: Event) -> str | None:
        name = type(event).__name__
        if name == "StageStarted":
            self._started_at[stage] = getattr(event, "started_at", None) or event.at
            return None
        if name not in ("StageCompleted", "StageFailed") or stage not in self._started_at:
            return None
        ended_at: datetime = getattr(event, "completed_at", None) or event.at
        return f"took {duration(ended_at - self._started_at.pop(stage))}"

    def _details(self, event: Event, fields: JsonMapping) -> Iterator[str]:
        personal = fields.get("personal") or {}
        if type(event).__name__ == "DocumentRegistered":
            self._original_name = personal.get("fileName")
        if title := personal.get("title"):
            yield f"title: {title}"
        if error := personal.get("errorMessage"):
            yield f"{fields.get('reason', 'error')}: {error}"
        if fields.get("executor"):
            yield f"made by {fields['executor']}"
        if isinstance(event, OutputFileRegistered):
            yield self._file(event)
        if fields.get("becauseOf"):
            yield f"because the output of {fields['becauseOf']} changed"
        if fields.get("retryAt"):
            yield f"not before {fields['retryAt']}"

    def _file(self, event: OutputFileRegistered) -> str:
        given = event.personal.file_name if event.personal else None
        name = given or output_name(self._original_name, event.document_id, event.suffix)
        return (
            f"{event.file_type}, version {event.file_version}: {name}, "
            f"{event.size_bytes:,} bytes, sha-256 {event.checksum[:12]}"
        )


def duration(took: timedelta) -> str:
    """Return a timedelta as people say it; what was reported from outside may be negative."""
    seconds = took.total_seconds()
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
