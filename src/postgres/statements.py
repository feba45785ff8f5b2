"""Statements put together of parts, each of which writes many rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from psycopg import Connection


class Part(NamedTuple):
    """A part of a statement that writes many rows; `rows` are those that it must find there."""

    text: bytes
    values: tuple[object, ...]
    rows: int = 0


def write(connection: Connection, parts: Sequence[Part]) -> None:
    """Write all parts with one statement.

    Raises psycopg.DataError if a row is not there that should have been; in a pipeline, where the
    answer is not waited for, that comes later. No two parts may be about the same row.
    """
    if not parts:
        return
    text = _statement(*(part.text for part in parts))
    values = [value for part in parts for value in part.values]
    if found := sum(part.rows for part in parts):
        values.append(found)
    connection.execute(text, values, prepare=True)


@lru_cache(maxsize=100)
def _statement(*texts: bytes) -> bytes:
    parts = [b"part_%d AS (%b)" % (number, text) for number, text in enumerate(texts)]
    found = [
        b"(SELECT count(*) FROM part_%d)" % number
        for number, text in enumerate(texts)
        if text.endswith(b"RETURNING 1")
    ]
    return b"WITH %b SELECT %b" % (b", ".join(parts), _all_found(found) if found else b"1")


def _all_found(counts: Sequence[bytes]) -> bytes:
    """Return what fails unless so many rows were found: a cast is what can, in plain SQL."""
    return (
        b"CASE WHEN found.rows <> %%s THEN "
        b"('rows are gone that were known to be there, left: ' || found.rows)::int END "
        b"FROM (SELECT %b) AS found (rows)" % b" + ".join(counts)
    )
