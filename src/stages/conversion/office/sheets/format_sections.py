"""Take a number format code apart: sections, tokens, conditions (ECMA-376 part 1, 18.8.31)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_CONDITION: Final = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[\d.]+)")
_ELAPSED: Final = re.compile(r"(h+|m+|s+)", re.IGNORECASE)
_HALF_DAY: Final = re.compile(r"AM/PM|A/P|上午/下午", re.IGNORECASE)
_DATE_LETTERS: Final = "yYmMdDhHsSbBeEgG"
_DIGITS: Final = "0#?"
_MAX_SECTIONS: Final = 4

LITERAL, DIGIT, POINT, COMMA, EXPONENT, SLASH, PERCENT, GENERAL, TEXT, DATE, ELAPSED, HALF, FILL = (
    "literal", "digit", "point", "comma", "exponent", "slash", "percent", "general", "text",
    "date", "elapsed", "half", "fill",
)  # fmt: skip


@dataclass(frozen=True)
class Token:
    """A piece of a section: its kind, and the text that it stands for."""

    kind: str
    text: str


@dataclass(frozen=True)
class Section:
    """One section of a format: its tokens, and the condition under which it is used."""

    tokens: tuple[Token, ...]
    condition: tuple[str, float] | None = None

    def has(self, kind: str) -> bool:
        """Tell whether the section has a token of this kind."""
        return any(token.kind == kind for token in self.tokens)

    @property
    def is_date(self) -> bool:
        """Tell whether the section shows a date, a time or a duration."""
        return self.has(DATE) or self.has(ELAPSED) or self.has(HALF)

    def holds(self, value: float) -> bool:
        """Tell whether a value meets the section's condition."""
        return self.condition is not None and _COMPARE[self.condition[0]](value, self.condition[1])


_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "=": lambda a, b: a == b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "<>": lambda a, b: a != b,
}


@lru_cache(maxsize=4096)
def sections(code: str) -> tuple[Section, ...]:
    """Return the sections of a format code, at most four."""
    found: list[Section] = []
    tokens: list[Token] = []
    condition: tuple[str, float] | None = None
    at = 0
    while at < len(code):
        if code[at] == ";":
            found.append(Section(tuple(tokens), condition))
            tokens, condition = [], None
            at += 1
            continue
        token, at, met = _next(code, at)
        condition = met or condition
        if token is not None:
            tokens.append(token)
    found.append(Section(tuple(tokens), condition))
    return tuple(found[:_MAX_SECTIONS])


def _next(code: str, at: int) -> tuple[Token | None, int, tuple[str, float] | None]:
    char = code[at]
    if char == '"':
        end = code.find('"', at + 1)
        end = len(code) if end < 0 else end
        return Token(LITERAL, code[at + 1 : end]), end + 1, None
    if char in "\\!" and at + 1 < len(code):
        return Token(LITERAL, code[at + 1]), at + 2, None
    if char == "_":
        return Token(FILL, ""), at + 2, None
    if char == "*":
        return Token(FILL, " " if code[at + 1 : at + 2] == " " else ""), at + 2, None
    if char == "[":
        return _bracket(code, at)
    return (*_plain(code, at), None)


def _bracket(code: str, at: int) -> tuple[Token | None, int, tuple[str, float] | None]:
    end = code.find("]", at)
    if end < 0:
        return Token(LITERAL, "["), at + 1, None
    inner = code[at + 1 : end]
    if inner.startswith("$"):
        return Token(LITERAL, inner[1:].partition("-")[0]), end + 1, None
    if _ELAPSED.fullmatch(inner):
        return Token(ELAPSED, inner.lower()), end + 1, None
    match = _CONDITION.fullmatch(inner.strip())
    return None, end + 1, (match[1], float(match[2])) if match and _number(match[2]) else None


def _number(text: str) -> bool:
    return text.count(".") <= 1 and any(char.isdigit() for char in text)


def _plain(code: str, at: int) -> tuple[Token, int]:
    char = code[at]
    if code[at : at + 7].lower() == "general":
        return Token(GENERAL, ""), at + 7
    half = _HALF_DAY.match(code, at)
    if half:
        return Token(HALF, half[0]), half.end()
    if char in "eE" and code[at + 1 : at + 2] in ("+", "-") and at > 0:
        return Token(EXPONENT, code[at + 1]), at + 2
    if char in _DIGITS:
        return Token(DIGIT, char), at + 1
    if char in _DATE_LETTERS:
        end = at
        while end < len(code) and code[end].lower() == char.lower():
            end += 1
        return Token(DATE, code[at:end].lower()), end
    kind = {".": POINT, ",": COMMA, "/": SLASH, "%": PERCENT, "@": TEXT}.get(char, LITERAL)
    return Token(kind, char), at + 1
