"""A database with documents of another application, and imports of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.importing.importing import Installation, installed


@pytest.fixture
def installation(database: str) -> Iterator[Installation]:
    """A log and its read models over the test's own database."""
    with installed(database) as installation:
        yield installation
