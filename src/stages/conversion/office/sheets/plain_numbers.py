"""Show a number by digit placeholders: decimals, thousands, percent, exponents and fractions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final

from stages.conversion.office.sheets.format_sections import (
    COMMA,
    DIGIT,
    EXPONENT,
    FILL,
    LITERAL,
    PERCENT,
    POINT,
    SLASH,
    Section,
    Token,
)

Writer = Callable[[float], str]

_MAX_DECIMALS: Final = 30
_LARGEST: Final = 1e30
_EXACT_BELOW: Final = 2**53
_FAST_PLACES: Final = 6
_FAST_BELOW: Final = 1e9
_NEAR_TIE: Final = 1e-5  # closer to a tie, binary and decimal rounding may differ
_DIGIT_KINDS: Final = (DIGIT, COMMA, POINT)


def number_writer(section: Section) -> Writer:
    """Return the function that shows numbers that are not negative in this section."""
    tokens = section.tokens
    if section.has(SLASH) and not section.has(POINT):
        fraction = _fraction_writer(tokens)
        if fraction is not None:
            return fraction
    if section.has(EXPONENT):
        return _exponent_writer(tokens)
    return _decimal_writer(tokens)


def _decimal_writer(tokens: Sequence[Token]) -> Writer:
    first, last = _digit_range(tokens)
    before, core, after = tokens[:first], tokens[first : last + 1], tokens[last + 1 :]
    trailing = 0
    while trailing < len(after) and after[trailing].kind == COMMA:
        trailing += 1
    after = after[trailing:]
    point = next((i for i, token in enumerate(core) if token.kind == POINT), len(core))
    whole, decimals = list(core[:point]), list(core[point + 1 :])
    while whole and whole[-1].kind == COMMA:  # commas before the point scale as those at the end do
        whole.pop()
        trailing += 1
    percents = sum(token.kind == PERCENT for token in tokens)
    shift = 2 * percents - 3 * trailing
    head, tail = _literals(_signed(before)), _literals(after)
    fill_whole, fill_decimals = _whole_filler(whole), _decimal_filler(decimals)
    places = min(sum(token.kind == DIGIT for token in decimals), _MAX_DECIMALS)
    has_point = point < len(core)

    def write(value: float) -> str:
        digits = _rounded(float(value), shift, places)
        left, _, right = digits.partition(".")
        shown = fill_decimals(right) if has_point else ""
        return f"{head}{fill_whole(left)}{shown}{tail}".strip()

    if has_point == bool(places) and shift in (0, 2) and _is_common(whole, decimals, places):
        spec = f"{',' if any(token.kind == COMMA for token in whole) else ''}.{places}f"
        return _quick_writer(head.lstrip(), spec, tail.rstrip(), (shift, places), write)
    return write


def _is_common(whole: Sequence[Token], decimals: Sequence[Token], places: int) -> bool:
    """Tell whether Python's own formatting shows a number as these placeholders do."""
    marks = [token for token in whole if token.kind != COMMA]
    digits = "".join(token.text for token in marks)
    all_digits = all(token.kind == DIGIT for token in [*marks, *decimals])
    all_shown = all(token.text == "0" for token in decimals)
    return all_digits and all_shown and digits.lstrip("#") == "0" and places < _FAST_PLACES


def _quick_writer(head: str, spec: str, tail: str, scale: tuple[int, int], exact: Writer) -> Writer:
    factor, places = 10 ** scale[0], 10 ** scale[1]

    def write(value: float) -> str:
        moved = value * factor
        if moved < _FAST_BELOW and abs(moved * places % 1 - 0.5) > _NEAR_TIE:
            return f"{head}{moved:{spec}}{tail}"
        return exact(value)

    return write


def _digit_range(tokens: Sequence[Token]) -> tuple[int, int]:
    places = [i for i, token in enumerate(tokens) if token.kind == DIGIT]
    first, last = places[0], places[-1]
    if first > 0 and tokens[first - 1].kind == POINT:
        first -= 1
    if last + 1 < len(tokens) and tokens[last + 1].kind == POINT:
        last += 1
    return first, last


def _rounded(value: float, shift: int, places: int) -> str:
    """Return a value's digits, moved and rounded half up.

    Excel keeps 15 digits; whole numbers keep all of theirs, for they may be keys.
    """
    if value >= _LARGEST:
        return f"{value * 10.0**shift:.{places}f}"
    is_plain = not shift and places < _FAST_PLACES and value < _FAST_BELOW
    if is_plain and abs(value * 10**places % 1 - 0.5) > _NEAR_TIE:
        return f"{value:.{places}f}"
    is_exact = value < _EXACT_BELOW and value.is_integer()
    exact = (Decimal(int(value)) if is_exact else Decimal(f"{value:.15g}")).scaleb(shift)
    return f"{exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP):f}"


