"""What JSON is refused, and under which path."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http import strict_json
from api.http.errors import Malformed, Unprocessable
from api.http.strict_json import MAX_DEPTH, parse


def fields(body: bytes | str) -> list[str]:
    """Return the paths that are complained of."""
    with pytest.raises(Unprocessable) as caught:
        parse(body.encode() if isinstance(body, str) else body)
    return [error.field for error in caught.value.errors]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"a": "x\\u0000"}', "a"),
        ('{"a": {"b": ["", "\\ud800"]}}', "a.b.1"),
        ('{"a": "\\udc00\\ud800"}', "a"),
        ('{"a\\u0000": 1}', "a\\x00"),
        ('{"a": {"\\ud800": 1}}', "a.\\ud800"),
        ('{"a": NaN}', "a"),
        ('{"a": [1, -Infinity]}', "a.1"),
        ('{"a": 1e400}', "a"),
        ('{"a": 9007199254740993}', "a"),
        ('{"a": -9007199254740993}', "a"),
        ('{"a": 1e16}', "a"),
        ('{"a": ' + "9" * 100_000 + "}", "a"),
        ('{"a": {"b": 1, "b": 2}}', "a.b"),
        ('{"a": 1, "a": {"b": 1}}', "a"),
        ("[NaN]", "0"),
        ("NaN", ""),
        ('"\\u0000"', ""),
    ],
)
def test_what_cannot_be_stored_is_refused_by_its_path(body: str, field: str) -> None:
    assert fields(body) == [field]


def test_every_fault_is_named_up_to_a_number() -> None:
    assert fields('{"a": NaN, "b": [Infinity], "c": "\\u0000"}') == ["a", "b.0", "c"]
    assert len(fields("[" + ",".join(["NaN"] * 1000) + "]")) == 20


def test_depth_has_a_limit() -> None:
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.loads(deepest) == parse(deepest.encode())
    assert fields(f"[{deepest}]") == [".".join(["0"] * MAX_DEPTH)]
    assert fields("[" * 100_000) == [""]
    assert fields('{"a":' * 100_000 + "1" + "}" * 100_000) == [""]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{'a': 1}", b"\xff", b'{"a": "\x00"}', b"[1,]", b"01", b"\xef\xbb"]
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body)


def test_what_is_fine_is_taken_as_it_is() -> None:
    body = '\ufeff{"a": [1, -2.5, 9007199254740992, true, null, "\\ud83d\\ude00 é"], "": {}}'
    assert parse(body.encode()) == json.loads(body[1:])


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats()
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(_VALUES)
def test_any_value_is_taken_unchanged_or_refused(value: object) -> None:
    try:
        parsed = parse(json.dumps(value).encode())
    except Unprocessable:
        return
    assert parsed == value
    json.dumps(parsed, allow_nan=False, ensure_ascii=False).encode()


@given(st.binary())
def test_any_bytes_are_taken_or_refused(body: bytes) -> None:
    try:
        parse(body)
    except (Malformed, Unprocessable) as error:
        str(error).encode()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["status", "startedAt", "a", "b_1"]),
            st.text(st.sampled_from('aZ0_:.+- \\"\x00{},é'), max_size=6),
        ),
        max_size=4,
    )
)
def test_plain_words_are_read_as_strictly_as_anything(pairs: list[tuple[str, str]]) -> None:
    members = ",".join(f'"{key}" : "{value}"' for key, value in pairs)
    for body in (f"{{{members}}}", f" {{ {members} }} "):
        assert _outcome(parse, body) == _outcome(strict_json._parsed_strictly, body)


def _outcome(read: Callable[[bytes], Any], body: str) -> Any:
    try:
        return read(body.encode())
    except (Malformed, Unprocessable) as error:
        return type(error), str(error)
