"""What request bodies are taken."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from api.http.bodies import checked
from api.http.errors import Unprocessable
from api.schemas import NewDocument, StatusReport


def _field(model: Any, value: Any) -> str:
    with pytest.raises(Unprocessable) as caught:
        checked(model, value)
    return caught.value.errors[0].field


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T01:54:33Z", datetime(2026, 11, 24, 1, 54, 33, tzinfo=UTC)),
        ("2026-11-24t01:54:33.5z", datetime(2026, 11, 24, 1, 54, 33, 500000, tzinfo=UTC)),
        ("2026-11-24T01:54:33.123456789+01:00", datetime(2026, 11, 24, 0, 54, 33, 123456, UTC)),
    ],
)
def test_times_of_rfc_3339_are_taken(text: str, expected: datetime) -> None:
    report = checked(StatusReport, {"status": "in_progress", "startedAt": text})
    assert report.started_at == expected


@pytest.mark.parametrize(
    "value",
    ["2026-11-24", "2026-11-24T01:54:33", 1_700_000_000, "", "2026-02-30T00:00:00Z",
     "0001-01-01T00:00:00+14:00", "2026-11-24T01:54:33+99:00", "²026-11-24T01:54:33Z", True],
)  # fmt: skip
def test_any_other_time_is_refused(value: object) -> None:
    assert _field(StatusReport, {"status": "in_progress", "startedAt": value}) == "startedAt"


@pytest.mark.parametrize(
    ("status", "extra"),
    [
        ("pending", {"metadata": {}}),
        ("in_progress", {"outputFiles": []}),
        ("failed", {"outputFiles": []}),
    ],
)
def test_a_report_says_only_what_fits_its_status(status: str, extra: dict[str, Any]) -> None:
    _field(StatusReport, {"status": status, **extra})
    checked(StatusReport, {"status": status, **dict.fromkeys(extra)})


@pytest.mark.parametrize("status", ["pending", "in_progress", "completed", "failed", "skipped"])
def test_the_requirements_stage_status_update_fits_every_status(status: str) -> None:
    update = {
        "documentId": "d1",
        "stageName": "chunker",
        "status": status,
        "startedAt": "2026-11-24T01:54:33Z",
        "completedAt": "2026-11-24T01:54:34Z",
        "errorMessage": "a warning",
    }
    assert checked(StatusReport, update).error_message == "a warning"


def test_nobody_ends_before_they_begin() -> None:
    times = {"startedAt": "2026-11-24T01:54:34Z", "completedAt": "2026-11-24T01:54:33Z"}
    assert _field(StatusReport, {"status": "failed", **times}) == "completedAt"


@pytest.mark.parametrize("attempt", [0, -1, "1", 1.0, True])
def test_an_attempt_is_a_number_from_1(attempt: object) -> None:
    assert _field(StatusReport, {"status": "pending", "attempt": attempt}) == "attempt"


def test_keys_are_camel_case_only() -> None:
    body = {"title": "a", "content": "", "realm_id": "x"}
    assert _field(NewDocument, body) == "realm_id"
    assert _field(NewDocument, {"title": "a", "content": b""}) == "content"
    assert _field(NewDocument, []) == ""
