"""What import-linter cannot see of who may use what."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
OUTSIDE_DOCLEDGER = [
    path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).parts[0] != "docledger"
]


def imports(path: Path) -> Iterator[str]:
    """Yield the names of the modules that the file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_the_domain_imports_nothing_but_what_it_may() -> None:
    allowed = {*sys.stdlib_module_names, "domain", "msgspec", "pydantic"}
    strange = {
        (path.name, module)
        for path in (SOURCE / "domain").rglob("*.py")
        for module in imports(path)
        if module.split(".")[0] not in allowed and not module.startswith("eventsourcing.domain")
    }
    assert strange == set()


def test_the_domain_has_no_clock_and_does_no_io() -> None:
    worldly = {
        "asyncio",
        "io",
        "os",
        "pathlib",
        "random",
        "secrets",
        "socket",
        "subprocess",
        "time",
    }
    found = {
        (path.name, module)
        for path in (SOURCE / "domain").rglob("*.py")
        for module in imports(path)
        if module.split(".")[0] in worldly
    }
    assert found == set()


def test_only_docledger_reads_the_environment() -> None:
    found = {
        path.name
        for path in OUTSIDE_DOCLEDGER
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert found == set()
