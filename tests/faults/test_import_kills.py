"""An import killed at any moment is gone on with, and no document gets two workflows."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from integration.importing.importing import Installation, installed

ROOT = Path(__file__).parents[2]
DOCUMENTS = 6000


def start(installation: Installation, home: Path, *options: str) -> subprocess.Popen[str]:
    """Start an import as a person does."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "DOCLEDGER_HOME": str(home),
        "DOCLEDGER_DATABASE_URL": installation.dsn,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "docledger", "import-documents", "--json", *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what the import prints at its end."""
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    report: dict[str, Any] = json.loads(out)
    return report


def kill(process: subprocess.Popen[str]) -> None:
    """End the import at once."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def appended(installation: Installation) -> int:
    """Count the events so far."""
    return installation.count("docledger_events")


@pytest.mark.parametrize("seed", [1, 2])
def test_an_import_killed_again_and_again_comes_to_its_end(
    database: str, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    with installed(database) as installation:
        installation.insert_many(DOCUMENTS)
        done = 0
        for _ in range(3):
            process = start(installation, tmp_path)
            goal = done + chance.randrange(1, 2500)
            while process.poll() is None and appended(installation) < goal:
                time.sleep(0.002)
            time.sleep(chance.random() * 0.1)
            kill(process)
            before, done = done, appended(installation)
            assert done >= before
        report = finished(start(installation, tmp_path))
        assert report["documents"] + done // 2 == DOCUMENTS
        assert appended(installation) == 2 * DOCUMENTS
        assert installation.count("processing_workflows") == DOCUMENTS
        assert installation.count("document_keys") == DOCUMENTS
        installation.assert_true()


def test_taking_back_survives_a_kill_as_well(database: str, tmp_path: Path) -> None:
    with installed(database) as installation:
        installation.insert_many(DOCUMENTS)
        installation.import_all()
        process = start(installation, tmp_path, "--undo")
        while process.poll() is None and appended(installation) < 2 * DOCUMENTS + 1:
            time.sleep(0.002)
        kill(process)
        done = appended(installation) - 2 * DOCUMENTS
        report = finished(start(installation, tmp_path, "--undo"))
        assert done + report["undone"] == DOCUMENTS
        installation.catch_up()
        assert installation.count("processing_workflows") == 0
        assert installation.count("documents") == DOCUMENTS
        installation.assert_true()


def test_ctrl_c_ends_it_in_good_order(database: str, tmp_path: Path) -> None:
    with installed(database) as installation:
        installation.insert_many(DOCUMENTS)
        process = start(installation, tmp_path)
        while process.poll() is None and appended(installation) == 0:
            time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode in (0, 130)
        installation.catch_up()
        installation.assert_true()
        finished(start(installation, tmp_path))
        assert installation.count("processing_workflows") == DOCUMENTS
