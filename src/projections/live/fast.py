"""Applies a batch from cached rows, all or nothing, in two round trips."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import psycopg
from psycopg import Connection

from postgres.pipelines import pipelined, unawaited_transaction
from postgres.tracking import READ_MODELS, position_move, request_position_lock
from projections.errors import is_row_fault
from projections.folding import Folding
from projections.live.batch import Applied, Batch, add_files, notify_applied
from projections.live.document_fold import fold_batch, without_names
from projections.live.prepared import Prepared
from projections.live.row_cache import CachedRows, RowCache, rows_to_cache
from projections.log_reader import Recorded
from projections.row_changes import RowChanges
from projections.rows import DocumentRows
from projections.statements import APPLIED_VERSION
from projections.tables import (
    STREAMS,
    DocumentLocks,
    load_without_files,
    read_locks,
    read_rows,
    request_locks,
    request_rows,
)
from projections.version import check_version


class StaleCache(Exception):
    """Something is not as it is cached, or not for the fast way; the careful one has to do it."""


def apply_fast(
    connection: Connection,
    batch: Batch,
    position: int,
    cache: RowCache,
    prepared: Prepared | None,
    on_folded: Callable[[Mapping[str, CachedRows]], None],
) -> Applied | None:
    """Apply all events of the batch, which come after `position`.

    `prepared` is what the batch was found to make beforehand. `on_folded` is given the rows to
    cache before the database writes them. Return None, with nothing applied, if another projector
    has moved the position. Raises StaleCache, with nothing applied, if a document is locked by
    another session or has lost rows, or if a row cannot be written; OtherVersion for tables of
    another program's version.
    """
    try:
        with pipelined(connection):
            with unawaited_transaction(connection):
                applied = _apply(connection, batch, position, cache, prepared, on_folded)
            if applied is not None:
                notify_applied(connection, batch.events[-1].position)
    except psycopg.Error as error:
        if is_row_fault(error):
            raise StaleCache from error
        raise
    return applied


def _apply(
    connection: Connection,
    batch: Batch,
    position: int,
    cache: RowCache,
    prepared: Prepared | None,
    on_folded: Callable[[Mapping[str, CachedRows]], None],
) -> Applied | None:
    # All requests are sent before the first answer is read: one round trip.
    locked_position = request_position_lock(connection, READ_MODELS)
    version = connection.execute(APPLIED_VERSION, prepare=True)
    requested_locks = request_locks(connection, batch.streams)
    cached = {} if prepared else cache.find(batch.streams)
    missing = () if prepared else batch.streams.keys() - cached.keys()
    requested_rows = request_rows(connection, missing) if missing else None
    if locked_position() != position:
        return None
    check_version(connection, version)
    locks = read_locks(connection, batch.streams, requested_locks)
    if locks.locked:
        raise StaleCache
    if prepared is not None and prepared.holds(locks):
        foldings, changes = prepared.foldings, prepared.changes
    else:
        rows = read_rows(missing, requested_rows) if requested_rows else {}
        rows |= {i: r for i, (xmin, r) in cached.items() if locks.row_versions.get(i) == xmin}
        foldings, changes = _fold(connection, batch, rows, locks)
    written = rows_to_cache(foldings, locks.row_versions)
    on_folded(written)
    changes.write(connection, position_move(READ_MODELS, batch.events[-1].position, batch.at))
    parked = {it.document_id: it.refusal for it in foldings if it.refusal}
    return Applied(len(batch.events), parked=parked, rows=written)


def _fold(
    connection: Connection, batch: Batch, rows: dict[str, DocumentRows], locks: DocumentLocks
) -> tuple[list[Folding], RowChanges]:
    """Fold the batch on from the cached rows, those of other documents loaded."""
    if stale := batch.streams.keys() - rows.keys():
        rows |= load_without_files(connection, stale)
    add_files(connection, rows, batch.streams)
    foldings = fold_batch(batch.streams, rows, _read_no_streams)
    changes = RowChanges()
    for folding in foldings:
        changes.add(folding, locks.row_versions, batch.at)
    if len(foldings) < len(rows):  # some are parked
        for row in without_names(batch.streams, rows):
            changes.put(STREAMS, None, row)
    try:
        changes.encode()
    except (ValueError, TypeError) as error:
        raise StaleCache from error
    return foldings, changes


def _read_no_streams(_: Collection[str]) -> Mapping[str, Sequence[Recorded]]:
    """Refuse documents that lost rows: whole streams are for the careful way."""
    raise StaleCache
