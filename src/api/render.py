"""Answers: the state that a command made, and events, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

from msgspec import Struct
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from api.http import cursors
from api.reads.shapes import FILE, STAGE, WORKFLOW, time_text
from domain.commands import RegisterDocument
from domain.errors import UnknownStage
from domain.events import Event
from domain.json_types import JsonObject
from eventstore.append_round import Committed
from eventstore.recorded import RecordedEvent

POSITION_HEADER = "Docledger-Position"
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_CARRIED = frozenset(Event.__struct_fields__)


def json_response(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with `content` as JSON in UTF-8, a line that ends, as terminals want it."""
    return Response(
        f"{_encode(content)}\n".encode(), status, headers, media_type="application/json"
    )


def raw_json_response(body: str, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON that the database has built."""
    return Response(f"{body}\n".encode(), 200, headers, media_type="application/json")


class State(Protocol):
    """What names a state of a document: its version, and the position of its newest event."""

    @property
    def version(self) -> int: ...
    @property
    def position(self) -> int: ...


class PartRead(State, Protocol):
    """A part of a document as the read models have it, as JSON."""

    @property
    def body(self) -> str | None: ...


def state_headers(state: State) -> dict[str, str]:
    """Return the headers that name a state: conditional writes and reads that wait use them."""
    return {"ETag": f'"{state.version}"', POSITION_HEADER: str(state.position)}


def part(found: PartRead) -> Response:
    """Answer with the part that was read."""
    return raw_json_response(found.body or "null", state_headers(found))


def part_page(found: PartRead, limit: int, cursor: str | None) -> Response:
    """Answer with a page of the part that was read, which is a list."""
    shown = numbered_page(json.loads(found.body or "[]"), limit, cursor)
    return json_response(shown, headers=state_headers(found))


def written(
    committed: Committed,
    content: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer a write with what it made."""
    found = {**state_headers(committed), **(headers or {})}
    return json_response(content, status, found)


def registered_document(command: RegisterDocument, committed: Committed) -> JsonObject:
    """Return the new document with its stages."""
    rows = committed.rows
    created_at = time_text(committed.events[0].event.at) if committed.events else None  # type: ignore[union-attr]
    return {
        "id": command.document_id,
        "title": command.title,
        "realmId": command.realm_id,
        "content": command.content,
        "createdAt": created_at,
        "updatedAt": created_at,
        "processingWorkflow": workflow(committed),
        "stages": [STAGE.of(rows.stages[name]) for name in committed.state.pipeline.stage_names],
        "outputFiles": files_in_order(committed),
        "version": committed.version,
        "position": committed.position,
    }


def workflow(committed: Committed) -> JsonObject | None:
    """Return the document's newest workflow."""
    row = committed.rows.workflow
    return None if row is None else WORKFLOW.of(row)


def stage(committed: Committed, name: str) -> JsonObject:
    """Return one stage; raises UnknownStage."""
    row = committed.rows.stages.get(name)
    if row is None:
        raise UnknownStage(f"Document '{committed.document_id}' has no stage '{name}'.")
    return STAGE.of(row)


def file(committed: Committed, stage_name: str, file_type: str) -> JsonObject:
    """Return the newest file of a stage and type, current or staged for the running attempt."""
    key = (stage_name, file_type)
    staged = committed.rows.stream.staged.get(key)
    return FILE.of(staged.file if staged is not None else committed.rows.files[key])


def files_in_order(committed: Committed) -> list[JsonObject]:
    """Return the current files by stage and type."""
    order = {name: n for n, name in enumerate(committed.state.pipeline.stage_names)}
    rows = sorted(committed.rows.files.items(), key=lambda i: (order.get(i[0][0], 0), i[0]))
    return [FILE.of(row) for _, row in rows]


def page(items: Sequence[object], next_cursor: str | None = None) -> JsonObject:
    """Return a list as every path gives it."""
    return {"items": list(items), "nextCursor": next_cursor}


def numbered_page(items: Sequence[object], limit: int, cursor: str | None) -> JsonObject:
    """Return a page of a short list that was read as a whole."""
    start = 0 if cursor is None else cursors.number(cursor)
    end = start + limit
    return page(items[start:end], cursors.encode(end) if end < len(items) else None)


def event_json(recorded: RecordedEvent) -> JsonObject:
    """Return an event as history and feeds show it; `data` is what only its type carries.

    What may be personal is under `data.personal`, which is null once it was erased. Of an event
    that cannot be read only its place in the log is known.
    """
    event = recorded.event
    if not isinstance(event, Event):
        return {
            "position": recorded.position,
            "version": event.version,
            "type": event.topic,
            "documentId": event.document_id,
            **dict.fromkeys(("at", "actor", "commandId", "correlationId", "causationId", "data")),
        }
    return {
        "position": recorded.position,
        "version": event.version,
        "type": type(event).__name__,
        "at": time_text(event.at),
        "actor": event.actor,
        "documentId": event.document_id,
        "commandId": event.command_id,
        "correlationId": event.correlation_id or event.command_id,
        "causationId": event.causation_id,
        "data": _fields(event, _CARRIED),
    }


def _fields(struct: Struct, without: frozenset[str] = frozenset()) -> JsonObject:
    return {
        to_camel(name): _plain(getattr(struct, name))
        for name in struct.__struct_fields__
        if name not in without
    }


def _plain(value: object) -> Any:
    if isinstance(value, Struct):
        return _fields(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    # What came from outside keeps the keys that it came with.
    return dict(value) if isinstance(value, Mapping) else value