def _whole_filler(tokens: Sequence[Token]) -> Callable[[str], str]:
    grouped = any(token.kind == COMMA for token in tokens)
    marks = [token for token in tokens if token.kind != COMMA]
    required = sum(token.text == "0" for token in marks if token.kind == DIGIT)
    simple = all(token.kind == DIGIT for token in marks)

    def fill(digits: str) -> str:
        digits = digits.lstrip("0")
        if simple:
            padded = digits.rjust(required, "0")
            return _in_thousands(padded) if grouped else padded
        return _interspersed(digits, marks)

    return fill


def _in_thousands(digits: str) -> str:
    first = len(digits) % 3
    groups = [digits[:first], *(digits[i : i + 3] for i in range(first, len(digits), 3))]
    return ",".join(group for group in groups if group)


def _interspersed(digits: str, marks: Sequence[Token]) -> str:
    """Fill placeholders from the right, literals kept; the first takes what is left."""
    out: list[str] = []
    rest = list(digits)
    left = sum(token.kind == DIGIT for token in marks)
    for token in reversed(marks):
        if token.kind != DIGIT:
            out.append(token.text)
            continue
        left -= 1
        out.append(rest.pop() if rest else "0" if token.text == "0" else "")
        if left == 0:
            out += reversed(rest)
    return "".join(reversed(out))


def _decimal_filler(tokens: Sequence[Token]) -> Callable[[str], str]:
    places = [token.text for token in tokens if token.kind == DIGIT]
    required = max((i + 1 for i, text in enumerate(places) if text == "0"), default=0)
    simple = all(token.kind == DIGIT for token in tokens)

    def fill(digits: str) -> str:
        kept = digits[:required] + digits[required:].rstrip("0")
        if simple:
            return f".{kept}"
        rest = list(kept)
        filled = [
            (rest.pop(0) if rest else "") if token.kind == DIGIT else token.text for token in tokens
        ]
        return "." + "".join(filled)

    return fill


def _signed(tokens: Sequence[Token]) -> list[Token]:
    """Drop the filling behind a sign: it pads the cell, and the sign is still the number's."""
    kept: list[Token] = []
    for token in tokens:
        before = "".join(each.text for each in kept)
        if token.kind != FILL or before.strip() not in ("-", "+"):
            kept.append(token)
    return kept


def _literals(tokens: Sequence[Token]) -> str:
    return "".join(t.text for t in tokens if t.kind in (LITERAL, FILL, PERCENT, SLASH, POINT))


def _exponent_writer(tokens: Sequence[Token]) -> Writer:
    at = next(i for i, token in enumerate(tokens) if token.kind == EXPONENT)
    mantissa, rest = tokens[:at], tokens[at + 1 :]
    width = 0
    while width < len(rest) and rest[width].kind == DIGIT:
        width += 1
    point = next((i for i, token in enumerate(mantissa) if token.kind == POINT), len(mantissa))
    whole = max(1, sum(token.kind == DIGIT for token in mantissa[:point]))
    places = min(sum(token.kind == DIGIT for token in mantissa[point:]), _MAX_DECIMALS)
    if not any(token.kind == DIGIT for token in mantissa):
        return lambda value: f"{value:E}"
    show, tail = _decimal_writer(mantissa), _literals(rest[width:])
    signed = tokens[at].text == "+"

    def write(value: float) -> str:
        exponent = 0
        if value:
            exponent = Decimal(f"{value:.15g}").adjusted()
            exponent -= exponent % whole if whole > 1 else 0
            scaled = Decimal(f"{value:.15g}").scaleb(-exponent)
            if scaled.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP) >= 10**whole:
                exponent += whole
            value = float(Decimal(f"{value:.15g}").scaleb(-exponent))
        sign = "-" if exponent < 0 else "+" if signed else ""
        return f"{show(value)}E{sign}{abs(exponent):0{width}d}{tail}"

    return write


def _fraction_writer(tokens: Sequence[Token]) -> Writer | None:
    """Return the writer of a fraction such as `# ?/?`; None where the slash is only a sign."""
    at = next(i for i, token in enumerate(tokens) if token.kind == SLASH)
    end = at + 1
    while end < len(tokens) and (tokens[end].kind == DIGIT or tokens[end].text.isdigit()):
        end += 1
    start = at
    while start > 0 and tokens[start - 1].kind == DIGIT:
        start -= 1
    below = "".join(token.text for token in tokens[at + 1 : end])
    if not below or start == at:
        return None
    fixed = int(below) if below.isdigit() and int(below) > 0 else 0
    largest = 10 ** min(len(below), 7) - 1
    has_whole = any(token.kind == DIGIT for token in tokens[:start])
    head, tail = _literals([t for t in tokens[:start] if t.text != " "]), _literals(tokens[end:])

    def write(value: float) -> str:
        whole = int(value) if has_whole and value < _LARGEST else 0
        rest = Fraction(value) - whole
        part = (
            (round(rest * fixed), fixed)
            if fixed
            else rest.limit_denominator(largest).as_integer_ratio()
        )
        if has_whole and part[0] == part[1]:
            whole, part = whole + 1, (0, part[1])
        shown = f"{part[0]}/{part[1]}" if part[0] or not has_whole else ""
        number = f"{whole or ''} {shown}".strip() or "0"
        return f"{head}{number}{tail}".strip()

    return write
