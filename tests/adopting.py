"""A storage for a database whose log was made without one."""

from __future__ import annotations

from pathlib import Path

from docledger.bootstrap import Docledger
from docledger.settings import Settings


def adopt(database_url: str, home: Path) -> None:
    """Have roles that are given this home start, whatever content the log names."""
    with Docledger(Settings.load(database_url=database_url, home=home)) as docledger:
        docledger.adoption.adopt(force=True)
