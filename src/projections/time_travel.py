"""One document as it was: its stream folded up to a position or a time, and no further.

Times never go back along the log, so that a document's events up to a time are its events up to
the position of the log's last event that is not later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from domain.errors import DocumentNotFound, InvalidValue, LogUnreadable
from domain.events import DocumentChanged, DocumentDeleted, DocumentRegistered, Event
from domain.moments import Moment
from projections.errors import CannotApply
from projections.folding import Folding
from projections.log_reader import Recorded
from projections.rows import DocumentRows

_OWN_ROW = (DocumentRegistered, DocumentChanged, DocumentDeleted)


class DocumentLog(Protocol):
    """What time travel asks of the log."""

    def of_document(self, document_id: str) -> Sequence[Recorded]:
        """Return the document's events in order."""

    def last_position(self) -> int:
        """Return the position of the newest event, 0 in an empty log."""


@dataclass(frozen=True, slots=True)
class DocumentAsOf:
    """A document as of a moment; `title` is None when its key was erased.

    `row_is_of_then` tells that nothing the log knows of has touched the document's row since.
    `text_checksum` names the content of a document that was handed in as text.
    """

    rows: DocumentRows
    title: str | None
    realm_id: str | None
    created_at: datetime
    updated_at: datetime
    text_checksum: str | None
    row_is_of_then: bool


class TimeTravel:
    """Answers what was, out of the log alone. Thread-safe if the log is."""

    def __init__(self, log: DocumentLog) -> None:
        self._log = log

    def document(self, document_id: str, moment: Moment) -> DocumentAsOf:
        """Return the document as of `moment`.

        Raises DocumentNotFound where it was not there then, InvalidValue for a position that the
        log has not reached, and LogUnreadable if an event up to then cannot be read or folded.
        """
        if isinstance(moment, int):
            self._refuse_future(moment)
        stream = self._log.of_document(document_id)
        if not stream:
            raise DocumentNotFound(f"There is no document '{document_id}'.")
        count = events_until(stream, moment)
        if not count:
            raise DocumentNotFound(
                f"Document '{document_id}' was not registered yet then: {_place(stream[0])}."
            )
        return _as_of(document_id, stream, count)

    def _refuse_future(self, position: int) -> None:
        last = self._log.last_position()
        if position > last:
            raise InvalidValue(
                f"The log ends at position {last}; what is behind it is not known yet.",
                field="asOf",
            )


def events_until(stream: Sequence[Recorded], moment: Moment) -> int:
    """Return how many events of the stream are not later than `moment`."""
    for count, recorded in enumerate(stream):
        if _is_later(recorded, moment):
            return count
    return len(stream)


def _is_later(recorded: Recorded, moment: Moment) -> bool:
    if isinstance(moment, int):
        return recorded.position > moment
    # When an unreadable event happened is not known; it is refused where it would be folded.
    at: datetime | None = getattr(recorded.event, "at", None)
    return at is not None and at > moment


def fold_stream(document_id: str, stream: Sequence[Recorded]) -> DocumentRows:
    """Return the rows after these events; raises LogUnreadable where one does not fold."""
    folding = Folding(DocumentRows.none(document_id))
    for recorded in stream:
        event = recorded.event
        if not isinstance(event, Event):
            raise LogUnreadable(f"Event {event.version} of '{document_id}' cannot be read.")
        try:
            folding.apply(recorded)
        except CannotApply as error:
            raise LogUnreadable(
                f"Event {event.version} of '{document_id}' cannot be applied: {error}"
            ) from error
    return folding.rows


def _as_of(document_id: str, stream: Sequence[Recorded], count: int) -> DocumentAsOf:
    rows = fold_stream(document_id, stream[:count])
    touched = [recorded for recorded in stream[:count] if isinstance(recorded.event, _OWN_ROW)]
    last: Any = touched[-1].event
    if isinstance(last, DocumentDeleted):
        raise DocumentNotFound(
            f"Document '{document_id}' was deleted before that: {_place(touched[-1])}."
        )
    registered = next(r.event for r in reversed(touched) if isinstance(r.event, DocumentRegistered))
    named = last.personal
    return DocumentAsOf(
        rows=rows,
        title=named.title if named else None,
        realm_id=last.realm_id,
        created_at=registered.at,
        updated_at=last.at,
        text_checksum=_text_checksum(registered, rows),
        row_is_of_then=not any(isinstance(r.event, _OWN_ROW) for r in stream[count:]),
    )


def _text_checksum(registered: DocumentRegistered, rows: DocumentRows) -> str | None:
    """Return what names the content if it came as text: only files have names."""
    personal = registered.personal
    if personal is None or personal.file_name is not None:
        return None
    return rows.stream.original_checksum or registered.checksum


def _place(recorded: Recorded) -> str:
    event = recorded.event
    at = getattr(event, "at", None)
    time = "" if at is None else f", {at:%Y-%m-%dT%H:%M:%S.%fZ}"
    return f"see position {recorded.position}{time}"
