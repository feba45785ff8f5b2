"""The reference names every error: a problem by its type and status, any other by its class."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

from api.http import problems
from domain.errors import DocledgerError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "errors.md").read_text()
HTTP, REST = PAGE.split("## Of stages")


def _load_everything() -> None:
    for package in sorted(path.parent.name for path in (ROOT / "src").glob("*/__init__.py")):
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            if not module.name.endswith(("__main__", "child_main")):
                importlib.import_module(module.name)


def _leaves(kind: type[DocledgerError]) -> set[type[DocledgerError]]:
    below = [leaf for child in kind.__subclasses__() for leaf in _leaves(child)]
    return set(below) or {kind}


def test_every_type_of_problem_is_named_with_its_status() -> None:
    rows = {
        (m[1], int(m[2])) for m in re.finditer(r"^\| `([a-z-]+)` \| (\d{3}) \|", HTTP, re.MULTILINE)
    }
    known = {
        (problem.name, problem.status)
        for problem in (
            *problems.PROBLEMS.values(),
            *problems._BY_STATUS.values(),
            problems.INTERNAL,
        )
    }
    assert rows == known


def test_every_other_error_is_named() -> None:
    _load_everything()
    ours = {
        kind.__name__
        for kind in _leaves(DocledgerError)
        if kind.__module__ != "api.http.errors" and not kind.__module__.startswith(("unit", "test"))
    }
    named = set(re.findall(r"`([A-Z][A-Za-z]+)`", REST))
    assert ours - named == set()
    assert {
        name for name in named if not hasattr(importlib.import_module("domain.errors"), name)
    } <= {kind.__name__ for kind in _subclasses(DocledgerError)}


def _subclasses(kind: type[DocledgerError]) -> set[type[DocledgerError]]:
    return {kind}.union(*(_subclasses(child) for child in kind.__subclasses__()))
