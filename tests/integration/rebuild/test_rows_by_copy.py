"""A rebuild writes by COPY what the projector writes, to the last number in a column of JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import Connection

from conftest import Server
from projections.rebuild.binary_copy import RowWriter
from projections.rebuild.catalog import Layout, read_layout
from projections.row_changes import RowChanges
from projections.rows import FileRow
from projections.tables import FILES

SCHEMA, TABLE = "rows_by_copy", "stage_output_files"
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**80), 2**80)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | st.sampled_from(["null", "NaN", "Infinity"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
METADATA = st.dictionaries(TEXTS, VALUES, max_size=5)


@pytest.fixture(scope="module")
def connection(embedded_server: Server) -> Iterator[Connection[Any]]:
    """A connection to a database with a second, empty table of files beside the live one."""
    url = embedded_server.create_migrated_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO documents (id, title) VALUES ('doc-1', 'One')")
        connection.execute(f"CREATE SCHEMA {SCHEMA}".encode())
        connection.execute(
            f"CREATE TABLE {SCHEMA}.{TABLE} (LIKE {TABLE} INCLUDING DEFAULTS)".encode()
        )
        yield connection
    embedded_server.drop_database(url)


@pytest.fixture(scope="module")
def layout(connection: Connection[Any]) -> Layout:
    """The layout of the table of files."""
    found = read_layout(connection, "public", TABLE)
    assert found is not None
    return found


@settings(max_examples=60)
@given(metadata=st.lists(METADATA, min_size=1, max_size=10))
def test_json_is_the_same_whoever_writes_it(
    connection: Connection[Any], layout: Layout, metadata: Sequence[Mapping[str, Any]]
) -> None:
    rows = [file_row(number, it) for number, it in enumerate(metadata)]
    changes = RowChanges()
    for row in rows:
        changes.put(FILES, None, row)
    with connection.transaction(force_rollback=True):
        changes.write(connection)
        writer = RowWriter(connection, SCHEMA, {TABLE: layout})
        writer.write([writer.encode({"doc-1": {TABLE: rows}})])
        [(count, same)] = connection.execute(
            f"SELECT count(*), count(*) FILTER (WHERE live = copied) FROM {TABLE} live "
            f"JOIN {SCHEMA}.{TABLE} copied USING (id)".encode()
        ).fetchall()
    assert (count, same) == (len(rows), len(rows))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_have_is_refused(
    connection: Connection[Any], layout: Layout, number: float
) -> None:
    writer = RowWriter(connection, SCHEMA, {TABLE: layout})
    row = file_row(1, {"pages": [{"width": number}], "null": "null"})
    with pytest.raises(ValueError, match="JSON"):
        writer.encode({"doc-1": {TABLE: [row]}})


def file_row(number: int, metadata: Mapping[str, Any]) -> FileRow:
    """Return the row of a file with this metadata."""
    return FileRow(
        id=f"doc-1_chunker:f{number}",
        document_id="doc-1",
        stage_name="chunker",
        file_type=f"f{number}",
        file_path="documents/doc-1/stages/chunker/doc-1.md",
        file_size=number,
        mime_type="text/markdown",
        checksum="a" * 64,
        metadata=metadata,
        created_at=datetime(2026, 11, 29, tzinfo=UTC),
    )
