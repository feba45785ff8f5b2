"""Workbooks as people write them: cells come out as Excel shows them."""

from __future__ import annotations

import pytest

from unit.stages.making import converted
from unit.stages.office.packages import CASES

_RIGHT = {
    "bug-format-letters": [
        "| Days text | 45000 days |",
        "| Metres text | 45,000 m |",
        "| Escaped d | 45000d |",
        "| Red | 45000.00 |",
        "| Currency MDL | MDL 45,000 |",
        "| Dollar S | Mdys 45000 |",
        "| General unit | 45000 hd |",
        "| kWh | 45000 kWh |",
        "| real date | 2023-03-15 |",
        "| real dmy | 15. March 2023 |",
        "| date+time | 15/03/2023 18:00 |",
        "| dur | 30:00:00 |",
        "| mm:ss | 17:42.7 |",
        "| year only | 2023 |",
        "| quarter text | Q3 |",
        "| seconds | 12s |",
        "| baht | ฿45000 |",
    ],
    "bug-merged-bands": [
        "\nVisitors by quarter\n\n| Site | 2025 Q1 | 2025 Q2 | 2026 Q1 | 2026 Q2 |\n",
        "| North mole | 10 | 11 | 12 | 13 |\n| North mole | 20 | 21 | 22 | 23 |\n| South mole |",
    ],
    "bug-number-formats": [
        "| Quay A | 65.3% | € 56,701.03 | 01234 | 442-0712-345 | 1/2 | 1,250k | (1,250.50) |",
        "| (1,250.50) | 1.23E-04 |",
        "| Quay B | 5.8% | € 1,999.90 | 00501 | 442-0700-001 | 3/4 | 98k | (3.00) | 1.23E+07 |",
    ],
    "xlsx-error-values-blank": [
        "| na | #N/A | 1 |",
        "| div | #DIV/0! | 2 |",
        "| ref | #REF! | 3 |",
    ],
    "xlsx-hidden-sheets-shown": ["| x | y |\n| --- | --- |\n| r1 | 1 |\n| r3 | 3 |\n| r4 | 4 |"],
    "xlsx-number-formats-ignored": [
        "| percent | 25% |",
        "| percent2 | 7.25% |",
        "| currency | $1,234.50 |",
        "| dateyear | 2026 |",
        "| datemon | Mar 2026 |",
        "| duration | 26:03:04 |",
        "| time | 2:30 PM |",
        "| datetime | 2026-03-05 14:30:15 |",
        "| text007 | 007 |",
        "| zip | 01234 |",
        "| thousand | 1,234,567 |",
        "| round | 0.67 |",
        "| sci | 6.02E+23 |",
        "| neg | (5.5) |",
        "| frac | 1/2 |",
        "| unit | 12 kg |",
        "| phone | 555-1234 |",
        "| kilo | 1.2M |",
        "| dur2 | 90:00 |",
    ],
}


def test_every_case_of_this_kind_is_here() -> None:
    assert {path.stem for path in CASES.glob("*.xlsx")} == set(_RIGHT)


@pytest.mark.parametrize("name", _RIGHT)
def test_what_excel_shows_comes_out(name: str) -> None:
    markdown = converted(CASES / f"{name}.xlsx").markdown
    for expected in _RIGHT[name]:
        assert expected in markdown


def test_hidden_parts_come_out_only_if_asked_for() -> None:
    path = CASES / "xlsx-hidden-sheets-shown.xlsx"
    for words in ("hidden sheet text", "very hidden text", "r2", "30"):
        assert words not in converted(path).markdown
        assert words in converted(path, includeHidden=True).markdown
