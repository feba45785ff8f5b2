"""Causes are told in the server's words, without what a row or an address holds."""

from __future__ import annotations

import psycopg
from psycopg.errors import lookup

from postgres.causes import NewCauses, cause


def raised(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


def test_the_message_of_a_refused_connection_is_told_in_one_line() -> None:
    error = psycopg.OperationalError("connection failed:\nFATAL:  unsupported startup parameter\n")
    assert (
        cause(error) == "OperationalError: connection failed: FATAL: unsupported startup parameter"
    )


def test_the_cause_below_an_error_of_ours_is_found() -> None:
    below = psycopg.OperationalError("the reason")
    assert cause(raised(RuntimeError("secret"), raised(ValueError("secret"), below))).endswith(
        "the reason"
    )
    assert cause(RuntimeError("secret")) == "RuntimeError"


def test_a_message_about_values_is_left_out() -> None:
    error = lookup("22P02")('invalid input syntax for type integer: "secret"')
    assert cause(error) == "InvalidTextRepresentation (22P02)"
    assert "secret" not in cause(lookup("23505")("secret"))


def test_a_cause_is_new_when_it_changes() -> None:
    causes = NewCauses(again_seconds=3600)
    assert [causes.is_new(said) for said in ("a", "a", "b", "a")] == [True, False, True, True]
    assert all(NewCauses(again_seconds=0).is_new("a") for _ in range(2))
