"""A log and a storage for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from worker_parts import World


@pytest.fixture
def world(database: str, tmp_path: Path) -> Iterator[World]:
    """A migrated database with a log, and a storage."""
    made = World(database, tmp_path)
    yield made
    made.close()
