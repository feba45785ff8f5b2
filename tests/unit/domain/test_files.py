"""Files of stages: staged, current, counted, removed, and named."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import IllegalTransition, InvalidValue
from domain.values import OutputFile, StageStatus
from unit.domain import vocabulary as v
from unit.domain.given import Fact, given
from unit.domain.vocabulary import CHUNKER, CONVERSION, FACTS, OPTIMIZER

NEW = [v.registered(), v.begun()]
RUNS = [*NEW, v.started(CONVERSION)]
MARKDOWN = v.output("markdown", "one", suffix=".md")


def converted(*files: OutputFile) -> list[Fact]:
    """Return that a document was converted into these files."""
    registered = [v.file_registered(CONVERSION, file) for file in files]
    return [*RUNS, *registered, v.completed(CONVERSION)]


class TestStaged:
    """Files of an attempt that is not over."""

    def test_all_files_and_the_completion_are_one_append(self) -> None:
        notes = v.output("notes", "n")
        document = (
            given(RUNS)
            .when(v.complete(CONVERSION, MARKDOWN, notes))
            .then(
                [
                    v.file_registered(CONVERSION, MARKDOWN),
                    v.file_registered(CONVERSION, notes),
                    v.completed(CONVERSION),
                ]
            )
        )
        assert set(document.stage(CONVERSION).files) == {"markdown", "notes"}
        document.has_stage(CONVERSION, staged={})

    @pytest.mark.parametrize(
        "said",
        [
            {"metadata": {"pages": 3}},
            {"canonical_checksum": "c" * 64},
            {"file_name": "mine.md"},
            {"outside_metadata": {"by": "hand"}},
        ],
        ids=lambda said: next(iter(said)),
    )
    def test_all_that_is_said_of_a_file_is_recorded(self, said: dict[str, Any]) -> None:
        file = v.output("markdown", "one", **said)
        given(RUNS).when(v.complete(CONVERSION, file)).then(
            [v.file_registered(CONVERSION, file), v.completed(CONVERSION)]
        )

    @pytest.mark.parametrize("history", [NEW, RUNS], ids=["pending", "in_progress"])
    def test_a_file_registered_ahead_becomes_current_with_the_completion(
        self, history: list[Fact]
    ) -> None:
        document = (
            given(history)
            .when(v.register_file(CONVERSION, MARKDOWN))
            .then([v.file_registered(CONVERSION, MARKDOWN)])
        )
        document.has_stage(CONVERSION, files={})
        document = document.when(v.complete(CONVERSION)).succeeds()
        assert document.stage(CONVERSION).files["markdown"].checksum == MARKDOWN.checksum

    def test_what_is_registered_ahead_joins_what_the_completion_brings(self) -> None:
        notes = v.output("notes", "n")
        document = given([*RUNS, v.file_registered(CONVERSION, notes)])
        document = document.when(v.complete(CONVERSION, MARKDOWN)).succeeds()
        assert set(document.stage(CONVERSION).files) == {"markdown", "notes"}

    def test_the_later_of_one_type_is_the_one_that_becomes_current(self) -> None:
        other = v.output("markdown", "two", suffix=".md")
        document = given([*RUNS, v.file_registered(CONVERSION, MARKDOWN)])
        document = document.when(v.complete(CONVERSION, other)).then(
            [v.file_registered(CONVERSION, other, 2), v.completed(CONVERSION)]
        )
        assert document.stage(CONVERSION).files["markdown"].checksum == other.checksum

    @pytest.mark.parametrize("retryable", [True, False])
    def test_files_of_a_failed_attempt_never_become_current(self, retryable: bool) -> None:
        document = given([*RUNS, v.file_registered(CONVERSION, MARKDOWN)])
        document = document.when(v.fail(CONVERSION, retryable=retryable)).succeeds()
        document.has_stage(CONVERSION, staged={}, files={})

    def test_nor_do_those_of_a_run_that_ended(self) -> None:
        history = [*NEW, v.file_registered(CONVERSION, MARKDOWN), v.cancelled()]
        document = given(history).when(v.start_workflow()).succeeds()
        document.when(v.complete(CONVERSION)).succeeds().has_stage(CONVERSION, files={})

    def test_nor_those_of_a_stage_that_is_skipped_after_all(self) -> None:
        history = [*NEW, *v.done(CONVERSION)]
        file = v.output("optimized_markdown")
        document = given(history).when(v.register_file(OPTIMIZER, file)).succeeds()
        document = document.when(v.skip(OPTIMIZER)).then([v.skipped(OPTIMIZER)])
        document.has_stage(OPTIMIZER, staged={}, files={})

    def test_a_stage_that_may_not_start_takes_no_files(self) -> None:
        given(NEW).when(v.register_file(CHUNKER, v.output("chunks_json"))).refused(
            IllegalTransition, match="'chunker' waits for markdown-conversion"
        )

    def test_two_files_of_one_type_are_no_report(self) -> None:
        given(RUNS).when(v.complete(CONVERSION, MARKDOWN, v.output("markdown", "two"))).refused(
            InvalidValue, match=r"outputFiles\.1\.fileType: there is one of type 'markdown'"
        )


class TestCurrent:
    """Files of a stage that is completed."""

    def test_a_file_added_to_a_completed_stage_is_current_at_once(self) -> None:
        notes = v.output("notes", "n")
        document = (
            given(converted(MARKDOWN))
            .when(v.register_file(CONVERSION, notes))
            .then([v.file_registered(CONVERSION, notes, current=True)])
        )
        assert set(document.stage(CONVERSION).files) == {"markdown", "notes"}

    def test_it_resets_what_is_downstream_if_it_says_something_else(self) -> None:
        other = v.output("markdown", "two", suffix=".md")
        history = [*converted(MARKDOWN), *v.done(OPTIMIZER)]
        document = (
            given(history)
            .when(v.register_file(CONVERSION, other))
            .then(
                [
                    v.file_registered(CONVERSION, other, 2, current=True),
                    v.was_reset(OPTIMIZER, 2, CONVERSION),
                ]
            )
        )
        document.has_stage(CONVERSION, status=StageStatus.COMPLETED)

    def test_it_resets_nothing_if_it_says_the_same(self) -> None:
        history = [*converted(MARKDOWN), *v.done(OPTIMIZER)]
        given(history).when(v.register_file(CONVERSION, MARKDOWN)).then(
            [v.file_registered(CONVERSION, MARKDOWN, 2, current=True)]
        )

    def test_it_is_refused_while_a_stage_downstream_runs(self) -> None:
        history = [*converted(MARKDOWN), v.started(OPTIMIZER)]
        given(history).when(v.register_file(CONVERSION, v.output("notes"))).refused(
            IllegalTransition, match="'markdown-optimizer', which uses the output"
        )


class TestVersions:
    """Versions count from 1 for each stage and type; none is given twice."""

    def test_each_registration_is_a_version_of_its_own(self) -> None:
        document = given([*NEW, *v.done(CONVERSION)])
        for version in range(1, 4):
            file = v.output("notes", str(version))
            document = document.when(v.register_file(CONVERSION, file)).then(
                [v.file_registered(CONVERSION, file, version, current=True)]
            )
        assert document.stage(CONVERSION).files["notes"].version == 3

    def test_a_failed_attempts_file_keeps_its_number(self) -> None:
        history = [*RUNS, v.file_registered(CONVERSION, MARKDOWN), v.failed(CONVERSION)]
        document = given([*history, v.retried(CONVERSION, 2)])
        document.when(v.complete(CONVERSION, MARKDOWN)).then(
            [
                v.started(CONVERSION, 2),
                v.file_registered(CONVERSION, MARKDOWN, 2, attempt=2),
                v.completed(CONVERSION, 2),
            ]
        )

    def test_types_and_stages_count_for_themselves(self) -> None:
        document = given(converted(MARKDOWN))
        notes = v.output("notes")
        document = document.when(v.register_file(CONVERSION, notes)).then(
            [v.file_registered(CONVERSION, notes, 1, current=True)]
        )
        document.when(v.register_file(OPTIMIZER, notes)).then(
            [v.file_registered(OPTIMIZER, notes, 1)]
        )

    def test_a_new_run_goes_on_counting(self) -> None:
        history = [*converted(MARKDOWN), v.cancelled()]
        document = given(history).when(v.start_workflow()).succeeds()
        document = document.when(v.complete(CONVERSION, MARKDOWN)).succeeds()
        assert document.stage(CONVERSION).files["markdown"].version == 2


class TestRemoved:
    """A stage's files are those of its last completion that made any."""

    def test_types_that_were_not_made_again_go_in_the_order_in_which_they_came(self) -> None:
        types = ("e", "d", "c", "b", "a")
        document = given(converted(MARKDOWN, *(v.output(each) for each in types)))
        document = document.when(v.reset(CONVERSION)).succeeds()
        document = document.when(v.complete(CONVERSION, MARKDOWN)).then(
            [
                v.started(CONVERSION, 2),
                v.file_registered(CONVERSION, MARKDOWN, 2, attempt=2),
                *(v.file_removed(CONVERSION, each) for each in types),
                v.completed(CONVERSION, 2),
            ]
        )
        assert set(document.stage(CONVERSION).files) == {"markdown"}

    def test_a_skip_removes_what_an_earlier_completion_made_and_resets_downstream(self) -> None:
        file = v.output("optimized_markdown", "o")
        made = [v.started(OPTIMIZER), v.file_registered(OPTIMIZER, file), v.completed(OPTIMIZER)]
        history = [*converted(MARKDOWN), *made, *v.done(CHUNKER), v.was_reset(OPTIMIZER, 2)]
        given(history).when(v.skip(OPTIMIZER)).then(
            [
                v.file_removed(OPTIMIZER, "optimized_markdown"),
                v.skipped(OPTIMIZER, 2),
                v.was_reset(CHUNKER, 2, OPTIMIZER),
            ]
        )

    def test_a_skip_that_removes_nothing_resets_nothing(self) -> None:
        history = [*converted(MARKDOWN), v.skipped(OPTIMIZER), *v.done(CHUNKER, FACTS)]
        document = given([*history, v.was_reset(OPTIMIZER, 2)])
        document.when(v.skip(OPTIMIZER)).then([v.skipped(OPTIMIZER, 2)])

    def test_a_stage_taken_in_again_resets_what_did_without_it(self) -> None:
        file = v.output("optimized_markdown", "o")
        history = [*converted(MARKDOWN), v.skipped(OPTIMIZER), *v.done(CHUNKER)]
        document = given([*history, v.was_reset(OPTIMIZER, 2)])
        document.when(v.complete(OPTIMIZER, file)).then(
            [
                v.started(OPTIMIZER, 2),
                v.file_registered(OPTIMIZER, file, attempt=2),
                v.completed(OPTIMIZER, 2),
                v.was_reset(CHUNKER, 2, OPTIMIZER),
            ]
        )


