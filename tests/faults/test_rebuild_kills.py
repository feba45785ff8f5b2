"""Rebuilds that are killed leave the live tables as they were, and the next one clears up."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from conftest import Server
from eventstore.application import WorkflowApplication
from eventstore.group_commit import GroupCommit
from eventstore.history import History
from faults.rebuild_campaign import Campaign, run
from integration.projections.log_writer import LogWriter
from integration.projections.projecting import eventually, make_projector
from integration.rebuild.rebuilding import execute, rebuilder, rows
from migrations.schema import dump_schema
from projections import fold
from projections.errors import RebuildFailed

SOURCES = Path(__file__).parents[2] / "src"


@pytest.mark.timeout(600)
def test_a_few_killed_at_random_lose_nothing(embedded_server: Server) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    campaign = Campaign()
    run(embedded_server.url, seed, 2, campaign)
    assert (campaign.failures, campaign.differences) == ([], []), f"seed {seed}"
    assert campaign.kills.total() == campaign.verified == 2


@pytest.fixture
def history(database: str) -> History:
    application = WorkflowApplication(database)
    commit = GroupCommit(application, fold)
    LogWriter(commit, database).random_histories([f"doc-{n}" for n in range(20)], 1, 10)
    commit.close()
    history = History(application)
    make_projector(database, history).run_until(history.last_position())
    return history


def test_the_next_one_clears_up(database: str, history: History) -> None:
    """Killed while it waits to swap: the new tables are whole, and only in the way."""
    before, schema = rows(database), dump_schema(database)
    with psycopg.connect(database) as reader:
        reader.execute("SELECT * FROM stage_output_files").fetchall()
        process = subprocess.Popen(
            [sys.executable, "-m", "docledger", "rebuild", "--json"],
            env=os.environ | {"DOCLEDGER_DATABASE_URL": database, "PYTHONPATH": str(SOURCES)},
            stdout=subprocess.DEVNULL,
        )
        waiting = "SELECT 1 FROM read_model_rebuilds WHERE waiting_for IS NOT NULL"
        eventually(lambda: execute(database, waiting) != [], seconds=60)
        process.kill()
        process.wait()
    assert rows(database) == before
    assert "CREATE SCHEMA docledger_rebuild_" in dump_schema(database)
    rebuilder(database, history).rebuild()
    assert rows(database) == before
    assert dump_schema(database) == schema
    ends = execute(database, "SELECT phase, error FROM read_model_rebuilds ORDER BY started_at")
    assert ends == [
        ("failed", "its process died; the live tables are as they were"),
        ("done", None),
    ]


def test_a_worker_that_dies_ends_the_rebuild_and_nothing_else(
    database: str, history: History
) -> None:
    before, schema = rows(database), dump_schema(database)

    def kill_a_worker() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.Error):
                    if "projections.rebuild.worker" in " ".join(child.cmdline()):
                        child.kill()
                        return

    killing = threading.Thread(target=kill_a_worker)
    killing.start()
    with pytest.raises(RebuildFailed, match="A process of the rebuild died"):
        rebuilder(database, history).rebuild()
    killing.join()
    assert rows(database) == before
    assert dump_schema(database) == schema


def test_a_backend_that_is_ended_ends_the_rebuild_and_nothing_else(
    database: str, history: History
) -> None:
    before = rows(database)

    def end_backends(moment: str) -> None:
        if moment == "about to swap":
            execute(
                database,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'docledger rebuild'"
                " AND datname = current_database()",
            )

    with pytest.raises(psycopg.OperationalError):
        rebuilder(database, history, on_phase=end_backends).rebuild()
    assert rows(database) == before
    rebuilder(database, history).rebuild()
    assert rows(database) == before
