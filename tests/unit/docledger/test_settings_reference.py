"""The reference names every setting."""

from __future__ import annotations

from pathlib import Path

from docledger.settings import PREFIX, Settings

_PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def test_every_setting_is_described() -> None:
    described = {line.split("`")[1] for line in _PAGE.read_text().splitlines() if "| `" in line}
    assert described == {PREFIX + name.upper() for name in Settings.model_fields}
