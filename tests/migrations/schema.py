"""What a database's schema is, as text that can be compared: `pg_dump -s`, and rows by checksum."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import psycopg

from postgres.embedded.cluster import binaries

# Tokens and versions of the dump itself, and a stamp that newer minor releases put on columns
# whenever their table is made anew.
_PASSING = re.compile(
    r"^(\\(un)?restrict .*|-- Dumped .*|ALTER TABLE .* SET \(pg_attver=\d+\);)\n", re.MULTILINE
)


def dump_schema(url: str) -> str:
    """Return the schema's definition without what differs from one dump to the next."""
    done = subprocess.run(
        [_pg_dump(), "--schema-only", "--no-owner", f"--dbname={url}"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.defpath},
    )
    return _PASSING.sub("", done.stdout)


def checksum_of_rows(url: str, table: str) -> str:
    """Return a checksum of all the table's rows."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} AS t".encode()
        ).fetchone()
    assert row is not None
    return str(row[0])


def _pg_dump() -> Path:
    # The newest at hand: it reads servers of every older version.
    return binaries() / "pg_dump"
