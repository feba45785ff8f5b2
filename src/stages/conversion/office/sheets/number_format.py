"""Show a cell's value as its number format says (ECMA-376 part 1, 18.8.30 and 18.8.31).

Excel's display, independent of the reader's country: months and days in English, a point before
decimals, and the formats that follow the computer's settings (14, 22) as ISO dates. `General`
shows eleven characters as Excel does, but whole numbers up to 15 digits in full: they are often
keys, and a key that is rounded is lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from stages.conversion.office.sheets.date_format import date_writer
from stages.conversion.office.sheets.format_sections import (
    DIGIT,
    FILL,
    GENERAL,
    LITERAL,
    TEXT,
    Section,
    Token,
    sections,
)
from stages.conversion.office.sheets.plain_numbers import number_writer

Writer = Callable[[float], str]

GENERAL_CODE: Final = "General"
BUILT_IN: Final[Mapping[int, str]] = {
    0: GENERAL_CODE, 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00",
    5: '"$"#,##0_);("$"#,##0)', 6: '"$"#,##0_);("$"#,##0)',
    7: '"$"#,##0.00_);("$"#,##0.00)', 8: '"$"#,##0.00_);("$"#,##0.00)',
    9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm",
    **dict.fromkeys(range(27, 32), "yyyy-mm-dd"), **dict.fromkeys((32, 33), "h:mm:ss"),
    **dict.fromkeys(range(34, 37), "yyyy-mm-dd"), **dict.fromkeys(range(50, 59), "yyyy-mm-dd"),
    37: "#,##0_);(#,##0)", 38: "#,##0_);(#,##0)",
    39: "#,##0.00_);(#,##0.00)", 40: "#,##0.00_);(#,##0.00)",
    41: "_(* #,##0_);_(* (#,##0);_(* \"-\"_);_(@_)",
    42: '_("$"* #,##0_);_("$"* (#,##0);_("$"* "-"_);_(@_)',
    43: "_(* #,##0.00_);_(* (#,##0.00);_(* \"-\"??_);_(@_)",
    44: '_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)',
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    59: "0", 60: "0.00", 61: "#,##0", 62: "#,##0.00", 67: "0%", 68: "0.00%", 69: "# ?/?",
    70: "# ??/??",
}  # fmt: skip
_MAX_WHOLE: Final = 1e15
_GENERAL_CHARS: Final = 11


def display(value: float, code: str, *, since_1904: bool = False) -> str:
    """Return a number as Excel shows it in this format."""
    return writer(code, since_1904)(value)


def display_text(text: str, code: str) -> str:
    """Return a text as Excel shows it in this format: only a section with `@` changes it."""
    parts = sections(code)
    section = parts[3] if len(parts) == 4 else next((s for s in parts if s.has(TEXT)), None)
    if section is None:
        return text
    return "".join(text if t.kind == TEXT else _literal(t) for t in section.tokens)


def is_date(code: str) -> bool:
    """Tell whether numbers in this format are dates, times or durations."""
    return sections(code)[0].is_date


@lru_cache(maxsize=4096)
def writer(code: str, since_1904: bool = False) -> Writer:
    """Return the function that shows numbers in this format."""
    parts = sections(code)
    if len(parts) == 4:
        parts = parts[:3]
    elif len(parts) > 1 and parts[-1].has(TEXT) and not parts[-1].has(DIGIT):
        parts = parts[:-1]
    writers = [_section_writer(part, since_1904) for part in parts]
    if any(part.condition for part in parts):
        return _by_condition(parts, writers)
    positive = writers[0]
    if len(writers) == 1:
        return lambda v: positive(v) if v >= 0 or parts[0].is_date else f"-{positive(-v)}"
    negative = writers[1]
    zero = writers[2] if len(writers) > 2 else positive
    return lambda v: positive(v) if v > 0 else negative(-v) if v < 0 else zero(v)


def _by_condition(parts: tuple[Section, ...], writers: list[Writer]) -> Writer:
    def write(value: float) -> str:
        for index, part in enumerate(parts):
            is_last = index == len(parts) - 1
            default = part.condition is None and (is_last or _default(index, value))
            if part.holds(value) or default:
                shown = writers[index](abs(value))
                signed = value < 0 and (part.condition is not None or index != 1)
                return f"-{shown}" if signed and not _only_negative(part) else shown
        return general(value)

    return write


def _default(index: int, value: float) -> bool:
    return value > 0 if index == 0 else value < 0


def _only_negative(part: Section) -> bool:
    return (
        part.condition is not None and part.condition[0] in ("<", "<=") and part.condition[1] <= 0
    )


def _section_writer(section: Section, since_1904: bool) -> Writer:
    if section.is_date:
        fallback = general
        return date_writer(section, fallback, since_1904=since_1904)
    if section.has(GENERAL) or (section.has(TEXT) and not section.has(DIGIT)):
        before, after = _around(section.tokens)
        return lambda v: f"{before}{general(v)}{after}"
    if not section.has(DIGIT):
        text = "".join(map(_literal, section.tokens)).strip()
        return lambda _: text
    return number_writer(section)


def _around(tokens: tuple[Token, ...]) -> tuple[str, str]:
    at = next(i for i, token in enumerate(tokens) if token.kind in (GENERAL, TEXT))
    return "".join(map(_literal, tokens[:at])), "".join(map(_literal, tokens[at + 1 :]))


def _literal(token: Token) -> str:
    return token.text if token.kind in (LITERAL, FILL) or token.text in ("/", ".", ",", "%") else ""


def general(value: float) -> str:
    """Return a number in the format `General`."""
    if value == int(value) if abs(value) < _MAX_WHOLE else False:
        return str(int(value))
    if not math.isfinite(value):
        return str(value)
    magnitude = math.floor(math.log10(abs(value)))
    if -4 <= magnitude <= -1:
        return _unpadded(
            f"{value:.{10 + magnitude}f}" if magnitude == 0 else f"{value:.{10 + magnitude}g}"
        )
    if abs(magnitude) <= 10:
        for text in (_unpadded(f"{value:.12f}"), _unpadded(_fixed(value, 9 - magnitude))):
            if len(text.lstrip("-")) <= _GENERAL_CHARS:
                return text
    return _scientific(value)


def _fixed(value: float, decimals: int) -> str:
    return f"{value:.{max(0, decimals)}f}"


def _scientific(value: float) -> str:
    mantissa, _, exponent = f"{value:.5E}".partition("E")
    return f"{_unpadded(mantissa)}E{exponent}"


def _unpadded(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
