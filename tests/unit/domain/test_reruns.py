"""Re-runs: what is downstream stays until there is something else to work on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from domain.commands import Command
from domain.errors import IllegalTransition
from domain.values import PAGE_STARTS, FileReference, OutputFile, StageStatus, WorkflowStatus
from unit.domain import vocabulary as v
from unit.domain.given import Fact, Given, given
from unit.domain.vocabulary import CHUNKER, CONVERSION, FACTS, INGESTOR, OPTIMIZER

MADE = v.output("chunks_json", "one", canonical_checksum="c" * 64)


def made(stage: str, *files: OutputFile) -> list[Fact]:
    """Return that a stage ran and made these files."""
    registered = [v.file_registered(stage, file) for file in files]
    return [v.started(stage), *registered, v.completed(stage)]


def chunked() -> list[Fact]:
    """Return that a document went through all stages, with chunks."""
    start = [v.registered(), v.begun(), *v.done(CONVERSION, OPTIMIZER)]
    return [*start, *made(CHUNKER, MADE), *v.done(FACTS, INGESTOR), v.workflow_completed()]


def chunking_again() -> Given:
    """Return such a document, its chunker pending for a second attempt."""
    return given([*chunked(), v.was_reset(CHUNKER, 2)])


def test_a_rerun_resets_its_own_stage_only() -> None:
    document = given(chunked()).when(v.reset(CHUNKER)).then([v.was_reset(CHUNKER, 2)])
    for name in (CONVERSION, OPTIMIZER, FACTS, INGESTOR):
        document.has_stage(name, status=StageStatus.COMPLETED, attempt=1)
    document.has(workflow_status=WorkflowStatus.RUNNING)


def test_files_stay_current_until_the_new_completion() -> None:
    new = v.output("chunks_json", "two")
    document = chunking_again().when(v.start(CHUNKER)).succeeds()
    document = document.when(v.register_file(CHUNKER, new)).succeeds()
    assert document.stage(CHUNKER).files["chunks_json"].checksum == MADE.checksum
    document = document.when(v.complete(CHUNKER)).succeeds()
    assert document.stage(CHUNKER).files["chunks_json"].checksum == new.checksum


@pytest.mark.parametrize(
    "same",
    [MADE, v.output("chunks_json", "one, other bytes", canonical_checksum="c" * 64)],
    ids=["same bytes", "same meaning"],
)
def test_equal_content_leaves_everything_downstream_as_it_is(same: OutputFile) -> None:
    document = (
        chunking_again()
        .when(v.complete(CHUNKER, same))
        .then(
            [
                v.started(CHUNKER, 2),
                v.file_registered(CHUNKER, same, 2, attempt=2),
                v.completed(CHUNKER, 2),
                v.workflow_completed(),
            ]
        )
    )
    document.has(workflow_status=WorkflowStatus.COMPLETED)


def test_changed_content_resets_what_is_downstream_in_the_same_append() -> None:
    new = v.output("chunks_json", "two")
    document = (
        chunking_again()
        .when(v.complete(CHUNKER, new))
        .then(
            [
                v.started(CHUNKER, 2),
                v.file_registered(CHUNKER, new, 2, attempt=2),
                v.completed(CHUNKER, 2),
                v.was_reset(FACTS, 2, CHUNKER),
                v.was_reset(INGESTOR, 2, CHUNKER),
            ]
        )
    )
    document.has(workflow_status=WorkflowStatus.RUNNING).next_is(FACTS)
    document.has_stage(OPTIMIZER, status=StageStatus.COMPLETED, attempt=1)


def test_content_without_a_canonical_checksum_is_told_by_its_bytes() -> None:
    plain = v.output("facts_json", "one")
    start = [v.registered(), v.begun(), *v.done(CONVERSION, OPTIMIZER, CHUNKER)]
    document = given([*start, *made(FACTS, plain), *v.done(INGESTOR), v.was_reset(FACTS, 2)])
    document.when(v.complete(FACTS, plain)).succeeds().has_stage(INGESTOR, attempt=1)
    other = v.output("facts_json", "two")
    document.when(v.complete(FACTS, other)).succeeds().has_stage(INGESTOR, attempt=2)


def test_equal_content_on_other_pages_counts_as_change() -> None:
    paged = v.output("markdown", "one", metadata={PAGE_STARTS: [0, 20]})
    start = [v.registered(), v.begun(), *made(CONVERSION, paged)]
    document = given(
        [*start, *v.done(OPTIMIZER, CHUNKER, FACTS, INGESTOR), v.was_reset(CONVERSION, 2)]
    )
    document.when(v.complete(CONVERSION, paged)).succeeds().has_stage(OPTIMIZER, attempt=1)
    named = v.output("markdown", "one", outside_metadata={PAGE_STARTS: [0, 20], "by": "hand"})
    document.when(v.complete(CONVERSION, named)).succeeds().has_stage(OPTIMIZER, attempt=1)
    moved = v.output("markdown", "one", metadata={PAGE_STARTS: [0, 30]})
    document.when(v.complete(CONVERSION, moved)).succeeds().has_stage(OPTIMIZER, attempt=2)


def test_a_file_that_was_not_made_again_counts_as_change() -> None:
    notes = v.output("notes", "n")
    start = [v.registered(), v.begun(), *v.done(CONVERSION, OPTIMIZER)]
    history = [*start, *made(CHUNKER, MADE, notes), *v.done(FACTS), v.was_reset(CHUNKER, 2)]
    given(history).when(v.complete(CHUNKER, MADE)).then(
        [
            v.started(CHUNKER, 2),
            v.file_registered(CHUNKER, MADE, 2, attempt=2),
            v.file_removed(CHUNKER, "notes"),
            v.completed(CHUNKER, 2),
            v.was_reset(FACTS, 2, CHUNKER),
        ]
    )


def test_a_rerun_reported_without_files_keeps_those_that_are_there() -> None:
    document = chunking_again().when(v.complete(CHUNKER)).succeeds()
    assert document.stage(CHUNKER).files["chunks_json"].checksum == MADE.checksum
    document.has_stage(FACTS, status=StageStatus.COMPLETED, attempt=1)


@pytest.mark.parametrize(
    ("status", "history"),
    [
        ("failed", [v.started(FACTS), v.failed(FACTS)]),
        ("completed", v.done(FACTS)),
    ],
)
def test_downstream_is_reset_whether_it_succeeded_or_failed(
    status: str, history: Sequence[Fact]
) -> None:
    start = [v.registered(), v.begun(), *v.done(CONVERSION, OPTIMIZER), *made(CHUNKER, MADE)]
    document = given([*start, *history, v.was_reset(CHUNKER, 2)])
    document.has_stage(FACTS, status=StageStatus(status))
    document = document.when(v.complete(CHUNKER, v.output("chunks_json", "two"))).succeeds()
    document.has_stage(FACTS, status=StageStatus.PENDING, attempt=2, retry_count=0)
    document.has_stage(INGESTOR, status=StageStatus.PENDING, attempt=1)


def test_a_skipped_stage_downstream_stays_skipped() -> None:
    file = v.output("markdown", "one")
    start = [v.registered(), v.begun(), *made(CONVERSION, file), v.skipped(OPTIMIZER)]
    document = given([*start, *v.done(CHUNKER), v.was_reset(CONVERSION, 2)])
    document = document.when(v.complete(CONVERSION, v.output("markdown", "two"))).succeeds()
    document.has_stage(OPTIMIZER, status=StageStatus.SKIPPED, attempt=1)
    document.has_stage(CHUNKER, status=StageStatus.PENDING, attempt=2)


def test_branches_beside_the_rerun_stay_as_they_are() -> None:
    file = v.output("notes", "one")
    start = [v.registered(), v.begun(pipeline=v.BRANCHED), *v.done("a"), *made("b", file)]
    history = [*start, *v.done("c", "d"), v.workflow_completed(), v.was_reset("b", 2)]
    document = given(history).when(v.complete("b", v.output("notes", "two"))).succeeds()
    document.has_stage("d", attempt=2).has_stage("c", attempt=1, status=StageStatus.COMPLETED)


def test_a_failed_rerun_changes_nothing_downstream() -> None:
    document = (
        chunking_again().when(v.fail(CHUNKER)).then([v.started(CHUNKER, 2), v.failed(CHUNKER, 2)])
    )
    assert document.stage(CHUNKER).files["chunks_json"].checksum == MADE.checksum
    document.has_stage(FACTS, status=StageStatus.COMPLETED, attempt=1)
    document.has(workflow_status=WorkflowStatus.FAILED)


@pytest.mark.parametrize("command", [v.reset(CHUNKER), v.request(CHUNKER)])
@pytest.mark.parametrize("running", [FACTS, INGESTOR])
def test_a_rerun_is_refused_while_a_stage_downstream_runs(running: str, command: Command) -> None:
    order = (CONVERSION, OPTIMIZER, CHUNKER, FACTS, INGESTOR)
    history = [v.registered(), v.begun(), *v.done(*order[: order.index(running)])]
    given([*history, v.started(running)]).when(command).refused(
        IllegalTransition, match=f"'{running}', which uses the output of 'chunker', is in progress"
    )


def test_a_rerun_of_a_branch_is_taken_while_the_other_runs() -> None:
    history = [v.registered(), v.begun(pipeline=v.BRANCHED), *v.done("a", "c"), v.started("b")]
    given(history).when(v.reset("c")).then([v.was_reset("c", 2)])


def test_to_have_a_stage_run_again_is_refused_while_something_upstream_is_open() -> None:
    document = chunking_again().when(v.start(CHUNKER)).succeeds()
    document.when(v.request(FACTS)).refused(IllegalTransition, match=r"waits for chunker \(in_pro")
    document.when(v.reset(FACTS)).then([v.was_reset(FACTS, 2)])


def test_nothing_downstream_starts_on_what_is_about_to_be_replaced() -> None:
    document = given([*chunked(), v.was_reset(CONVERSION, 2), v.was_reset(FACTS, 2)])
    document.when(v.start(FACTS)).refused(
        IllegalTransition, match=r"waits for markdown-conversion \(pending\)"
    )


def test_a_run_with_given_inputs_keeps_them_for_the_worker() -> None:
    inputs = (FileReference(stage_name=CONVERSION, file_type="markdown", checksum="a" * 64),)
    document = (
        given(chunked())
        .when(v.request(CHUNKER, inputs=inputs))
        .then([v.was_reset(CHUNKER, 2), v.requested(CHUNKER, 2, inputs=inputs)])
    )
    (stage,) = document.state.runnable_stages()
    assert stage.requested_inputs is not None
    assert [file.checksum for file in stage.requested_inputs] == ["a" * 64]


def test_other_inputs_are_another_request() -> None:
    inputs = (FileReference(file_type="original", checksum="a" * 64),)
    document = given([v.registered(), v.begun(), v.requested(CONVERSION)])
    document.when(v.request(CONVERSION, inputs=inputs)).then(
        [v.requested(CONVERSION, inputs=inputs)]
    )
