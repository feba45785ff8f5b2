"""Pipelines are rows: what they say of order, of waiting and of leaving out."""

from __future__ import annotations

import pytest

from domain.errors import InvalidValue, UnknownStage
from domain.pipeline import Pipeline, StageDependency
from domain.values import StageStatus
from unit.domain import vocabulary as v
from unit.domain.vocabulary import CHUNKER, CONVERSION, FACTS, INGESTOR, OPTIMIZER

FIVE = Pipeline.of(v.FIVE)


def test_stages_come_in_execution_order_whatever_the_order_of_the_rows() -> None:
    assert Pipeline.of(reversed(v.FIVE)).stage_names == v.STAGES


def test_stages_of_one_execution_order_come_by_name() -> None:
    assert Pipeline.of(v.rows(("b", None, True, 1), ("a", None, True, 1))).stage_names == ("a", "b")


def test_equal_rows_give_the_same_pipeline() -> None:
    assert Pipeline.of(v.FIVE) is Pipeline.of([(*row,) for row in v.FIVE])


@pytest.mark.parametrize(
    ("name", "upstream"),
    [
        (CONVERSION, set()),
        (OPTIMIZER, {CONVERSION}),
        (CHUNKER, {CONVERSION, OPTIMIZER}),
        (FACTS, {CONVERSION, OPTIMIZER, CHUNKER}),
        (INGESTOR, {CONVERSION, OPTIMIZER, CHUNKER, FACTS}),
    ],
)
def test_upstream_is_all_that_a_stage_depends_on_directly_or_not(
    name: str, upstream: set[str]
) -> None:
    assert FIVE.upstream(name) == upstream


@pytest.mark.parametrize(
    ("name", "downstream"),
    [
        (CONVERSION, (OPTIMIZER, CHUNKER, FACTS, INGESTOR)),
        (OPTIMIZER, (CHUNKER, FACTS, INGESTOR)),
        (CHUNKER, (FACTS, INGESTOR)),
        (FACTS, (INGESTOR,)),
        (INGESTOR, ()),
    ],
)
def test_downstream_is_all_that_depends_on_a_stage_in_order(
    name: str, downstream: tuple[str, ...]
) -> None:
    assert FIVE.downstream(name) == downstream


def test_branches_do_not_depend_on_each_other() -> None:
    pipeline = Pipeline.of(v.BRANCHED)
    assert pipeline.downstream("b") == ("d",)
    assert pipeline.downstream("c") == ()


def test_only_the_optimizer_of_the_five_may_be_skipped() -> None:
    assert [name for name in v.STAGES if FIVE.may_skip(name)] == [OPTIMIZER]


def test_a_stage_is_optional_when_none_of_its_own_rows_is_required() -> None:
    pipeline = Pipeline.of(
        v.rows(
            ("a", None, True, 1),
            ("b", "a", False, 2),
            ("c", "a", True, 3),
            ("c", "b", False, 3),
        )
    )
    assert [stage.name for stage in pipeline.stages if stage.optional] == ["b"]


def test_an_optional_stage_that_another_insists_on_may_not_be_skipped() -> None:
    pipeline = Pipeline.of(v.rows(("a", None, False, 1), ("b", "a", True, 2)))
    assert pipeline.stage("a").optional
    assert not pipeline.may_skip("a")


@pytest.mark.parametrize(
    ("conversion", "optimizer", "may"),
    [
        ("completed", "completed", True),
        ("completed", "skipped", True),
        ("completed", "pending", False),
        ("completed", "in_progress", False),
        ("completed", "failed", False),
        ("pending", "completed", False),
        ("in_progress", "skipped", False),
    ],
)
def test_the_chunker_waits_for_the_optimizer_unless_that_was_skipped(
    conversion: str, optimizer: str, may: bool
) -> None:
    statuses = dict.fromkeys(v.STAGES, StageStatus.PENDING)
    statuses |= {CONVERSION: StageStatus(conversion), OPTIMIZER: StageStatus(optimizer)}
    assert FIVE.may_start(CHUNKER, statuses) is may


@pytest.mark.parametrize("unsettled", ["pending", "in_progress", "failed"])
@pytest.mark.parametrize("name", [CONVERSION, OPTIMIZER, CHUNKER])
def test_the_whole_upstream_has_to_be_settled(name: str, unsettled: str) -> None:
    statuses = dict.fromkeys(v.STAGES, StageStatus.COMPLETED)
    assert FIVE.may_start(FACTS, statuses)
    assert not FIVE.may_start(FACTS, {**statuses, name: StageStatus(unsettled)})


@pytest.mark.parametrize(
    "name", ["", "Chunker", "chunk er", "chunker_opt", "é", "a/b", "..", "completed", "a" * 101]
)
def test_names_that_no_stage_can_have_are_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match="cannot name a stage") as caught:
        Pipeline.of(v.rows((name, None, True, 1)))
    assert caught.value.field == "stage_name"


def test_a_trailing_newline_is_part_of_a_bad_name() -> None:
    with pytest.raises(InvalidValue, match="cannot name a stage"):
        Pipeline.of(v.rows(("chunker\n", None, True, 1)))


def test_a_dependency_without_rows_of_its_own_is_refused() -> None:
    with pytest.raises(InvalidValue, match="'b' depends on 'a', which has no row") as caught:
        Pipeline.of(v.rows(("b", "a", True, 1)))
    assert caught.value.field == "depends_on_stage"


def test_no_rows_are_no_pipeline() -> None:
    with pytest.raises(InvalidValue, match="at least one stage"):
        Pipeline.of([])


@pytest.mark.parametrize(
    ("cycle", "named"),
    [
        ((("a", "a"),), "a"),
        ((("a", "b"), ("b", "a")), "a, b"),
        ((("a", "c"), ("b", "a"), ("c", "b")), "a, b, c"),
    ],
)
def test_stages_that_wait_for_each_other_are_refused(
    cycle: tuple[tuple[str, str], ...], named: str
) -> None:
    rows = [StageDependency("free", None, True, 0)]
    rows += [StageDependency(name, on, True, 1) for name, on in cycle]
    with pytest.raises(InvalidValue, match=f"wait for each other: {named}\\."):
        Pipeline.of(rows)


def test_an_unknown_stage_is_named_with_those_that_are_known() -> None:
    with pytest.raises(UnknownStage, match="no stage 'printer' here; there are a, b, c, d"):
        Pipeline.of(v.BRANCHED).upstream("printer")
