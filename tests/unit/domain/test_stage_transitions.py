"""Every command on a stage in every status: what is recorded, or why it is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from domain.commands import Command
from domain.errors import IllegalTransition, UnknownStage
from domain.events import ReportedPersonal
from domain.values import FailureReason, FileReference, StageStatus
from unit.domain import vocabulary as v
from unit.domain.given import BEGINNING, Fact, Given, given
from unit.domain.vocabulary import CHUNKER, CONVERSION, FACTS, OPTIMIZER

UPSTREAM = [v.registered(), v.begun(), *v.done(CONVERSION)]
# The optimizer, in each status: it is optional, and all it depends on is completed.
HISTORIES: Mapping[str, Sequence[Fact]] = {
    "pending": UPSTREAM,
    "in_progress": [*UPSTREAM, v.started(OPTIMIZER)],
    "completed": [*UPSTREAM, *v.done(OPTIMIZER)],
    "failed": [*UPSTREAM, v.started(OPTIMIZER), v.failed(OPTIMIZER)],
    "skipped": [*UPSTREAM, v.skipped(OPTIMIZER)],
}
NOTES = v.output("notes", "n")

ALLOWED: Sequence[tuple[str, Command, Sequence[Fact], str]] = [
    ("pending", v.start(OPTIMIZER), [v.started(OPTIMIZER)], "in_progress"),
    ("pending", v.complete(OPTIMIZER), v.done(OPTIMIZER), "completed"),
    ("pending", v.fail(OPTIMIZER), [v.started(OPTIMIZER), v.failed(OPTIMIZER)], "failed"),
    ("pending", v.skip(OPTIMIZER), [v.skipped(OPTIMIZER)], "skipped"),
    ("pending", v.request(OPTIMIZER), [v.requested(OPTIMIZER)], "pending"),
    (
        "pending",
        v.register_file(OPTIMIZER, NOTES),
        [v.file_registered(OPTIMIZER, NOTES)],
        "pending",
    ),
    ("in_progress", v.complete(OPTIMIZER), [v.completed(OPTIMIZER)], "completed"),
    ("in_progress", v.fail(OPTIMIZER), [v.failed(OPTIMIZER)], "failed"),
    (
        "in_progress",
        v.register_file(OPTIMIZER, NOTES),
        [v.file_registered(OPTIMIZER, NOTES)],
        "in_progress",
    ),
    ("completed", v.reset(OPTIMIZER), [v.was_reset(OPTIMIZER, 2)], "pending"),
    (
        "completed",
        v.request(OPTIMIZER),
        [v.was_reset(OPTIMIZER, 2), v.requested(OPTIMIZER, 2)],
        "pending",
    ),
    (
        "completed",
        v.register_file(OPTIMIZER, NOTES),
        [v.file_registered(OPTIMIZER, NOTES, current=True)],
        "completed",
    ),
    ("failed", v.reset(OPTIMIZER), [v.retried(OPTIMIZER, 2)], "pending"),
    (
        "failed",
        v.request(OPTIMIZER),
        [v.retried(OPTIMIZER, 2), v.requested(OPTIMIZER, 2)],
        "pending",
    ),
    ("skipped", v.reset(OPTIMIZER), [v.was_reset(OPTIMIZER, 2)], "pending"),
    (
        "skipped",
        v.request(OPTIMIZER),
        [v.was_reset(OPTIMIZER, 2), v.requested(OPTIMIZER, 2)],
        "pending",
    ),
]

REFUSED: Sequence[tuple[str, Command, str]] = [
    ("pending", v.reset(OPTIMIZER), "is pending; only one that is failed or completed or skipped"),
    ("in_progress", v.start(OPTIMIZER), "is in_progress; only one that is pending can be started"),
    ("in_progress", v.skip(OPTIMIZER), "is in_progress; only one that is pending can be skipped"),
    ("in_progress", v.request(OPTIMIZER), "in progress already"),
    ("in_progress", v.reset(OPTIMIZER), "is in_progress; only one that is failed or completed"),
    ("completed", v.start(OPTIMIZER), "is completed; only one that is pending can be started"),
    ("completed", v.complete(OPTIMIZER), "is completed; only one that is pending or in_progress"),
    ("completed", v.fail(OPTIMIZER), "is completed; only one that is pending or in_progress"),
    ("completed", v.skip(OPTIMIZER), "is completed; only one that is pending can be skipped"),
    ("failed", v.start(OPTIMIZER), "is failed; only one that is pending can be started"),
    ("failed", v.complete(OPTIMIZER), "is failed; only one that is pending or in_progress"),
    ("failed", v.fail(OPTIMIZER), "is failed; only one that is pending or in_progress"),
    ("failed", v.skip(OPTIMIZER), "is failed; only one that is pending can be skipped"),
    ("failed", v.register_file(OPTIMIZER, NOTES), "is failed; .* can be given files"),
    ("skipped", v.start(OPTIMIZER), "is skipped; only one that is pending can be started"),
    ("skipped", v.complete(OPTIMIZER), "is skipped; only one that is pending or in_progress"),
    ("skipped", v.fail(OPTIMIZER), "is skipped; only one that is pending or in_progress"),
    ("skipped", v.skip(OPTIMIZER), "is skipped; only one that is pending can be skipped"),
    ("skipped", v.register_file(OPTIMIZER, NOTES), "is skipped; .* can be given files"),
]


def _name(value: object) -> str | None:
    return type(value).__name__ if isinstance(value, Command) else None


@pytest.mark.parametrize(("status", "command", "facts", "after"), ALLOWED, ids=_name)
def test_what_is_allowed_is_recorded(
    status: str, command: Command, facts: Sequence[Fact], after: str
) -> None:
    document = given(HISTORIES[status]).has_stage(OPTIMIZER, status=StageStatus(status))
    document.when(command).then(facts).has_stage(OPTIMIZER, status=StageStatus(after))


@pytest.mark.parametrize(("status", "command", "reason"), REFUSED, ids=_name)
def test_everything_else_is_refused_with_the_reason(
    status: str, command: Command, reason: str
) -> None:
    given(HISTORIES[status]).when(command).refused(IllegalTransition, match=reason)


def test_every_command_was_tried_in_every_status() -> None:
    tried = [(status, type(command)) for status, command, *_ in [*ALLOWED, *REFUSED]]
    kinds = {kind for _, kind in tried}
    assert len(tried) == len(set(tried)) == len(HISTORIES) * len(kinds) == 35


def test_a_stage_that_others_insist_on_is_not_skipped() -> None:
    given([v.registered(), v.begun()]).when(v.skip(CONVERSION)).refused(
        IllegalTransition, match="'markdown-conversion' is not optional"
    )


def test_a_stage_that_the_pipeline_does_not_have_is_unknown() -> None:
    given([v.registered(), v.begun()]).when(v.start("printer")).refused(
        UnknownStage, match="no stage 'printer' here; there are markdown-conversion, "
    )


def test_a_document_without_a_workflow_has_no_stages() -> None:
    given([v.registered()]).when(v.start(CHUNKER)).refused(
        UnknownStage, match="'doc-1' has no workflow yet, so no stage 'chunker'"
    )


@pytest.mark.parametrize(
    "command", [v.start(CHUNKER), v.complete(CHUNKER), v.fail(CHUNKER), v.request(CHUNKER)]
)
def test_no_report_makes_a_stage_start_ahead_of_what_it_waits_for(command: Command) -> None:
    given(UPSTREAM).when(command).refused(
        IllegalTransition, match=r"'chunker' waits for markdown-optimizer \(pending\)"
    )


class TestReports:
    """Reports from outside stand as they were reported."""

    def before(self) -> Given:
        """Return a document whose conversion may start."""
        return given([v.registered(), v.begun()])

    def test_a_start_says_when_it_began_and_what_was_said_of_it(self) -> None:
        command = v.start(CONVERSION, started_at=BEGINNING, outside_metadata={"host": "a"})
        self.before().when(command).then(
            [
                v.started(
                    CONVERSION,
                    started_at=BEGINNING,
                    personal=ReportedPersonal(metadata={"host": "a"}),
                )
            ]
        )

    def test_a_completion_alone_says_that_the_stage_began_when_it_ended_at_the_latest(self) -> None:
        self.before().when(v.complete(CONVERSION, completed_at=BEGINNING)).then(
            [
                v.started(CONVERSION, started_at=BEGINNING),
                v.completed(CONVERSION, completed_at=BEGINNING),
            ]
        )

    def test_a_failure_keeps_what_was_said_in_its_personal_part(self) -> None:
        command = v.fail(CONVERSION, error_message="no such page", outside_metadata={"page": 7})
        said = ReportedPersonal(error_message="no such page", metadata={"page": 7})
        self.before().when(command).then(
            [v.started(CONVERSION), v.failed(CONVERSION, personal=said)]
        )

    def test_a_failure_says_when_and_in_what_the_stage_ended(self) -> None:
        command = v.fail(CONVERSION, completed_at=BEGINNING, executor="pdf/2.0.0")
        self.before().when(command).then(
            [
                v.started(CONVERSION, started_at=BEGINNING),
                v.failed(CONVERSION, completed_at=BEGINNING, executor="pdf/2.0.0"),
            ]
        )

    def test_a_failure_from_outside_is_not_tried_again(self) -> None:
        self.before().when(v.fail(CONVERSION, reason=FailureReason.REPORTED)).then(
            [v.started(CONVERSION), v.failed(CONVERSION, will_retry=False)]
        )

    def test_a_skip_keeps_what_was_said_of_it(self) -> None:
        said = ReportedPersonal(metadata={"why": "clean already"})
        command = v.skip(OPTIMIZER, outside_metadata={"why": "clean already"})
        self.before().when(command).then([v.skipped(OPTIMIZER, personal=said)])

    def test_a_completion_that_says_when_the_stage_began_is_believed(self) -> None:
        ended = BEGINNING + timedelta(seconds=9)
        command = v.complete(CONVERSION, started_at=BEGINNING, completed_at=ended)
        self.before().when(command).then(
            [
                v.started(CONVERSION, started_at=BEGINNING),
                v.completed(CONVERSION, completed_at=ended),
            ]
        )

    def test_a_completion_says_what_made_the_files_and_of_what(self) -> None:
        fields: dict[str, Any] = {
            "executor": "facts/1.2.0",
            "inputs": (FileReference(stage_name=CHUNKER, file_type="chunks_json", checksum="a"),),
            "metadata": {"facts": 3},
        }
        history = [v.registered(), v.begun(), *v.done(CONVERSION, OPTIMIZER, CHUNKER)]
        said = ReportedPersonal(metadata={"by": "hand"})
        given(history).when(v.complete(FACTS, outside_metadata={"by": "hand"}, **fields)).then(
            [v.started(FACTS), v.completed(FACTS, personal=said, **fields)]
        )
