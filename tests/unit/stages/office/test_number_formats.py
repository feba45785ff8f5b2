"""Number formats show numbers as Excel does."""

from __future__ import annotations

import pytest

from stages.conversion.office.sheets.number_format import display, display_text

_SHOWN = [
    (0.653035934239184, "0.0%", "65.3%"),
    (501, "00000", "00501"),
    (4420712345, r"000\-0000\-000", "442-0712-345"),
    (5, "000,000", "000,005"),
    (0.5, "# ?/?", "1/2"),
    (3.75, "# ?/?", "3 3/4"),
    (3.75, "# ?/8", "3 6/8"),
    (0, "# ?/?", "0"),
    (1250000, '#,##0,"k"', "1,250k"),
    (1234567, '0.0,,"M"', "1.2M"),
    (-3, "#,##0.00;[Red](#,##0.00)", "(3.00)"),
    (-2.5, "0.0", "-2.5"),
    (0, '0;-0;"none"', "none"),
    (42, ";;;", ""),
    (0.000123, "0.00E+00", "1.23E-04"),
    (12345.678, "##0.0E+0", "12.3E+3"),
    (1234.5, "_($* #,##0.00_)", "$ 1,234.50"),
    (0, '_(* "-"??_)', "-"),
    (-42, "_-* #,##0.00_-;-* #,##0.00_-", "-42.00"),
    (-42, '_-* #,##0.00 "€"_-;-* #,##0.00 "€"_-', "-42.00 €"),
    (-42, '_-"$"* #,##0_-;-"$"* #,##0_-', "-$ 42"),
    (-42, '0;"- "0', "- 42"),
    (1234.5, "#,##0.00 [$€-407]", "1,234.50 €"),
    (5, "[>=1000]0;[<1000]0.0", "5.0"),
    (3, '[=1]"one";[=2]"two";"many"', "many"),
    (2.675, "0.00", "2.68"),  # half up, as decimals; in binary it is less than half
    (1.005, "0.00", "1.01"),
    (0.5, "#.##", ".5"),
    (7, "0.0#", "7.0"),
    (0.05, "0.0 %", "5.0 %"),
    (12, "0.0\"''\"", "12.0''"),
    (1e21, "0", "1000000000000000000000"),
    (1234567890123456, "0", "1234567890123456"),
    (1.25, "[h]:mm:ss", "30:00:00"),
    (0.0123, "mm:ss.0", "17:42.7"),
    (0.0625, "[mm]:ss", "90:00"),
    (1.99999999, "hh:mm:ss", "00:00:00"),
    (45000, "dd/mm/yyyy", "15/03/2023"),
    (45000, "[$-407]d. mmmm yyyy", "15. March 2023"),
    (45000.75, "h AM/PM", "6 PM"),
    (45000, 'yyyy"年"m"月"d"日"', "2023年3月15日"),
    (60, "yyyy-mm-dd", "1900-02-29"),
    (1, "yyyy-mm-dd", "1900-01-01"),
    (44562, "dddd, d mmmm yyyy", "Saturday, 1 January 2022"),
    (2 / 3, "General", "0.666666667"),
    (0.1 + 0.2, "General", "0.3"),
    (1234567.891234, "General", "1234567.891"),
    (1.23456789e-7, "General", "1.23457E-07"),
    (1.5e20, "General", "1.5E+20"),
    (4006381333931, "General", "4006381333931"),  # a key stays whole
    (-1, "yyyy", "-1"),
    (45000.5, "[$-409]m/d/yy h:mm AM/PM;@", "3/15/23 12:00 PM"),
    (2065551234, r"[<=9999999]###\-####;\(###\)\ ###\-####", "(206) 555-1234"),
    (-1234.5, r'_-* #,##0.00\ "€"_-;\-* #,##0.00\ "€"_-;_-* "-"??\ "€"_-;_-@_-', "-1,234.50 €"),
    (45000, r"[$-F800]dddd\,\ mmmm\ dd\,\ yyyy", "Wednesday, March 15, 2023"),
    (-0.5, "# ?/?", "-1/2"),
    (1.5, '[h] "h" mm', "36 h 00"),
]


@pytest.mark.parametrize(("value", "code", "expected"), _SHOWN)
def test_a_number_in_a_format(value: float, code: str, expected: str) -> None:
    assert display(value, code) == expected


def test_dates_may_count_from_1904() -> None:
    assert display(0, "yyyy-mm-dd", since_1904=True) == "1904-01-01"
    assert display(43538, "yyyy-mm-dd", since_1904=True) == "2023-03-15"


def test_a_text_changes_only_by_its_own_section() -> None:
    assert display_text("abc", '0;0;0;"<"@">"') == "<abc>"
    assert display_text("abc", ";;;") == ""
    assert display_text("abc", "0.00") == "abc"


@pytest.mark.parametrize(
    "code", ["", ";", "[", '"', "\\", "E+", "0E+", "/", "?/", "[h", "0;;;;;0", "_", "*"]
)
def test_codes_that_are_none_show_something_or_nothing(code: str) -> None:
    for value in (0.0, -1.5, 1e300, 45000.5):
        assert isinstance(display(value, code), str)
