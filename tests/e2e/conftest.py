"""Installations for tests: each module has one, and none leaves a process behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.installation import Installation, installed


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """An installation that the tests of a module share."""
    with installed() as made:
        yield made


@pytest.fixture
def own_installation() -> Iterator[Installation]:
    """An installation of the test's own, with leases that soon run out."""
    with installed(lease_seconds="3") as made:
        yield made
