"""Headers that make requests conditional."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.conditional import byte_range, min_position, none_match, versions_matched
from api.http.errors import Malformed, RangeNotSatisfiable


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        (None, None),
        ("*", None),
        ('"7"', {7}),
        (' "7" , "9"', {7, 9}),
        ('W/"7"', set()),
        ('W/"7", "8"', {8}),
        ('"abc"', set()),
        ('"²"', set()),
        ('"99999999999999999999999999"', set()),
    ],
)
def test_if_match_names_versions(header: str | None, versions: set[int] | None) -> None:
    assert versions_matched(header) == versions


@pytest.mark.parametrize("header", ["7", '"7', "", '"7" "8"', "*, *", 'w/"7"'])
def test_a_malformed_if_match_is_refused(header: str) -> None:
    with pytest.raises(Malformed):
        versions_matched(header)


def test_if_none_match_compares_weakly() -> None:
    assert none_match('"a", W/"b"', "b")
    assert none_match("*", "b")
    assert not none_match('"a"', "b")
    assert not none_match(None, "b")


@pytest.mark.parametrize(("header", "position"), [(None, 0), ("0", 0), (" 42 ", 42)])
def test_min_position_is_a_whole_number(header: str | None, position: int) -> None:
    assert min_position(header) == position


@pytest.mark.parametrize("header", ["", "-1", "1.5", "x", "٣", "9223372036854775808", "9" * 50])
def test_any_other_min_position_is_malformed(header: str) -> None:
    with pytest.raises(Malformed):
        min_position(header)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-", (0, 10)),
        ("bytes=2-4", (2, 5)),
        ("BYTES = 2 - 400", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=9-9", (9, 10)),
        ("bytes=4-2", None),
        ("bytes=-", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-1", None),
        ("nonsense", None),
    ],
)
def test_ranges(header: str | None, expected: tuple[int, int] | None) -> None:
    assert byte_range(header, 10) == expected


@pytest.mark.parametrize(
    "header", ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=" + "9" * 99 + "-"]
)
def test_ranges_outside_the_file_are_refused(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        byte_range(header, 10)


def test_an_empty_file_has_no_range() -> None:
    with pytest.raises(RangeNotSatisfiable):
        byte_range("bytes=0-", 0)


@given(st.text(st.characters(max_codepoint=255)), st.integers(0, 100))
def test_no_header_breaks_anything(header: str, size: int) -> None:
    for read in (versions_matched, min_position, lambda h: none_match(h, "a")):
        with contextlib.suppress(Malformed):
            read(header)
    try:
        found = byte_range(header, size)
    except RangeNotSatisfiable:
        return
    assert found is None or 0 <= found[0] < found[1] <= size
