"""A ledger of three documents that is in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.verify.ledger import Ledger, ledger_at


@pytest.fixture
def ledger(database: str, tmp_path: Path) -> Iterator[Ledger]:
    with ledger_at(tmp_path, database) as ledger:
        ledger.register("doc-1", "doc-2", "doc-3")
        ledger.complete("doc-1")
        ledger.complete("doc-2")
        ledger.catch_up()
        yield ledger
