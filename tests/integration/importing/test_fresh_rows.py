"""Rows of imported documents, whatever a projector has made of their events meanwhile."""

from __future__ import annotations

import uuid
from contextlib import closing
from datetime import UTC, datetime

import psycopg
import pytest

from domain.commands import Context
from eventstore.bulk_append import bulk_append, prepare_bulk_appends
from importing.registrations import Registrations, rows_after
from integration.importing.importing import Installation
from postgres.tracking import READ_MODELS, ensure_tracked
from projections.live.batch import Batch
from projections.live.bulk_rows import SAMPLE_ID, FreshDocuments, write_fresh_rows
from projections.live.careful import write_batch
from unit.projections.journeys import FIVE

DOCUMENTS = 20


def appended(installation: Installation) -> FreshDocuments:
    """Append the events of new documents as an import does, and write no rows."""
    registrations = Registrations(installation.application, FIVE)
    context = Context(at=datetime.now(UTC), actor="test", command_id=str(uuid.uuid4()))
    with closing(psycopg.connect(installation.dsn, autocommit=True)) as connection:
        prepare_bulk_appends(connection)
        rows = rows_after(connection, None, DOCUMENTS)
        done = bulk_append(connection, registrations.new_streams(rows, context))
    sample = registrations.sample(SAMPLE_ID, context.model_copy(update={"at": done.at}))
    return FreshDocuments(done.first_position, done.last_position, done.documents, sample)


def apply(installation: Installation, events: int) -> None:
    """Apply so many events as a projector does."""
    history = installation.history
    with psycopg.connect(installation.dsn) as connection:
        ensure_tracked(connection, READ_MODELS)
        batch = Batch.of(history.after(0, events), datetime.now(UTC))
        write_batch(connection, batch, history.streams)


def written(installation: Installation, fresh: FreshDocuments) -> bool:
    """Write what is left."""
    with psycopg.connect(installation.dsn, autocommit=True) as connection:
        return write_fresh_rows(connection, installation.history, fresh, datetime.now(UTC))


@pytest.mark.parametrize("applied", [0, 1, 2, 15, 2 * DOCUMENTS - 2, 2 * DOCUMENTS])
def test_a_projector_may_be_faster(installation: Installation, applied: int) -> None:
    installation.insert_many(DOCUMENTS)
    fresh = appended(installation)
    apply(installation, applied)
    assert written(installation, fresh)
    assert installation.count("processing_workflows") == DOCUMENTS
    installation.assert_true()


def test_the_last_event_alone_is_the_projectors(installation: Installation) -> None:
    installation.insert_many(DOCUMENTS)
    fresh = appended(installation)
    apply(installation, 2 * DOCUMENTS - 1)
    assert not written(installation, fresh)
    installation.catch_up()
    installation.assert_true()
