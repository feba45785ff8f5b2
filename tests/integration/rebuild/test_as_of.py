"""The three tables of the whole fleet as they were at a position of the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from domain.errors import InvalidValue
from eventstore.history import History
from eventstore.log_shards import LogShards
from eventstore.mapper import parse_time
from integration.projections.log_writer import LogWriter, delete_elsewhere
from integration.rebuild.rebuilding import execute, lives, project_all, rebuilder, rows
from migrations.schema import dump_schema
from projections.errors import RebuildRefused

THREE = ("processing_workflows", "documents_processing_stages", "stage_output_files")


def test_rows_are_as_they_were_then(database: str, history: History, log: LogWriter) -> None:
    log.random_histories([f"doc-{number}" for number in range(20)], seed=3, rounds=15)
    log.register("deleted since", "gone since")
    project_all(database, history)
    then, position = rows(database, *THREE), history.last_position()
    log.random_histories([f"later-{number}" for number in range(5)], seed=4, rounds=10)
    log.delete("deleted since")
    delete_elsewhere(database, ["gone since"])
    for number in range(20):
        log.commit.load(f"doc-{number}")
    project_all(database, history)
    now = rows(database)
    made = rebuilder(database, history).materialise(position, "as_of_then")
    assert made.position == position
    assert rows(database, *(f"as_of_then.{name}" for name in THREE)) == {
        f"as_of_then.{name}": then[name] for name in THREE
    }
    assert rows(database) == now
    assert "CREATE SCHEMA docledger_re" not in dump_schema(database)
    [(about,)] = execute(database, "SELECT obj_description('as_of_then'::regnamespace)")
    assert about == f"docledger: the read models as of position {position} of the log"


@pytest.mark.parametrize(
    ("schema", "position", "why"),
    [
        ("mine", 1, "There is a schema mine already"),
        ("public", 1, "has another use"),
        ("docledger_queue", 1, "has another use"),
        ("yours", 0, "0 is none"),
        ("yours", 1_000_000, "1000000 is none"),
    ],
)
def test_what_cannot_be_is_refused(
    database: str, history: History, log: LogWriter, schema: str, position: int, why: str
) -> None:
    log.register("doc-1")
    execute(database, "CREATE SCHEMA mine")
    before = dump_schema(database)
    with pytest.raises((RebuildRefused, InvalidValue), match=why):
        rebuilder(database, history).materialise(position, schema)
    assert dump_schema(database) == before


def test_a_time_is_the_last_position_that_is_not_later(
    database: str, history: History, log: LogWriter
) -> None:
    lives(log, database, history)
    # positions may have gaps
    execute(
        database,
        "SELECT nextval('docledger_events_notification_id_seq') FROM generate_series(1, 9)",
    )
    log.register("last")
    shards = LogShards(partial(psycopg.connect, database))
    stored = execute(
        database,
        "SELECT notification_id, encode(substring(state FROM 8 FOR 27), 'escape')"
        " FROM docledger_events ORDER BY 1",
    )
    times = [(position, parse_time(text)) for position, text in stored]
    for at in {at for _, at in times}:
        for moment in (at - timedelta(microseconds=1), at, at + timedelta(microseconds=1)):
            assert shards.position_at(moment) == _last(times, moment)
    assert shards.position_at(datetime(2000, 1, 1, tzinfo=UTC)) == 0
    assert shards.position_at(datetime(2100, 1, 1, tzinfo=UTC)) == history.last_position()


def _last(times: list[tuple[int, Any]], moment: datetime) -> int:
    return max((position for position, at in times if at <= moment), default=0)