class TestNames:
    """A file is named after the original, unless it was given a name; no two share one."""

    def test_the_name_is_the_stem_of_the_originals_with_the_suffix(self) -> None:
        document = given(converted(MARKDOWN))
        assert document.stage(CONVERSION).files["markdown"].name == "Laws.md"

    def test_content_given_as_text_names_files_after_the_document(self) -> None:
        personal = {"title": "Laws", "file_name": None}
        history = [v.registered(personal=personal), *converted(MARKDOWN)[1:]]
        assert given(history).stage(CONVERSION).files["markdown"].name == "doc-1.md"

    def test_a_given_name_stands(self) -> None:
        file = v.output("markdown", file_name="mine.md", outside_metadata={"by": "hand"})
        document = (
            given(RUNS)
            .when(v.complete(CONVERSION, file))
            .then([v.file_registered(CONVERSION, file), v.completed(CONVERSION)])
        )
        assert document.stage(CONVERSION).files["markdown"].name == "mine.md"

    @pytest.mark.parametrize(
        "second", [v.output("notes", suffix=".md"), v.output("notes", file_name="Laws.md")]
    )
    def test_two_types_of_one_attempt_do_not_share_a_name(self, second: OutputFile) -> None:
        given(RUNS).when(v.complete(CONVERSION, MARKDOWN, second)).refused(
            IllegalTransition, match="another file, of type 'markdown', .* give this one another"
        )

    def test_nor_does_a_file_added_later(self) -> None:
        second = v.output("notes", suffix=".md")
        given(converted(MARKDOWN)).when(v.register_file(CONVERSION, second)).refused(
            IllegalTransition, match="another file, of type 'markdown'"
        )

    def test_names_are_not_told_in_refusals(self) -> None:
        second = v.output("notes", file_name="Laws.md")
        with pytest.raises(IllegalTransition) as caught:
            given(RUNS).when(v.complete(CONVERSION, MARKDOWN, second)).succeeds()
        assert "Laws" not in str(caught.value)

    def test_a_type_may_give_its_name_to_the_one_that_follows_it(self) -> None:
        second = v.output("markdown_v2", suffix=".md")
        document = given([*converted(MARKDOWN), v.was_reset(CONVERSION, 2)])
        document = document.when(v.complete(CONVERSION, second)).then(
            [
                v.started(CONVERSION, 2),
                v.file_registered(CONVERSION, second, attempt=2),
                v.file_removed(CONVERSION, "markdown"),
                v.completed(CONVERSION, 2),
            ]
        )
        assert document.stage(CONVERSION).files["markdown_v2"].name == "Laws.md"
