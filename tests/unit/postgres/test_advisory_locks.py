"""Two locks that share a number would wait for each other for no reason."""

from __future__ import annotations

import re
from pathlib import Path

from postgres import advisory_locks

ROOT = Path(__file__).parents[3]
NUMBERS = {name: value for name, value in vars(advisory_locks).items() if name.isupper()}


def test_every_lock_has_a_number_of_its_own() -> None:
    in_sql = {
        int(number)
        for path in (ROOT / "migrations").glob("*.sql")
        for number in re.findall(r"advisory_\w*lock\((\d+)", path.read_text())
    }
    assert len(NUMBERS) >= 6
    assert in_sql
    assert len({*NUMBERS.values(), *in_sql}) == len(NUMBERS) + len(in_sql)


def test_a_number_spells_what_the_lock_is_for() -> None:
    assert all(value.to_bytes(8, "big").startswith(b"docl") for value in NUMBERS.values())


def test_no_other_module_has_such_a_number() -> None:
    with_one = [
        path.name for path in (ROOT / "src").rglob("*.py") if "0x646F63" in path.read_text()
    ]
    assert with_one == ["advisory_locks.py"]
