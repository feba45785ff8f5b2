"""A dry run says what would change, row by row, and changes nothing."""

from __future__ import annotations

import threading

from eventstore.history import History
from integration.projections.log_writer import LogWriter
from integration.projections.projecting import make_projector, running
from integration.rebuild.rebuilding import (
    assert_nothing_differs,
    execute,
    lives,
    project_all,
    rebuilder,
    rows,
)
from migrations.schema import dump_schema
from projections.rebuild.differences import RowDifference


def test_nothing_differs_from_what_the_projector_made(
    database: str, history: History, log: LogWriter
) -> None:
    lives(log, database, history)
    schema = dump_schema(database)
    assert_nothing_differs(database, history)
    assert dump_schema(database) == schema


def test_every_kind_of_damage_is_told_and_left(
    database: str, history: History, log: LogWriter
) -> None:
    log.register("doc-1", "doc-2", "doc-3")
    log.complete("doc-1", "markdown-conversion")
    project_all(database, history)
    execute(
        database,
        'UPDATE documents_processing_stages SET retry_count = 7, metadata = \'{"by": "hand"}\''
        " WHERE id = 'doc-2_chunker'; "
        "DELETE FROM stage_output_files; "
        "INSERT INTO processing_workflows (id, document_id) VALUES ('workflow-9_doc-3', 'doc-3')",
    )
    damaged, schema = rows(database), dump_schema(database)
    found: list[RowDifference] = []
    rebuilder(database, history).dry_run(found.append)
    assert rows(database) == damaged
    assert dump_schema(database) == schema
    assert found == [
        RowDifference("processing_workflows", "doc-3", "workflow-9_doc-3", "extra", {}),
        RowDifference(
            "documents_processing_stages",
            "doc-2",
            "doc-2_chunker",
            "changed",
            {"metadata": ({"by": "hand"}, None), "retry_count": (7, 0)},
        ),
        RowDifference(
            "stage_output_files", "doc-1", "doc-1_markdown-conversion:markdown", "missing", {}
        ),
    ]
    only: list[RowDifference] = []
    rebuilder(database, history).dry_run(only.append, "stage_output_files")
    assert only == found[2:]


def test_lag_is_no_difference(database: str, history: History, log: LogWriter) -> None:
    log.register("doc-1")
    project_all(database, history)
    log.restart("doc-1")
    assert_nothing_differs(database, history)


def test_nothing_differs_while_reads_and_writes_continue(
    database: str, history: History, log: LogWriter
) -> None:
    """Row and position are compared in one snapshot, however the projector moves them."""
    names = [f"doc-{number}" for number in range(10)]
    log.register(*names)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for name in names:
                log.restart(name)

    writer = threading.Thread(target=write)
    with running(make_projector(database, history, batch_events=3)):
        writer.start()
        for _ in range(3):
            assert_nothing_differs(database, history)
        stop.set()
        writer.join()
