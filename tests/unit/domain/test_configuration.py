"""What a workflow's configuration says, and what it may not say."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import InvalidValue
from domain.values import Configuration
from unit.domain import vocabulary as v
from unit.domain.given import given
from unit.domain.vocabulary import CHUNKER, CONVERSION, FACTS, OPTIMIZER

WHOLE: dict[str, Any] = {
    "skipStages": [OPTIMIZER],
    "retries": 5,
    "timeoutSeconds": 60,
    "stages": {CHUNKER: {"retries": 0, "timeoutSeconds": 1.5, "options": {"tokens": 300}}},
}


@pytest.mark.parametrize("value", [None, {}])
def test_the_defaults(value: dict[str, Any] | None) -> None:
    parsed = Configuration.parse(value)
    assert (parsed.retries, parsed.timeout_seconds, parsed.skip_stages) == (3, 600, ())


def test_a_stage_takes_its_own_values_ahead_of_its_workflows() -> None:
    parsed = Configuration.parse(WHOLE)
    assert (parsed.retries_of(CHUNKER), parsed.retries_of(FACTS)) == (0, 5)
    assert (parsed.timeout_seconds_of(CHUNKER), parsed.timeout_seconds_of(FACTS)) == (1.5, 60)
    assert (parsed.options_of(CHUNKER), parsed.options_of(FACTS)) == ({"tokens": 300}, {})


def test_a_stage_with_options_alone_keeps_its_workflows_values() -> None:
    parsed = Configuration.parse({"retries": 7, "stages": {CHUNKER: {"options": {"tokens": 1}}}})
    assert (parsed.retries_of(CHUNKER), parsed.timeout_seconds_of(CHUNKER)) == (7, 600)


def test_the_log_keeps_what_was_said_as_it_was_said() -> None:
    command = v.register(configuration=Configuration.parse(WHOLE))
    document = (
        given([])
        .when(command)
        .then([v.registered(), v.begun(configuration=WHOLE), v.skipped(OPTIMIZER)])
    )
    document.has(configuration=Configuration.parse(WHOLE))


BAD_NUMBERS = [
    *({"retries": value} for value in (-1, 101, "3", True, 1.5)),
    *({"timeoutSeconds": value} for value in (0, -1, 86_401, True, "600", float("nan"))),
]


@pytest.mark.parametrize("bad", BAD_NUMBERS, ids=str)
@pytest.mark.parametrize("stage", [None, CHUNKER])
def test_numbers_out_of_bounds_or_of_another_type_are_named(
    stage: str | None, bad: dict[str, Any]
) -> None:
    (field,) = bad
    path = f"stages.{stage}.{field}" if stage else field
    with pytest.raises(InvalidValue, match=f"configuration.{path}: ") as caught:
        Configuration.parse({"stages": {stage: bad}} if stage else bad)
    assert caught.value.field == f"configuration.{path}"


@pytest.mark.parametrize("stage", [None, CHUNKER])
@pytest.mark.parametrize(
    "extreme", [{"retries": 0, "timeoutSeconds": 0.001}, {"retries": 100, "timeoutSeconds": 86_400}]
)
def test_numbers_at_their_bounds_are_taken(stage: str | None, extreme: dict[str, Any]) -> None:
    parsed = Configuration.parse({"stages": {stage: extreme}} if stage else extreme)
    assert parsed.retries_of(CHUNKER) == extreme["retries"]
    assert parsed.timeout_seconds_of(CHUNKER) == extreme["timeoutSeconds"]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"retires": 1}, "retires"),
        ({"skip_stages": []}, "skip_stages"),
        ({"timeout_seconds": 1}, "timeout_seconds"),
        ({"stages": {CHUNKER: {"timeout": 1}}}, f"stages.{CHUNKER}.timeout"),
        ({"stages": {CHUNKER: {"timeout_seconds": 1}}}, f"stages.{CHUNKER}.timeout_seconds"),
        ({"retries": None}, "retries"),
        ({"skipStages": OPTIMIZER}, "skipStages"),
        ({"skipStages": [1]}, "skipStages.0"),
        ({"skipStages": ["Optimizer"]}, "skipStages.0"),
        ({"stages": []}, "stages"),
        ({"stages": {CHUNKER: 1}}, f"stages.{CHUNKER}"),
        ({"stages": {CHUNKER: {"options": []}}}, f"stages.{CHUNKER}.options"),
    ],
)
def test_what_it_may_not_say_is_named(value: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValue, match=f"configuration.{field}") as caught:
        Configuration.parse(value)
    assert caught.value.field == f"configuration.{field}"


@pytest.mark.parametrize("value", [[], "", 0, False, "retries"])
def test_what_is_no_object_is_no_configuration(value: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        Configuration.parse(value)
    assert caught.value.field == "configuration"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"skipStages": [CONVERSION]}, r"configuration\.skipStages\.0: stage .* is not optional"),
        ({"skipStages": ["printer"]}, r"configuration\.skipStages\.0: there is no stage 'printer'"),
        ({"stages": {"printer": {}}}, r"configuration\.stages\.printer: there is no stage"),
    ],
)
def test_a_pipeline_has_its_say(value: dict[str, Any], message: str) -> None:
    configuration = Configuration.parse(value)
    given(v.all_done()).when(v.start_workflow(configuration=configuration)).refused(
        InvalidValue, match=message
    )


def test_a_stage_named_twice_is_skipped_once() -> None:
    configuration = Configuration.parse({"skipStages": [OPTIMIZER, OPTIMIZER]})
    document = given([]).when(v.register(configuration=configuration)).succeeds()
    document.has(version=3)
