"""Rows as PostgreSQL's binary COPY takes them, and a writer that sends many of them at once.

Rows are encoded many at a time, column by column: then nearly all of it is done by loops in C over
functions that remember what they encoded before, and most values of a column come again.

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
from itertools import chain, repeat
from operator import attrgetter
from typing import Any

from psycopg import Connection
from psycopg.pq import Format
from pydantic_core import PydanticSerializationError, to_json

from projections.rebuild_catalog import Layout
from projections.rebuild_shadow import TABLES, quoted
from projections.table import Table, same

_HEADER = b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0)
_TRAILER = struct.pack("!h", -1)
_NULL = struct.pack("!i", -1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_LENGTH = struct.Struct("!i").pack
_INT2 = struct.Struct("!ih").pack
_INT4 = struct.Struct("!ii").pack
_INT8 = struct.Struct("!iq").pack
_REMEMBERED = 4096

Rows = Mapping[str, Iterable[Any]]
"""A document's rows by the name of their table."""

Encode = Callable[[Any], bytes]
"""Makes a field of a value that is not None."""


def _or_null(encode: Encode) -> Callable[[Any], bytes]:
    return lambda value: _NULL if value is None else encode(value)


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


def _timestamp(value: datetime) -> bytes:
    since = value - _EPOCH
    return _INT8(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _bool(value: bool) -> bytes:
    return b"\0\0\0\1" + (b"\1" if value else b"\0")


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
_MOSTLY_NEW = frozenset(
    ("id", "file_path", "checksum", "error_message", "original_name", "original_checksum")
)
"""Columns whose values hardly ever come again."""

_ENCODERS: Mapping[int, Callable[[Any], bytes]] = {
    16: _or_null(_bool),
    20: _or_null(lambda value: _INT8(8, value)),
    21: _or_null(lambda value: _INT2(2, value)),
    23: _or_null(lambda value: _INT4(4, value)),
    25: _text,
    1042: _text,
    1043: _text,
    1184: _or_null(_timestamp),
}
"""By the type's OID, which is the same on every server; other types psycopg knows."""

_REMEMBERING = {oid: lru_cache(_REMEMBERED)(encode) for oid, encode in _ENCODERS.items()}
"""The same, each shared by all columns: an event's time is in many."""

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
        table = TABLES[layout.relation.name]
        oids = {column.name: column.type_oid for column in layout.columns}
        self.columns = table.columns
        self._values = attrgetter(*self.columns)
        self._count = struct.pack("!h", len(self.columns))
        self._encoders = [
            self._encoder(connection, table, column, oids[column]) for column in self.columns
        ]

    def encode(self, rows: Iterable[Any]) -> bytes:
        """Return these rows, one after the other."""
        columns = zip(*map(self._values, rows), strict=True)
        encoded = [
            map(encode, column) for encode, column in zip(self._encoders, columns, strict=False)
        ]
        if not encoded:
            return b""
        return b"".join(chain.from_iterable(zip(repeat(self._count), *encoded)))

    def _encoder(
        self, connection: Connection[Any], table: Table[Any], column: str, oid: int
    ) -> Callable[[Any], bytes]:
        json_column = table.json.get(column)
        if json_column and oid in _JSON_TYPES:
            return _or_null(_encode_json(_JSON_TYPES[oid], json_column.store))
        if known := (_ENCODERS if column in _MOSTLY_NEW else _REMEMBERING).get(oid):
            return known
        return _or_null(_by_psycopg(connection, oid))


def _encode_json(frame: Callable[[bytes], bytes], store: Callable[[Any], Any]) -> Encode:
    if store is same:
        return lambda value: frame(_dumped(value))

    def encode(value: Any) -> bytes:
        return frame(_dump(store(value)).encode())

    @lru_cache(_REMEMBERED)
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


@dataclass(frozen=True, slots=True)
class Encoded:
    """Some documents, and the rows of all of them by table in the writer's order."""

    documents: Mapping[str, Rows]
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

    def encode(self, documents: Mapping[str, Rows]) -> Encoded:
        """Encode the rows of documents, of those tables that are written; raises ValueError."""
        try:
            parts = tuple(
                encoder.encode(chain.from_iterable(rows[name] for rows in documents.values()))
                for name, encoder in self._encoders.items()
            )
        except struct.error as error:
            raise ValueError("a number is too large") from error
        return Encoded(documents, parts)

    def write(self, parts: Sequence[Encoded]) -> None:
        """Write all of these or, if the database raises psycopg.Error, nothing."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for number, statement in enumerate(self._copies):
                if any(part.rows[number] for part in parts):
                    with cursor.copy(statement) as copy:
                        for piece in _pieces(parts, number):
                            copy.write(piece)


def _pieces(parts: Sequence[Encoded], number: int) -> Iterator[bytes]:
    yield _HEADER
    yield b"".join(part.rows[number] for part in parts)
    yield _TRAILER
