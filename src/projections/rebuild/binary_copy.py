"""Encodes rows for PostgreSQL's binary COPY, and writes many of them at once.

Rows are encoded many at a time, column by column, so that loops in C do nearly all of it. Values
that many rows share, such as stage, status and attempt together, are encoded once and cached.

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
from itertools import chain
from operator import add, attrgetter
from typing import Any, cast

from msgspec.json import Encoder
from psycopg import Connection
from psycopg.pq import Format

from projections.rebuild.catalog import Layout
from projections.rebuild.shadow import TABLES, quoted
from projections.table import AnyTable, same

_HEADER = b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0)
_TRAILER = struct.pack("!h", -1)
_NULL = struct.pack("!i", -1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_LENGTH = struct.Struct("!i").pack
_INT2 = struct.Struct("!ih").pack
_INT4 = struct.Struct("!ii").pack
_INT8 = struct.Struct("!iq").pack
_CACHED_VALUES = 4096

Rows = Mapping[str, Iterable[Any]]
"""A document's rows by the name of their table."""

Encode = Callable[[Any], bytes]
"""Makes a field of a value."""

Times = dict[int, bytes]
"""Encoded times of the rows that are being encoded, by the identity of the time."""

EncodeColumn = Callable[[Sequence[Any], Times], Iterable[bytes]]
"""Makes fields of the values of a column."""


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


class _EncodedValues(dict[Any, bytes]):
    """Cache of encoded values, emptied when full: a hit has to be a lookup in a plain dict."""

    def __init__(self, encode: Encode) -> None:
        super().__init__()
        self._encode = encode

    def __missing__(self, value: Any) -> bytes:
        encoded = self._encode(value)
        if len(self) >= _CACHED_VALUES:
            self.clear()
        self[value] = encoded
        return encoded


def _each(encode: Encode) -> EncodeColumn:
    return lambda values, _: [_NULL if value is None else encode(value) for value in values]


_length_of = _EncodedValues(_LENGTH).__getitem__


def _new_texts(values: Sequence[str | None], _: Times) -> Iterable[bytes]:
    try:
        texts = list(map(str.encode, cast("Sequence[str]", values)))
    except TypeError:  # of None
        return [_NULL if value is None else _text(value) for value in values]
    return map(add, map(_length_of, map(len, texts)), texts)


def _times(values: Sequence[datetime | None], known: Times) -> Iterable[bytes]:
    # An event's time is in many fields. To compare times takes longer than to encode them.
    ids = list(map(id, values))
    try:
        return list(map(known.__getitem__, ids))
    except KeyError:
        for key, value in zip(ids, values, strict=True):
            if key not in known:
                known[key] = _NULL if value is None else _timestamp(value)
    return map(known.__getitem__, ids)


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
        encoded = _to_json(value)
    except (ValueError, TypeError, OverflowError):
        return _dump(value).encode()  # which says what is wrong
    # It may stand for a number that JSON does not have; if so, the slower way says that.
    return _dump(value).encode() if b"null" in encoded else encoded


_EMPTY: Mapping[Any, bytes] = {dict: b"{}", list: b"[]"}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a row.")


_to_json = Encoder().encode
_dump = json.JSONEncoder(allow_nan=False, ensure_ascii=False, default=_plain).encode
_MOSTLY_DISTINCT = frozenset(
    (
        *("id", "document_id", "position", "error_message", "parked_error"),
        *("file_path", "file_size", "checksum"),
        *("original_name", "original_checksum", "original_size_bytes"),
    )
)
"""Columns whose values other documents' rows hardly ever share."""

_ENCODERS: Mapping[int, Encode] = {
    16: _bool,
    20: lambda value: _INT8(8, value),
    21: lambda value: _INT2(2, value),
    23: lambda value: _INT4(4, value),
    25: _text,
    1042: _text,
    1043: _text,
}
"""By the type's OID, which is the same on every server; other types psycopg knows."""

_COLUMNS: Mapping[int, EncodeColumn] = {
    **{oid: _each(encode) for oid, encode in _ENCODERS.items()},
    25: _new_texts,
    1043: _new_texts,
    1184: _times,
}

_JSON_TYPES: Mapping[int, Encode] = {114: _json, 3802: _jsonb}


def _by_psycopg(connection: Connection, oid: int) -> Encode:
    def encode(value: Any) -> bytes:
        dumper = connection.adapters.get_dumper_by_oid(oid, Format.BINARY)(type(value), connection)
        encoded = bytes(dumper.dump(value) or b"")
        return _LENGTH(len(encoded)) + encoded

    return encode


