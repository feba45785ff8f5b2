"""Documents come, go, and come again under the same id."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.commands import Command
from domain.errors import DocumentExists, DocumentNotFound, InvalidValue
from domain.values import StageStatus, WorkflowStatus
from unit.domain import vocabulary as v
from unit.domain.given import BEGINNING, Fact, given
from unit.domain.vocabulary import CHUNKER, CONVERSION, OPTIMIZER


def test_registering_takes_the_document_in_and_begins_its_first_run() -> None:
    document = given([]).when(v.register()).then([v.registered(), v.begun()])
    document.has(registered=True, run=1, workflow_status=WorkflowStatus.RUNNING, version=2)
    assert set(document.state.statuses.values()) == {StageStatus.PENDING}
    assert tuple(document.state.stages) == v.STAGES


def test_the_state_knows_the_original_and_when_it_was_last_changed() -> None:
    document = given([]).when(v.register()).succeeds()
    document.has(
        realm_id="realm-1",
        original_name="Laws.pdf",
        original_checksum=v.ORIGINAL.checksum,
        original_size_bytes=10,
        original_mime_type="application/pdf",
        at=BEGINNING + timedelta(minutes=1),
    )


def test_content_given_as_text_stays_out_of_the_log() -> None:
    document = given([]).when(v.register(content="the whole text")).succeeds()
    assert "the whole text" not in repr(document.state)


def test_a_document_that_exists_is_not_registered_again() -> None:
    given([v.registered(), v.begun()]).when(v.register()).refused(
        DocumentExists, match="'doc-1' already; choose another id"
    )


@pytest.mark.parametrize(
    "command",
    [
        v.delete(),
        v.start_workflow(),
        v.pause(),
        v.resume(),
        v.cancel(),
        v.request(CHUNKER),
        v.start(CHUNKER),
        v.complete(CHUNKER),
        v.fail(CHUNKER),
        v.expire("lease-1"),
        v.skip(OPTIMIZER),
        v.reset(CHUNKER),
        v.register_file(CHUNKER, v.output("chunks_json")),
    ],
    ids=lambda command: type(command).__name__,
)
@pytest.mark.parametrize("history", [[], [*v.all_done(), v.deleted()]], ids=["never", "deleted"])
def test_nothing_can_be_done_to_a_document_that_is_not_there(
    history: list[Fact], command: Command
) -> None:
    given(history).when(command).refused(DocumentNotFound, match="no document 'doc-1'")


def test_deleting_leaves_nothing_but_the_count_of_attempts() -> None:
    document = given(v.all_done()).when(v.delete()).then([v.deleted()])
    document.has(registered=False, run=0, stages={}, original_name=None, realm_id=None)
    document.has(file_versions={}, version=14, attempts=dict.fromkeys(v.STAGES, 1))


def test_a_document_is_deleted_even_while_a_stage_runs() -> None:
    given([v.registered(), v.begun(), v.started(CONVERSION)]).when(v.delete()).then([v.deleted()])


def test_the_id_of_a_deleted_document_continues_its_stream() -> None:
    gone = [v.registered(), v.begun(), v.started(CONVERSION), v.deleted()]
    again = v.register(title="Other", realm_id="realm-2")
    document = (
        given(gone)
        .when(again)
        .then(
            [
                v.registered(
                    realm_id="realm-2", personal={"title": "Other", "file_name": "Laws.pdf"}
                ),
                v.begun(run=1, attempts=dict.fromkeys(v.STAGES, 2)),
            ]
        )
    )
    document.has(version=6, run=1, realm_id="realm-2")
    document.has_stage(CONVERSION, status=StageStatus.PENDING, attempt=2, retry_count=0)


def test_a_document_registered_again_has_none_of_the_files_that_it_had() -> None:
    file = v.output("markdown", "a")
    gone = [v.registered(), v.begun(), v.started(CONVERSION), v.file_registered(CONVERSION, file)]
    document = given([*gone, v.completed(CONVERSION), v.deleted()]).when(v.register()).succeeds()
    document.has_stage(CONVERSION, files={}, staged={})
    document.when(v.complete(CONVERSION, file, attempt=2)).then(
        [
            v.started(CONVERSION, 2),
            v.file_registered(CONVERSION, file, 1, attempt=2),
            v.completed(CONVERSION, 2),
        ]
    )


@pytest.mark.parametrize(
    ("skipped", "message"),
    [
        ((CHUNKER,), r"configuration\.skipStages\.0: stage 'chunker' is not optional"),
        ((OPTIMIZER, "printer"), r"configuration\.skipStages\.1: there is no stage 'printer'"),
    ],
)
def test_a_document_is_not_taken_in_with_a_configuration_that_cannot_be(
    skipped: tuple[str, ...], message: str
) -> None:
    configuration = v.configuration(skip_stages=skipped)
    given([]).when(v.register(configuration=configuration)).refused(InvalidValue, match=message)


def test_a_document_is_not_taken_in_with_a_pipeline_that_cannot_be() -> None:
    waiting = v.rows(("a", "b", True, 1), ("b", "a", True, 2))
    given([]).when(v.register(pipeline=waiting)).refused(
        InvalidValue, match="wait for each other: a, b"
    )
