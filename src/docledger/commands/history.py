"""`docledger history` and `docledger show --as-of`: what happened, and what was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence

import psycopg

from docledger.bootstrap import Docledger
from docledger.commands import answers, document_report, reports
from docledger.commands.timeline import Timeline
from docledger.settings import Settings
from domain.errors import DocumentNotFound, LogUnavailable
from eventstore.recorded import RecordedEvent
from postgres.wakeup import Wakeup, listen

_POLL_SECONDS = 1.0


def history(settings: Settings, document_id: str, *, follow: bool, as_json: bool) -> None:
    """Print every event of the document, oldest first; with `follow` also those to come."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        events = docledger.history.of_document(document_id)
        if not events:
            raise DocumentNotFound(f"There is no document '{document_id}'.")
        if as_json and not follow:
            items = [reports.event(recorded) for recorded in events]
            reports.print_json({"items": items, "nextCursor": None})
            return
        show = _json_lines if as_json else _printed()
        show(events)
        if follow:
            for news in new_events(docledger, document_id, events[-1].event.version):
                show(news)


def new_events(
    docledger: Docledger, document_id: str, version: int
) -> Iterator[Sequence[RecordedEvent]]:
    """Yield the document's events after `version` as they are appended, for ever.

    The log tells of appends; it is asked all the same now and then, and again after an outage.
    """
    while True:
        try:
            with docledger.connect("history") as listening, Wakeup() as wakeup:
                listening.autocommit = True
                listen(listening)
                while True:
                    if events := docledger.history.of_document(document_id, version):
                        yield events
                        version = events[-1].event.version
                    wakeup.wait(_POLL_SECONDS, listening)
        except (psycopg.OperationalError, LogUnavailable):
            time.sleep(_POLL_SECONDS)


def show_as_of(settings: Settings, document_id: str, moment: str, *, as_json: bool) -> None:
    """Print the document's workflow, stages and files as of a position or a time."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        found = answers.document_as_of(docledger, document_id, moment)
        location = docledger.storage.location
    if as_json:
        reports.print_json(found)
        return
    console = reports.console()
    console.print(f"as of version {found['version']}, position {found['position']}")
    document_report.detail(console, found, found["title"] or "(erased)", location)


def _printed() -> Callable[[Sequence[RecordedEvent]], None]:
    console, timeline = reports.console(), Timeline()

    def show(events: Sequence[RecordedEvent]) -> None:
        for recorded in events:
            for line in timeline.lines(recorded):
                console.print(line, soft_wrap=True)

    return show


def _json_lines(events: Sequence[RecordedEvent]) -> None:
    for recorded in events:
        print(json.dumps(reports.event(recorded), ensure_ascii=False), flush=True)