class RowEncoder:
    """Encodes rows of one table; `columns` are in the order of the fields that it makes."""

    def __init__(self, connection: Connection, layout: Layout) -> None:
        table = TABLES[layout.relation.name]
        oids = {column.name: column.type_oid for column in layout.columns}
        shared = [c for c in table.columns if _is_shared(table, c, oids[c])]
        others = [c for c in table.columns if c not in shared]
        self.columns = (*shared, *others)
        self._shared = attrgetter(*shared)
        self._fields_of = _EncodedValues(
            _together(len(self.columns), [_ENCODERS[oids[c]] for c in shared])
        )
        self._others = attrgetter(*others)
        self._encoders = [_column_encoder(connection, table, c, oids[c]) for c in others]

    def encode(self, rows: Iterable[Any], times: Times) -> bytes:
        """Return these rows, one after the other; all of `times` must be of rows that live on."""
        listed = list(rows)
        heads = map(self._fields_of.__getitem__, map(self._shared, listed))
        columns = zip(*map(self._others, listed), strict=True)
        encoded = [
            encode(column, times) for encode, column in zip(self._encoders, columns, strict=False)
        ]
        return b"".join(chain.from_iterable(zip(heads, *encoded, strict=True))) if encoded else b""


def _is_shared(table: AnyTable, column: str, oid: int) -> bool:
    return column not in _MOSTLY_DISTINCT and column not in table.json and oid in _ENCODERS


def _together(fields: int, encoders: Sequence[Encode]) -> Encode:
    """Return what makes the beginning of a row of so many fields from the first ones' values."""
    count = struct.pack("!h", fields)

    def encode(values: tuple[Any, ...]) -> bytes:
        pairs = zip(encoders, values, strict=True)
        return count + b"".join(_NULL if value is None else one(value) for one, value in pairs)

    return encode


def _column_encoder(connection: Connection, table: AnyTable, column: str, oid: int) -> EncodeColumn:
    json_column = table.json.get(column)
    if json_column and oid in _JSON_TYPES:
        return _each(_encode_json(_JSON_TYPES[oid], json_column.store))
    return _COLUMNS.get(oid) or _each(_by_psycopg(connection, oid))


def _encode_json(frame: Callable[[bytes], bytes], store: Callable[[Any], Any]) -> Encode:
    if store is same:
        return lambda value: frame(_dumped(value))

    def encode(value: Any) -> bytes:
        return frame(_dump(store(value)).encode())

    @lru_cache(_CACHED_VALUES)
    def cached(items: tuple[Any, ...], *, is_mapping: bool) -> bytes:
        return encode(dict(items) if is_mapping else items)

    def encode_or_cached(value: Any) -> bytes:
        # Most documents have the same pipeline and the same versions of files.
        is_mapping = isinstance(value, dict)
        try:
            return cached(tuple(value.items() if is_mapping else value), is_mapping=is_mapping)
        except TypeError:  # of what is not hashable
            return encode(value)

    return encode_or_cached


@dataclass(frozen=True, slots=True)
class Encoded:
    """The rows of some documents by table, in the writer's order."""

    document_ids: Sequence[str]
    rows: tuple[bytes, ...]

    @property
    def size_bytes(self) -> int:
        """How much there is to send."""
        return sum(map(len, self.rows))


class RowWriter:
    """Writes rows of many documents into tables of one schema with one COPY a table."""

    def __init__(self, connection: Connection, schema: str, layouts: Mapping[str, Layout]) -> None:
        self._connection = connection
        self._encoders = {name: RowEncoder(connection, it) for name, it in layouts.items()}
        self._copies = [
            f"COPY {quoted(schema, name)} ({', '.join(map(quoted, encoder.columns))}) "
            "FROM STDIN (FORMAT binary)".encode()
            for name, encoder in self._encoders.items()
        ]

    def encode(self, documents: Mapping[str, Rows]) -> Encoded:
        """Encode the rows of documents, of those tables that are written; raises ValueError."""
        times: Times = {}
        try:
            parts = tuple(
                encoder.encode(
                    chain.from_iterable(rows[name] for rows in documents.values()), times
                )
                for name, encoder in self._encoders.items()
            )
        except struct.error as error:
            raise ValueError("a number is too large") from error
        return Encoded(list(documents), parts)

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
