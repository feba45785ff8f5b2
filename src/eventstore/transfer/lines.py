"""The lines in which a log travels: JSON Lines in UTF-8, one for each thing it is made of.

The header comes first, then rows of `documents`, keys of documents, and events in log order. An
event's state stands there as a JSON value if compact JSON of that value is the stored state byte
for byte, else as base64.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import NamedTuple

from domain.errors import DocledgerError
from domain.json_types import JsonObject
from eventstore.stored_log import StoredRow

FORMAT = "docledger-events"
FORMAT_VERSION = 2
READABLE_VERSIONS = (1, 2)
"""In version 1 a document had one key, whatever lives it had."""


class NotImportable(DocledgerError):
    """The file cannot be imported; nothing of it was."""


class Header(NamedTuple):
    """The first line: how many lines of each kind follow, all events being after `after`.

    `whole_streams` tells that every document in it is there from its first event on.
    """

    documents: int
    keys: int
    events: int
    after: int
    whole_streams: bool


class DocumentLine(NamedTuple):
    """A row of `documents`; times are text in UTC to the microsecond."""

    document_id: str
    title: str | None
    content: str | None
    realm_id: str | None
    created_at: str | None
    updated_at: str | None


class KeyLine(NamedTuple):
    """The key of a document's life; `life` is None where the export does not tell which."""

    document_id: str
    key_id: str
    key: bytes
    created_at: str
    life: int | None


Line = Header | DocumentLine | KeyLine | StoredRow

_DOCUMENT_KEYS = ("id", "title", "content", "realmId", "createdAt", "updatedAt")


def header_line(header: Header) -> bytes:
    """Return the first line."""
    return _line(
        {
            "format": FORMAT,
            "formatVersion": FORMAT_VERSION,
            "documents": header.documents,
            "keys": header.keys,
            "events": header.events,
            "after": header.after,
            "wholeStreams": header.whole_streams,
        }
    )


def document_line(row: DocumentLine) -> bytes:
    """Return the line of a row of `documents`."""
    return _line({"document": dict(zip(_DOCUMENT_KEYS, row, strict=True))})


def key_line(key: KeyLine) -> bytes:
    """Return the line of a key."""
    return _line(
        {
            "key": {
                "documentId": key.document_id,
                "keyId": key.key_id,
                "key": b64encode(key.key).decode("ascii"),
                "createdAt": key.created_at,
                "life": key.life,
            }
        }
    )


def event_line(row: StoredRow) -> bytes:
    """Return the line of an event."""
    fields: JsonObject = {
        "position": row.position,
        "documentId": row.document_id,
        "version": row.version,
        "topic": row.topic,
    }
    try:
        state = json.loads(row.state)
        exact = _compact(state) == row.state
    except ValueError:
        exact = False
    if exact:
        return _line({**fields, "state": state})
    return _line({**fields, "stateBase64": b64encode(row.state).decode("ascii")})


def parse_line(number: int, line: bytes) -> Line:
    """Return what a line says; raises NotImportable, naming the line but nothing of what it says.

    `number` counts from 1.
    """
    try:
        fields = json.loads(line)
        if number == 1:
            return _header(fields)
        for kind, parse in _KINDS.items():
            if kind in fields:
                return parse(fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotImportable(f"Line {number} is not one of an export: {_why(error)}.") from error
    raise NotImportable(f"Line {number} is not one of an export.")


def _why(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else type(error).__name__


def _header(fields: JsonObject) -> Header:
    if fields.get("format") != FORMAT:
        raise NotImportable("This is no export of events: its first line is no header.")
    if fields["formatVersion"] not in READABLE_VERSIONS:
        raise NotImportable(
            f"The export is of format {fields['formatVersion']}, and this docledger reads "
            f"formats up to {FORMAT_VERSION}; import it with the docledger that made it, or a "
            "newer one."
        )
    return Header(
        documents=_number(fields["documents"]),
        keys=_number(fields["keys"]),
        events=_number(fields["events"]),
        after=_number(fields["after"]),
        whole_streams=fields["wholeStreams"] is True,
    )


def _document(fields: JsonObject) -> DocumentLine:
    row = fields["document"]
    values = [row[name] for name in _DOCUMENT_KEYS]
    if not all(value is None or isinstance(value, str) for value in values):
        raise TypeError
    return DocumentLine(_text(values[0]), *values[1:])


def _key(fields: JsonObject) -> KeyLine:
    key = fields["key"]
    secret = b64decode(key["key"], validate=True)
    life = key.get("life")
    if life is not None and not 0 < _number(life) < 2**31:
        raise TypeError
    document_id, key_id = _text(key["documentId"]), _text(key["keyId"])
    return KeyLine(document_id, key_id, secret, _text(key["createdAt"]), life)


def _event(fields: JsonObject) -> StoredRow:
    coded = fields.get("stateBase64")
    state = _compact(fields["state"]) if coded is None else b64decode(coded, validate=True)
    return StoredRow(
        _number(fields["position"]),
        _text(fields["documentId"]),
        _number(fields["version"]),
        _text(fields["topic"]),
        state,
    )


_KINDS: dict[str, Callable[[JsonObject], Line]] = {
    "position": _event,
    "document": _document,
    "key": _key,
}


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise TypeError
    return value


def _compact(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def _line(fields: JsonObject) -> bytes:
    return _compact(fields) + b"\n"
