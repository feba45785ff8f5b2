"""Documents from a CSV or JSON Lines file into `documents`, bad lines told by their numbers."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TextIO

import psycopg

from domain.errors import InvalidValue
from domain.json_types import JsonMapping, JsonObject

_COLUMNS: Mapping[str, str] = {
    "id": "id",
    "title": "title",
    "content": "content",
    "realmId": "realm_id",
    "createdAt": "created_at",
}
_LONGEST = {"id": 255, "title": 255, "realmId": 255}
_INSERT = """
    INSERT INTO documents (id, title, content, realm_id, created_at, updated_at)
    VALUES (%(id)s, %(title)s, %(content)s, %(realm_id)s, %(created_at)s, %(created_at)s)
    ON CONFLICT (id) DO NOTHING
"""
_FAULTS_OF_ROWS = ("22", "23")  # SQLSTATE classes: data, integrity
_LARGEST_FIELD_BYTES = 1 << 30


class BadLine(Exception):
    """A line of which no document can be made."""


@dataclass(frozen=True, slots=True)
class FileDocument:
    """One document of the file; `values` are columns of `documents`."""

    line: int
    values: JsonObject


@dataclass
class FileReading:
    """What was found in the file so far."""

    lines: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)


def documents_of(
    path: Path, reading: FileReading, clock: Callable[[], datetime]
) -> Iterator[FileDocument]:
    """Yield the documents of the file, noting bad lines in `reading`.

    Raises InvalidValue for a file of another kind, and OSError for one that cannot be read.
    """
    lines = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines}.get(path.suffix.lower())
    if lines is None:
        raise InvalidValue(f"--from: '{path.name}' is neither .csv nor .jsonl.", field="from")
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        for number, read in lines(file):
            reading.lines += 1
            try:
                yield FileDocument(number, _checked(read(), clock))
            except BadLine as error:
                reading.bad.append((number, str(error)))


_Read = Callable[[], JsonMapping]


def _csv(file: TextIO) -> Iterator[tuple[int, _Read]]:
    csv.field_size_limit(_LARGEST_FIELD_BYTES)
    reader = csv.reader(file, strict=True)
    header = next(reader, [])
    if "id" not in header or (unknown := set(header) - _COLUMNS.keys()):
        what = f"unknown columns {', '.join(sorted(unknown))}" if "id" in header else "no column id"
        raise InvalidValue(
            f"--from: the first line has {what}; there may be {', '.join(_COLUMNS)}.", field="from"
        )
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, _refusing(f"it is no CSV: {error}")
            continue
        if cells:
            yield reader.line_num, _row(header, cells)


def _row(header: Sequence[str], cells: Sequence[str]) -> _Read:
    if len(cells) != len(header):
        return _refusing(f"it has {len(cells)} fields and not {len(header)}")
    # An empty field is no value: CSV cannot tell the two apart.
    return lambda: {name: cell or None for name, cell in zip(header, cells, strict=True)}


def _refusing(why: str) -> _Read:
    def refuse() -> JsonMapping:
        raise BadLine(why)

    return refuse


def _json_lines(file: TextIO) -> Iterator[tuple[int, _Read]]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, lambda line=line: _object(line)  # type: ignore[misc]


def _object(line: str) -> JsonMapping:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLine("it is no JSON") from None
    if not isinstance(value, dict):
        raise BadLine("it is no JSON object")
    return value


def _checked(value: JsonMapping, clock: Callable[[], datetime]) -> JsonObject:
    if unknown := sorted(set(value) - _COLUMNS.keys()):
        raise BadLine(f"it has the unknown field '{unknown[0][:100]}'")
    for name in value:
        _check_text(name, value[name])
    if not value.get("id"):
        raise BadLine("it has no id")
    values = {column: value.get(name) for name, column in _COLUMNS.items()}
    values["created_at"] = _time(value.get("createdAt")) or clock()
    return values


def _check_text(name: str, text: object) -> None:
    if text is None:
        return
    if not isinstance(text, str):
        raise BadLine(f"{name} is no text")
    if len(text) > _LONGEST.get(name, len(text)):
        raise BadLine(f"{name} is longer than {_LONGEST[name]} characters")
    if "\0" in text:
        raise BadLine(f"{name} holds a NUL character")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise BadLine(f"{name} is not UTF-8")


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise BadLine("createdAt is no time such as 2026-11-24T01:54:33Z") from None


def inserted_batches(
    connection: psycopg.Connection,
    documents: Iterable[FileDocument],
    reading: FileReading,
    batch_documents: int,
) -> Iterator[list[str]]:
    """Insert the documents that are not there yet; yield the ids of each batch.

    A row that the table refuses is noted as a bad line.
    """
    connection.execute("SET timezone = 'UTC'")
    rest = iter(documents)
    while batch := list(islice(rest, batch_documents)):
        yield _inserted(connection, batch, reading)


def _inserted(
    connection: psycopg.Connection, batch: Sequence[FileDocument], reading: FileReading
) -> list[str]:
    try:
        with connection.transaction(), connection.cursor() as cursor:
            # They are imported at once, so nobody has to be told of them.
            cursor.execute("SELECT set_config('docledger.own_change', 'yes', true)")
            cursor.executemany(_INSERT, [document.values for document in batch])
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate[:2] not in _FAULTS_OF_ROWS:
            raise
        if len(batch) == 1:
            reading.bad.append((batch[0].line, f"the table refuses it: {_where(error)}"))
            return []
        half = len(batch) // 2
        parts = (batch[:half], batch[half:])
        return [i for part in parts for i in _inserted(connection, part, reading)]
    return [document.values["id"] for document in batch]


def _where(error: psycopg.Error) -> str:
    """Name what refused a row, without the row's values."""
    name = error.diag.constraint_name or error.diag.column_name
    return f"{type(error).__name__} ({name})" if name else type(error).__name__
