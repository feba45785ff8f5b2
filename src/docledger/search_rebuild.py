"""`docledger rebuild --search`: fills the search store again while searches go on."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable

import psycopg

from postgres.tracking import READ_MODELS, read_position
from projections.rebuild.progress import Progress, Reporter
from projections.rebuild.rebuilder import Rebuilt
from projections.rebuild.session import reason_of
from projections.rebuild.worker import Connect
from projections.rebuild_lock import rebuild_lock
from stages.search.filler import SearchFiller

SEARCH_TABLES = ("search_chunks",)


def rebuild_search(
    connect: Connect,
    filler: SearchFiller,
    on_progress: Callable[[Progress], None],
    *,
    rebuild_id: str | None,
    lock_seconds: float,
) -> Rebuilt:
    """Replace each document's chunks by those of its current outputs, and remove all others.

    Raises RebuildRunning while a rebuild or a check runs.
    """
    with (
        contextlib.closing(connect()) as connection,
        contextlib.closing(connect()) as reporting,
    ):
        connection.autocommit = reporting.autocommit = True
        with rebuild_lock(connection, exclusive=True, wait_seconds=lock_seconds):
            reporter = Reporter(
                reporting, rebuild_id or str(uuid.uuid4()), SEARCH_TABLES, on_progress
            )
            try:
                position = read_position(connection, READ_MODELS)
                reporter.phase("filling", position=position)
                filler.refill(connection, lambda documents: reporter.folded(0, documents))
                reporter.phase("done")
            except BaseException as error:
                with contextlib.suppress(psycopg.Error):
                    reporter.phase("failed", error=reason_of(error))
                raise
    progress = reporter.progress
    return Rebuilt(position, 0, progress.documents, progress.seconds, SEARCH_TABLES)
