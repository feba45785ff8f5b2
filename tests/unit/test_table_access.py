"""Which package may write a table of the database, and which may read it.

A package that is not named here gets what it needs from one that is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"


class Access(NamedTuple):
    """The packages that may name a table in SQL; writers may read as well."""

    writers: frozenset[str]
    readers: frozenset[str] = frozenset()


def access(writers: str, readers: str = "") -> Access:
    """Return the access of these packages, their names separated by blanks."""
    return Access(frozenset(writers.split()), frozenset(readers.split()))


TABLES = {
    # the log
    "docledger_events": access(
        "eventstore",
        "api docledger files importing postgres projections stages verification workers",
    ),
    "document_keys": access("eventstore"),
    "log_seal_tiles": access("eventstore", "verification"),
    "log_seals": access("eventstore", "verification"),
    # the documents of the other application
    "docledger_document_changes": access("importing", "api stages"),
    "documents": access(
        "eventstore importing", "api docledger files projections stages verification workers"
    ),
    # the read models
    "document_streams": access("projections", "api files importing stages verification"),
    "documents_processing_stages": access("projections", "api docledger stages"),
    "processing_workflows": access("projections", "api docledger"),
    "stage_output_files": access("projections", "api files stages verification"),
    "read_model_rebuilds": access("projections", "api"),
    "read_model_versions": access("projections"),
    # every consumer of the log moves its own row, and repair puts rows back
    "tracking": access(
        "files postgres stages verification workers", "api docledger eventstore projections"
    ),
    # the queue and those that work it
    "docledger_queue": access("workers", "api docledger"),
    "stage_leases": access("workers"),
    "stage_workers": access("workers", "api docledger"),
    "stage_dependencies": access("docledger", "api"),
    # files and search
    "docledger_storage": access("docledger"),
    "uploads_tree_retries": access("files verification", "api"),
    "search_chunks": access("stages"),
    "search_documents": access("stages", "docledger"),
}

_WRITTEN = re.compile(
    r"\b(?:INSERT INTO|UPDATE|DELETE FROM|TRUNCATE(?: TABLE)?|COPY|ALTER TABLE|DROP TABLE)"
    r"\s+(?:ONLY\s+)?(?:public\.)?(\w+)"
)
_READ = re.compile(r"\b(?:FROM|JOIN|LOCK TABLE)\s+(?:ONLY\s+)?(?:public\.)?(\w+)")


def made_by_migrations() -> set[str]:
    """Return the tables that migrations make."""
    made = re.compile(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(?:public\.)?(\w+)")
    return {
        name
        for migration in (ROOT / "migrations").glob("*.up.sql")
        for name in made.findall(migration.read_text())
    }


def texts(path: Path) -> Iterator[str]:
    """Yield the strings of the file without its docstrings."""
    tree = ast.parse(path.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            if isinstance(node.value, bytes):
                yield node.value.decode(errors="replace")
            elif isinstance(node.value, str):
                yield node.value


@cache
def source_texts() -> tuple[tuple[str, str], ...]:
    """Return every string of the source, each after its package."""
    return tuple(
        (path.relative_to(SOURCE).parts[0], text)
        for path in SOURCE.rglob("*.py")
        for text in texts(path)
    )


def found(pattern: re.Pattern[str]) -> dict[str, set[str]]:
    """Return the packages whose strings have the pattern, by the name that it finds."""
    packages: dict[str, set[str]] = {}
    for package, text in source_texts():
        for name in pattern.findall(text):
            packages.setdefault(name, set()).add(package)
    return packages


def test_every_table_has_its_packages() -> None:
    assert made_by_migrations() - TABLES.keys() == set()


@pytest.mark.parametrize("table", sorted(TABLES))
def test_only_these_packages_write_the_table(table: str) -> None:
    assert found(_WRITTEN).get(table, set()) - TABLES[table].writers == set()


@pytest.mark.parametrize("table", sorted(TABLES))
def test_only_these_packages_read_the_table(table: str) -> None:
    allowed = TABLES[table].writers | TABLES[table].readers
    assert found(_READ).get(table, set()) - allowed == set()
