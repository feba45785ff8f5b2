"""What the tables hold, and what they should hold by a fresh fold of the log."""

from __future__ import annotations

from typing import Any

import psycopg

from eventstore.history import History
from projections.folding import Folding
from projections.rows import DocumentRows
from projections.tables import FILES, STAGES, STREAMS, WORKFLOWS, load_rows


def assert_tables_are_the_fold(url: str, history: History) -> None:
    """Check every row of every table against a fold of the log from its beginning."""
    foldings = fold_all(history)
    with psycopg.connect(url) as connection:
        present = {row[0] for row in connection.execute("SELECT id FROM documents")}
        loaded = load_rows(connection, list(foldings))
        workflows = {
            row.id: row for row in WORKFLOWS.select(connection, "document_id", list(foldings))
        }
        counts = [_count(connection, table.name) for table in (STAGES, FILES, STREAMS)]
    expected = {i: folding.rows for i, folding in foldings.items()}
    for document_id, rows in expected.items():
        assert loaded[document_id].stream == rows.stream
        if document_id in present:
            assert loaded[document_id] == rows
    kept = [rows for document_id, rows in expected.items() if document_id in present]
    assert workflows == {
        row.id: row for i, folding in foldings.items() if i in present for row in folding.workflows
    }
    assert counts == [
        sum(len(rows.stages) for rows in kept),
        sum(len(rows.files) for rows in kept),
        len(expected),
    ]


def fold_all(history: History) -> dict[str, Folding]:
    """Fold the whole log."""
    foldings: dict[str, Folding] = {}
    for recorded in history.after(0, 10_000_000):
        document_id = recorded.event.document_id
        folding = foldings.setdefault(document_id, Folding(DocumentRows.none(document_id)))
        folding.apply(recorded)
    return foldings


def _count(connection: psycopg.Connection[Any], table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])
