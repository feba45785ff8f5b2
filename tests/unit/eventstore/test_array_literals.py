"""Arrays are written out so that PostgreSQL reads back what went in."""

from __future__ import annotations

from eventstore.array_literals import bigint_array, bytea_array, text_array


def test_texts_are_quoted_with_what_would_end_them_escaped() -> None:
    assert text_array([]) == "{}"
    assert text_array(["a", "", "NULL", "a,b {c}", 'say "x"', "back\\slash"]) == (
        '{"a","","NULL","a,b {c}","say \\"x\\"","back\\\\slash"}'
    )


def test_numbers_and_bytes() -> None:
    assert bigint_array([1, 2**62]) == "{1,4611686018427387904}"
    assert bytea_array([b"\x00a", None, b""]) == '{"\\\\x0061",NULL,"\\\\x"}'
