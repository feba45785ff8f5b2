"""Rows as JSON: what Python makes of them has the keys that the schemas promise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import BaseModel

from api import examples, schemas
from api.http.contents import disposition
from api.reads.shapes import FILE, STAGE, WORKFLOW, Shape, time_text
from api.reads.title_words import prefix_query
from domain.media_types import media_type_of


@pytest.mark.parametrize(
    ("shape", "model", "example"),
    [
        (WORKFLOW, schemas.Workflow, examples.WORKFLOW),
        (STAGE, schemas.Stage, examples.STAGE),
        (FILE, schemas.OutputFile, examples.FILE),
    ],
)
def test_shapes_are_what_the_schemas_say(
    shape: Shape, model: type[BaseModel], example: dict[str, object]
) -> None:
    assert set(shape.keys) == {field.alias for field in model.model_fields.values()}
    assert list(example) == list(shape.keys)


def test_times_are_utc_to_the_microsecond() -> None:
    at = datetime(2026, 11, 24, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert time_text(at) == "2026-11-24T01:04:05.000000Z"
    assert time_text(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("name", "said", "expected"),
    [
        ("a.pdf", "", "application/pdf"),
        ("a.PDF", "application/octet-stream", "application/pdf"),
        ("a.pdf", "Text/Plain; charset=x", "text/plain"),
        ("a.md", "", "text/markdown"),
        ("a", "", "application/octet-stream"),
        ("a.md", "no type at all\r\nX: y", "text/markdown"),
        (None, "x" * 300 + "/y", "application/octet-stream"),
    ],
)
def test_media_types(name: str | None, said: str, expected: str) -> None:
    assert media_type_of(name, said) == expected


def test_no_name_breaks_out_of_its_header() -> None:
    found = disposition('a"\r\nX: y\\é%.md')
    assert "\r" not in found
    assert "\n" not in found
    assert found.isascii()
    assert found.startswith("attachment; filename=\"a___X: y___.md\"; filename*=UTF-8''a%22%0D%0A")


def test_words_become_prefixes_and_nothing_else() -> None:
    assert prefix_query("a_b c's") == "('a':*) & ('b':*) & ('c':*) & ('s':*)"
    assert prefix_query("&|!():*'\\") == ""
    assert "'über':*" in prefix_query("ÜBER")
