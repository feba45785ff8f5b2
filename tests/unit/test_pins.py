"""The pins name what is needed, with hashes, and no registry."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PINS = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-bench.txt",
    "requirements-s3.txt",
    "scripts/postgres-16.txt",
    "scripts/postgres-17.txt",
)


def pinned(file: str) -> dict[str, str]:
    """Return name and version of every pin of the file."""
    text = (REPOSITORY / file).read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ]+)", text, re.MULTILINE))


PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def asked(*groups: str) -> set[str]:
    """Return the names that the groups ask for."""
    return names([line for group in groups for line in PROJECT["dependency-groups"][group]])


def wanted(*groups: str) -> set[str]:
    """Return the names that the package and the groups ask for."""
    return names(PROJECT["project"]["dependencies"]) | asked(*groups)


def names(lines: list[str]) -> set[str]:
    """Return the names of requirements."""
    return {re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in lines}


@pytest.mark.parametrize("file", PINS)
def test_no_registry_is_named(file: str) -> None:
    text = (REPOSITORY / file).read_text()
    assert "://" not in text
    assert "index" not in text


@pytest.mark.parametrize("file", PINS)
def test_every_pin_has_a_hash(file: str) -> None:
    entries = re.split(r"\n(?=\S)", (REPOSITORY / file).read_text().strip())
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_other_lock_file_names_no_registry() -> None:
    text = (REPOSITORY / "bench" / "peers" / "package-lock.json").read_text()
    assert "://" not in text
    assert text.count('"integrity"') >= text.count('"version"') - 1


def test_everything_wanted_is_pinned() -> None:
    assert wanted("build") <= pinned("requirements.txt").keys()
    assert asked("bench") <= pinned("requirements-bench.txt").keys()
    assert asked("s3") <= pinned("requirements-s3.txt").keys()
    assert wanted("build", "dev") <= pinned("requirements-dev.txt").keys()


def test_tests_run_on_the_versions_that_are_shipped() -> None:
    assert pinned("requirements.txt").items() <= pinned("requirements-dev.txt").items()
