"""What is installed at run time may be used in any service: no GPL, no AGPL."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest

_PINS = Path(__file__).parents[2] / "requirements.txt"
_COPYLEFT = re.compile(r"\bA?GPL|GNU (?:AFFERO )?GENERAL PUBLIC", re.IGNORECASE)
_LESSER = re.compile(r"\bLGPL|LESSER|LIBRARY GENERAL PUBLIC", re.IGNORECASE)


def pinned() -> list[str]:
    return re.findall(r"^([A-Za-z0-9._-]+)==", _PINS.read_text(encoding="utf-8"), re.MULTILINE)


def licence_of(found: Distribution) -> str:
    fields = found.metadata
    classifiers = [
        line for line in fields.get_all("Classifier") or [] if line.startswith("License ::")
    ]
    declared = [text.partition("\n")[0] for text in fields.get_all("License") or []]
    expressions = fields.get_all("License-Expression") or []
    return "; ".join(text for text in (*expressions, *classifiers, *declared) if text)


@pytest.mark.parametrize("name", pinned())
def test_its_licence_asks_nothing_of_those_who_use_the_service(name: str) -> None:
    try:
        found = distribution(name)
    except PackageNotFoundError:
        pytest.skip("pinned for another platform")
    licence = licence_of(found)
    choices = re.split(r"\bOR\b", licence)
    assert licence, "no licence is declared"
    assert any(not _COPYLEFT.search(c) or _LESSER.search(c) for c in choices), licence
