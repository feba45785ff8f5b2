"""The log of a database of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.eventstore.writing import Log, opened


@pytest.fixture
def log(database: str) -> Iterator[Log]:
    """The log as one process has it open."""
    with opened(database) as log:
        yield log


@pytest.fixture
def other(database: str) -> Iterator[Log]:
    """The same log, open a second time, as in another process."""
    with opened(database) as other:
        yield other
