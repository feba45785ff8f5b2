"""Show a serial number as a date, a time or a duration (ECMA-376 part 1, 18.17.4 and 18.8.31)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from stages.conversion.office.sheets.format_sections import (
    DATE,
    DIGIT,
    ELAPSED,
    FILL,
    HALF,
    POINT,
    Section,
    Token,
)

Writer = Callable[[float], str]

_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS: Final = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_EPOCH: Final = dt.date(1899, 12, 30)
_EPOCH_1904: Final = dt.date(1904, 1, 1)
_LEAP_BUG: Final = 60  # Excel counts a 29 February 1900 that never was
_LAST: Final = 2_958_466
_DAY_SECONDS: Final = 86_400


class _Moment(NamedTuple):
    year: int
    month: int
    day: int
    weekday: int
    seconds: int
    fraction: str
    total_seconds: int


def date_writer(section: Section, fallback: Writer, *, since_1904: bool) -> Writer:
    """Return the function that shows serial numbers in this section; others go to the fallback."""
    tokens = _with_minutes(section.tokens)
    places = _second_places(section.tokens)
    has_seconds = any(t.kind in (DATE, ELAPSED) and t.text[0] == "s" for t in tokens)
    is_duration = section.has(ELAPSED)
    halves = section.has(HALF)

    def write(value: float) -> str:
        if not -_LAST < value < _LAST or (value < 0 and not is_duration):
            return fallback(value)
        moment = _moment(abs(value), places if has_seconds else None, since_1904=since_1904)
        text = "".join(_shown(t, moment, halves=halves) for t in tokens)
        return ("-" if value < 0 else "") + text.strip()

    return write


def _with_minutes(tokens: Sequence[Token]) -> list[Token]:
    """Name the `m` that stand for minutes: those after hours or before seconds."""
    out: list[Token] = []
    timed = [(i, t) for i, t in enumerate(tokens) if t.kind in (DATE, ELAPSED)]
    for index, token in enumerate(tokens):
        if token.kind == DATE and token.text in ("m", "mm"):
            before = next((t for i, t in reversed(timed) if i < index), None)
            after = next((t for i, t in timed if i > index), None)
            if (before and before.text[0] == "h") or (after and after.text[0] == "s"):
                token = Token(DATE, "n" * len(token.text))  # noqa: PLW2901
        if token.kind == POINT and not _is_seconds_point(tokens, index):
            out.append(Token(FILL, "."))
        elif token.kind == DIGIT and _is_seconds_digit(tokens, index):
            continue
        else:
            out.append(token)
    return out


def _is_seconds_point(tokens: Sequence[Token], index: int) -> bool:
    return index + 1 < len(tokens) and tokens[index + 1].text == "0"


def _is_seconds_digit(tokens: Sequence[Token], index: int) -> bool:
    while index > 0 and tokens[index].kind == DIGIT:
        index -= 1
    return tokens[index].kind == POINT


def _second_places(tokens: Sequence[Token]) -> int:
    return min(
        sum(t.kind == DIGIT and _is_seconds_digit(tokens, i) for i, t in enumerate(tokens)), 9
    )


def _moment(value: float, places: int | None, *, since_1904: bool) -> _Moment:
    """Return the parts of a serial number; seconds are rounded only where they are shown."""
    exact = round(value * _DAY_SECONDS, 6)
    scaled = round(exact * 10**places) if places is not None else int(exact + 1e-4)
    unit = 10**places if places is not None else 1
    total, fraction = divmod(scaled, unit)
    days, seconds = divmod(total, _DAY_SECONDS)
    year, month, day, weekday = _calendar(days, since_1904=since_1904)
    shown = f"{fraction:0{places}d}" if places else ""
    return _Moment(year, month, day, weekday, seconds, shown, total)


def _calendar(days: int, *, since_1904: bool) -> tuple[int, int, int, int]:
    if since_1904:
        found = _EPOCH_1904 + dt.timedelta(days=min(days, _LAST - 1463))
    elif days == _LEAP_BUG:
        return 1900, 2, 29, 2
    elif days == 0:
        return 1900, 1, 0, 5
    else:
        found = _EPOCH + dt.timedelta(days=days + (1 if days < _LEAP_BUG else 0))
    return found.year, found.month, found.day, found.weekday()


def _shown(token: Token, moment: _Moment, *, halves: bool) -> str:
    if token.kind == ELAPSED:
        unit = {"h": 3600, "m": 60, "s": 1}[token.text[0]]
        return f"{moment.total_seconds // unit:0{len(token.text)}d}"
    if token.kind == HALF:
        names = ("A", "P") if len(token.text) == 3 else ("AM", "PM")
        return names[moment.seconds >= _DAY_SECONDS // 2]
    if token.kind == DATE:
        return _part(token.text, moment, halves=halves)
    if token.kind == POINT:
        return f".{moment.fraction}"
    return token.text


def _part(letters: str, moment: _Moment, *, halves: bool) -> str:
    kind, width = letters[0], len(letters)
    if kind == "y":
        return f"{moment.year % 100:02d}" if width <= 2 else str(moment.year)
    if kind == "e":
        return str(moment.year)
    if kind == "b":
        return f"{(moment.year + 543) % 100:02d}" if width <= 2 else str(moment.year + 543)
    if kind == "g":
        return "AD"
    if kind == "m" and width > 2:
        name = _MONTHS[moment.month - 1]
        return name[:3] if width == 3 else name[0] if width == 5 else name
    if kind == "d" and width > 2:
        return _DAYS[moment.weekday][:3] if width == 3 else _DAYS[moment.weekday]
    hour = moment.seconds // 3600
    numbers = {
        "m": moment.month,
        "d": moment.day,
        "h": (hour % 12 or 12) if halves else hour,
        "n": moment.seconds // 60 % 60,
        "s": moment.seconds % 60,
    }
    return f"{numbers[kind]:0{min(width, 2)}d}"
