"""Rows as PostgreSQL's binary COPY takes them, and a writer that sends many of them at once.

Format: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". Integers are in
network order; a field is its length and its bytes, -1 for null.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from psycopg import Connection
from psycopg.pq import Format
from pydantic_core import PydanticSerializationError, to_json

from projections.rebuild_catalog import Layout
from projections.rebuild_shadow import TABLES, quoted
from projections.table import same

_HEADER = b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0)
_TRAILER = struct.pack("!h", -1)
_NULL = struct.pack("!i", -1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_LENGTH = struct.Struct("!i").pack
_INT2 = struct.Struct("!ih").pack
_INT4 = struct.Struct("!ii").pack
_INT8 = struct.Struct("!iq").pack

Encode = Callable[[Any], bytes]
"""Makes a field of a value that is not None."""


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


_word = lru_cache(maxsize=1024)(_text)
"""Encodes text that comes again and again: statuses, names of stages, a document's id."""


@lru_cache(maxsize=64)
def _timestamp(value: datetime) -> bytes:
    # An event's time is in many columns of many rows.
    since = value - _EPOCH
    return _INT8(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _bool(value: bool) -> bytes:
    return b"\0\0\0\1" + (b"\1" if value else b"\0")


@lru_cache(maxsize=1024)
def _int4(value: int) -> bytes:
    return _INT4(4, value)


def _json(text: bytes) -> bytes:
    return _LENGTH(len(text)) + text


def _jsonb(text: bytes) -> bytes:
    return _LENGTH(len(text) + 1) + b"\1" + text


def _dumped(value: Any) -> bytes:
    """Return the value as JSON; raises ValueError or TypeError for what JSON does not have."""
    if not value:
        return _EMPTY.get(type(value)) or _dump(value).encode()
    try:
        encoded = to_json(value, inf_nan_mode="constants")
    except (PydanticSerializationError, ValueError):
        return _dump(value).encode()  # which says what is wrong
    # These may be words as well; then the slower way finds nothing wrong with them.
    if b"NaN" in encoded or b"Infinity" in encoded:
        return _dump(value).encode()
    return encoded


_EMPTY: Mapping[Any, bytes] = {dict: b"{}", list: b"[]"}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a row.")


_dump = json.JSONEncoder(allow_nan=False, ensure_ascii=False, default=_plain).encode
_FEW = frozenset(
    (
        *("document_id", "stage_name", "status", "file_type"),
        *("mime_type", "original_mime_type", "workflow_type", "current_stage"),
    )
)

_ENCODERS: Mapping[int, Encode] = {
    16: _bool,
    20: lambda value: _INT8(8, value),
    21: lambda value: _INT2(2, value),
    23: _int4,
    25: _text,
    1042: _text,
    1043: _text,
    1184: _timestamp,
}
"""By the type's OID, which is the same on every server; other types psycopg knows."""

_JSON_TYPES: Mapping[int, Callable[[bytes], bytes]] = {114: _json, 3802: _jsonb}


def _by_psycopg(connection: Connection[Any], oid: int) -> Encode:
    def encode(value: Any) -> bytes:
        dumper = connection.adapters.get_dumper_by_oid(oid, Format.BINARY)(type(value), connection)
        encoded = bytes(dumper.dump(value) or b"")
        return _LENGTH(len(encoded)) + encoded

    return encode


class RowEncoder:
    """Encodes rows of one table."""

    def __init__(self, connection: Connection[Any], layout: Layout) -> None:
        name = layout.relation.name
        table = TABLES[name]
        oids = {column.name: column.type_oid for column in layout.columns}
        self.columns = table.columns
        encoders: dict[str, Encode] = {}
        for column in self.columns:
            oid, json_column = oids[column], table.json.get(column)
            encode = _ENCODERS.get(oid)
            if encode is _text and column in _FEW:
                encode = _word
            if json_column and oid in _JSON_TYPES:
                encode = _encode_json(_JSON_TYPES[oid], json_column.store)
            encoders[column] = encode or _by_psycopg(connection, oid)
        self._encode = _written_out(encoders)

    def encode(self, rows: Iterable[Any]) -> bytes:
        """Return these rows, one after the other."""
        return b"".join([self._encode(row) for row in rows])


def _encode_json(frame: Callable[[bytes], bytes], store: Callable[[Any], Any]) -> Encode:
    if store is same:
        return lambda value: frame(_dumped(value))

    def encode(value: Any) -> bytes:
        return frame(_dump(store(value)).encode())

    @lru_cache(maxsize=1024)
    def remembered(items: tuple[Any, ...], *, is_mapping: bool) -> bytes:
        return encode(dict(items) if is_mapping else items)

    def encode_or_remember(value: Any) -> bytes:
        # Most documents have the same pipeline and the same versions of files.
        is_mapping = isinstance(value, dict)
        try:
            return remembered(tuple(value.items() if is_mapping else value), is_mapping=is_mapping)
        except TypeError:  # of what cannot be remembered
            return encode(value)

    return encode_or_remember


def _written_out(encoders: Mapping[str, Encode]) -> Callable[[Any], bytes]:
    """Return a function written out for these columns: a loop over them would take longer."""
    parts = [f"NULL if (v := row.{column}) is None else {column}_(v)" for column in encoders]
    source = f"def encode(row):\n    return b''.join((COUNT, {', '.join(parts)}))"
    known: dict[str, Any] = {f"{column}_": encode for column, encode in encoders.items()}
    known |= {"NULL": _NULL, "COUNT": struct.pack("!h", len(encoders))}
    exec(source, known)  # noqa: S102 - of names that a class of ours declares
    made: Callable[[Any], bytes] = known["encode"]
    return made


@dataclass(frozen=True, slots=True)
class Encoded:
    """The rows of one document, by table in the writer's order."""

    document_id: str
    rows: tuple[bytes, ...]

    @property
    def size_bytes(self) -> int:
        """How much there is to send."""
        return sum(map(len, self.rows))


class RowWriter:
    """Writes rows of many documents into tables of one schema with one COPY a table."""

    def __init__(
        self, connection: Connection[Any], schema: str, layouts: Mapping[str, Layout]
    ) -> None:
        self._connection = connection
        self._encoders = {name: RowEncoder(connection, it) for name, it in layouts.items()}
        self._copies = [
            f"COPY {quoted(schema, name)} ({', '.join(map(quoted, encoder.columns))}) "
            "FROM STDIN (FORMAT binary)".encode()
            for name, encoder in self._encoders.items()
        ]

    def encode(self, document_id: str, rows: Mapping[str, Iterable[Any]]) -> Encoded:
        """Encode the rows of a document, of those tables that are written; raises ValueError."""
        try:
            parts = tuple(it.encode(rows[name]) for name, it in self._encoders.items())
        except struct.error as error:
            raise ValueError("a number is too large") from error
        return Encoded(document_id, parts)

    def write(self, documents: Sequence[Encoded]) -> None:
        """Write all of these or, if the database raises psycopg.Error, nothing."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for number, statement in enumerate(self._copies):
                if any(document.rows[number] for document in documents):
                    with cursor.copy(statement) as copy:
                        for piece in _pieces(documents, number):
                            copy.write(piece)


def _pieces(documents: Sequence[Encoded], number: int) -> Iterator[bytes]:
    yield _HEADER
    yield b"".join(document.rows[number] for document in documents)
    yield _TRAILER
