"""JSON as the log can keep it: what a table or another reader would choke on is refused here."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from api.http.errors import FieldError, Malformed, Unprocessable
from domain.json_types import JsonObject

MAX_DEPTH = 32
MAX_INTEGER = 2**53
_MAX_ERRORS = 20
_MAX_KEY_CHARS = 100

_NOT_FINITE = "NaN and infinities are not JSON."
_TOO_BIG = "Integers beyond 2^53 lose digits in other programs; send it as text."
_TOO_DEEP = f"Nested deeper than {MAX_DEPTH} levels."
_NUL = "The character NUL (U+0000) cannot be stored."
_SURROGATE = "A lone surrogate is not a character; send the whole pair or leave it out."


class _Unfit:
    """Stands in the parsed tree for a value that is refused."""

    def __init__(self, why: str) -> None:
        self.why = why


class _Repeated(JsonObject):
    """An object with a key twice."""

    key = ""


# An object of nothing but short names and words, which most reports are: none can be unfit.
_PLAIN = re.compile(rb'\s*\{\s*"\w+"\s*:\s*"[\w:.+-]*"\s*(?:,\s*"\w+"\s*:\s*"[\w:.+-]*"\s*)*\}\s*')
_QUOTES_PER_MEMBER = 4


def parse(body: bytes) -> Any:
    """Return the value of a JSON text in UTF-8.

    Raises Malformed if it is not JSON, and Unprocessable naming each field whose value has NUL or
    lone surrogates, is not finite, is an integer beyond 2^53, has a key twice or nests too deep.
    """
    if _PLAIN.fullmatch(body):
        found: dict[str, str] = json.loads(body)
        if len(found) * _QUOTES_PER_MEMBER == body.count(b'"'):
            return found
    return _parsed_strictly(body)


def _parsed_strictly(body: bytes) -> Any:
    try:
        value = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=lambda _: _Unfit(_NOT_FINITE),
        )
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8: byte {error.start} is not expected.") from None
    except json.JSONDecodeError as error:
        raise Malformed(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise Unprocessable.of("", _TOO_DEEP) from None
    refuse_unstorable(value)
    return value


def refuse_unstorable(value: object, field: str = "") -> None:
    """Raise Unprocessable naming what in `value`, found under `field`, cannot be stored."""
    errors: list[FieldError] = []
    for error in _faults(value, field):
        errors.append(error)
        if len(errors) == _MAX_ERRORS:
            break
    if errors:
        raise Unprocessable(errors)


def text_fault(text: str) -> str | None:
    """Return why a text cannot be stored, None if it can."""
    if text.isascii():
        return _NUL if "\x00" in text else None
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE
    return _NUL if "\x00" in text else None


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated = _Repeated(found)
    seen: set[str] = set()
    repeated.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return repeated


def _integer(digits: str) -> Any:
    # A long run of digits is never converted: that takes quadratic time.
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        return _Unfit(_TOO_BIG)
    return int(digits)


def _float(digits: str) -> Any:
    number = float(digits)
    if not math.isfinite(number):
        return _Unfit("The number is too large.")
    # A table prints 1e300 as an integer of 301 digits.
    return _Unfit(_TOO_BIG) if abs(number) > MAX_INTEGER else number


def _faults(root: object, root_field: str) -> Iterator[FieldError]:
    waiting: list[tuple[Any, str, int]] = [(root, root_field, 1)]
    while waiting:
        value, field, depth = waiting.pop()
        if isinstance(value, str):
            if why := text_fault(value):
                yield FieldError(field, why)
        elif isinstance(value, _Unfit):
            yield FieldError(field, value.why)
        elif isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                yield FieldError(field, _TOO_DEEP)
                continue
            if isinstance(value, dict):
                yield from _key_faults(value, field)
            waiting.extend(_children(value, field, depth + 1))


def _key_faults(value: JsonObject, field: str) -> Iterator[FieldError]:
    if isinstance(value, _Repeated):
        yield FieldError(join(field, value.key), "The key is there more than once.")
    for key in value:
        if why := text_fault(key):
            yield FieldError(join(field, key), why)


def _children(value: JsonObject | list[Any], field: str, depth: int) -> list[Any]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found = [
        (child, join(field, key), depth)
        for key, child in pairs
        if isinstance(child, str | dict | list | _Unfit)
    ]
    return found[::-1]


def join(field: str, key: str | int) -> str:
    """Return the path of `key` under `field`, with what cannot be printed escaped."""
    name = str(key)[:_MAX_KEY_CHARS]
    if text_fault(name):
        name = name.encode("unicode_escape").decode("ascii")
    return f"{field}.{name}" if field else name
