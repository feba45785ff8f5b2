"""A short campaign of random commands over HTTP; `model_campaign` runs longer ones."""

from __future__ import annotations

from e2e.installation import installed
from faults.model_campaign import run


def test_model_answers_and_tables_agree(database: str) -> None:
    with installed(database_url=database) as installation:
        assert installation.run("migrate", "up").returncode == 0
        told = run(installation, seed=20261130, count=160)
    assert told.differences == []
    assert told.commands == 160
