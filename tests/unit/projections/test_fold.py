"""What rows say of times, words and files, beyond what the aggregate knows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain import events as e
from domain.values import FailureReason, WorkflowType
from projections.errors import CannotApply
from projections.fold import fold
from projections.rows import DocumentRows, FileRow, StageRow, WorkflowRow
from unit.projections.journeys import FIVE, START

FIRST, SECOND = "markdown-conversion", "markdown-optimizer"
REPORTED = datetime.fromisoformat("2025-12-31T23:00:00+01:00")


class Given:
    """Folds events one by one, a second apart."""

    def __init__(self, document_id: str = "doc-1") -> None:
        self.rows = DocumentRows.none(document_id)

    def event(self, event_type: type[e.Event], **fields: Any) -> e.Event:
        """Return the event that would come next."""
        if issubclass(event_type, e.StageEvent):
            fields = {"stage_name": FIRST, "attempt": 1, **fields}
        return event_type(
            document_id=self.rows.document_id,
            version=self.rows.stream.version + 1,
            at=START + timedelta(seconds=self.rows.stream.version + 1),
            actor="test",
            command_id="c",
            correlation_id="c",
            **fields,
        )

    def then(self, event_type: type[e.Event], **fields: Any) -> Given:
        """Fold the event that comes next."""
        self.rows = fold(self.rows, 10 + self.rows.stream.version, self.event(event_type, **fields))
        return self

    def registered(self, file_name: str | None = "Kepler's laws.pdf") -> Given:
        """Fold a registration and the start of a run."""
        personal = e.RegisteredPersonal(title="Laws", file_name=file_name)
        return self.then(
            e.DocumentRegistered, mime_type="application/pdf", checksum="c" * 64, personal=personal
        ).started()

    def started(self, run: int = 1, **fields: Any) -> Given:
        """Fold the start of a run."""
        return self.then(
            e.WorkflowStarted,
            run=run,
            workflow_type=WorkflowType.AUTOMATIC,
            pipeline=tuple(tuple(row) for row in FIVE),
            **fields,
        )

    def file(self, **fields: Any) -> Given:
        """Fold the registration of a file."""
        given = {
            "file_type": "markdown",
            "suffix": ".md",
            "checksum": "a" * 64,
            "size_bytes": 7,
            "mime_type": "text/markdown",
            "file_version": 1,
        }
        return self.then(e.OutputFileRegistered, **{**given, **fields})

    @property
    def stage(self) -> StageRow:
        """The first stage's row."""
        return self.rows.stages[FIRST]

    @property
    def workflow(self) -> WorkflowRow:
        """The run's row."""
        assert self.rows.workflow is not None
        return self.rows.workflow

    @property
    def current_file(self) -> FileRow:
        """The first stage's Markdown."""
        return self.rows.files[FIRST, "markdown"]


def at(version: int) -> datetime:
    """Return the time of the event of this version."""
    return START + timedelta(seconds=version)


def test_a_run_begins_with_every_stage_pending() -> None:
    given = Given().registered()
    assert given.workflow == WorkflowRow(
        id="workflow_doc-1",
        document_id="doc-1",
        workflow_type="automatic",
        total_stages=5,
        completed_stages=0,
        current_stage=FIRST,
        started_at=at(2),
        completed_at=None,
        configuration={},
        created_at=at(2),
        updated_at=at(2),
        status="running",
    )
    assert list(given.rows.stages) == [FIRST, SECOND, "chunker", "fact-generator", "ingestor"]
    assert given.stage.id == "doc-1_markdown-conversion"
    assert (given.stage.created_at, given.stage.updated_at) == (at(2), at(2))
    assert (given.rows.stream.version, given.rows.stream.position) == (2, 11)


def test_later_runs_have_ids_of_their_own_and_stages_keep_theirs() -> None:
    given = Given().registered().then(e.StageStarted).then(e.StageFailed, reason="error")
    given.then(e.WorkflowCancelled).started(run=2, attempts={FIRST: 2})
    assert given.workflow.id == "workflow-2_doc-1"
    assert given.stage.id == "doc-1_markdown-conversion"
    assert (given.stage.attempt, given.stage.retry_count) == (2, 0)
    assert (given.stage.created_at, given.stage.updated_at) == (at(2), at(6))


@pytest.mark.parametrize(
    ("reported", "started_at", "completed_at"),
    [(None, at(3), at(4)), (REPORTED, REPORTED, REPORTED)],
)
@pytest.mark.parametrize("failed", [False, True])
def test_reported_times_stand_and_others_are_the_event_s(
    failed: bool, reported: datetime | None, started_at: datetime, completed_at: datetime
) -> None:
    given = Given().registered().then(e.StageStarted, started_at=reported)
    if failed:
        given.then(e.StageFailed, completed_at=reported, reason=FailureReason.ERROR)
    else:
        given.then(e.StageCompleted, completed_at=reported)
    assert (given.stage.started_at, given.stage.completed_at) == (started_at, completed_at)
    assert given.stage.updated_at == at(4)


def test_what_was_said_of_an_attempt_is_joined() -> None:
    said = e.ReportedPersonal(metadata={"by": "hand", "pages": 3})
    given = Given().registered()
    given.then(e.StageStarted, personal=e.ReportedPersonal(metadata={"room": 1, "by": "x"}))
    assert given.stage.metadata == {"room": 1, "by": "x"}
    given.then(e.StageCompleted, metadata={"seconds": 2, "pages": 1}, personal=said)
    assert given.stage.metadata == {"room": 1, "by": "hand", "seconds": 2, "pages": 3}


def test_a_new_attempt_begins_with_nothing_of_the_old_one() -> None:
    said = e.ReportedPersonal(error_message="It broke.", metadata={"line": 3})
    given = Given().registered().then(e.StageStarted)
    given.then(e.StageFailed, reason=FailureReason.ERROR, personal=said)
    assert (given.stage.error_message, given.stage.metadata) == ("It broke.", {"line": 3})
    given.then(e.StageRetried, attempt=2, retry_count=1, automatic=False)
    stage = given.stage
    assert (stage.status, stage.attempt, stage.retry_count) == ("pending", 2, 1)
    assert (stage.started_at, stage.completed_at) == (None, None)
    assert (stage.error_message, stage.metadata) == (None, None)


def test_files_are_rows_only_when_their_stage_is_completed() -> None:
    given = Given().registered().then(e.StageStarted)
    given.file(metadata={"pages": 3}, personal=e.FilePersonal(metadata={"by": "hand"}))
    assert given.rows.files == {}
    given.then(e.StageCompleted)
    assert given.current_file == FileRow(
        id="doc-1_markdown-conversion:markdown",
        document_id="doc-1",
        stage_name=FIRST,
        file_type="markdown",
        file_path="documents/doc-1/stages/markdown-conversion/Kepler's laws.md",
        file_size=7,
        mime_type="text/markdown",
        checksum="a" * 64,
        metadata={"pages": 3, "by": "hand"},
        created_at=at(4),
    )
    assert given.rows.stream.staged == {}
    assert given.rows.stream.file_versions == {(FIRST, "markdown"): 1}


def test_files_of_a_failed_attempt_never_become_rows() -> None:
    given = Given().registered().then(e.StageStarted).file()
    given.then(e.StageFailed, reason=FailureReason.ERROR, will_retry=True)
    given.then(e.StageRetried, attempt=2, retry_count=1, automatic=True)
    given.then(e.StageStarted, attempt=2).then(e.StageCompleted, attempt=2)
    assert given.rows.files == {}


def test_a_file_of_a_completed_stage_is_current_at_once_until_it_is_removed() -> None:
    given = Given().registered().then(e.StageStarted).then(e.StageCompleted)
    given.file(current=True, file_version=4, personal=e.FilePersonal(file_name="mine.md"))
    assert given.current_file.file_path.endswith("/mine.md")
    assert given.rows.stream.file_versions == {(FIRST, "markdown"): 4}
    given.then(e.OutputFileRemoved, stage_name=FIRST, file_type="markdown")
    assert given.rows.files == {}
    assert given.rows.stream.file_versions == {(FIRST, "markdown"): 4}


def test_what_is_erased_leaves_rows_without_names() -> None:
    given = Given().then(e.DocumentRegistered, mime_type="application/pdf", personal=None)
    given.started().then(e.StageStarted, personal=None).file(personal=None)
    given.then(e.StageCompleted, personal=None)
    assert given.current_file.file_path == "documents/doc-1/stages/markdown-conversion/doc-1.md"
    given.then(e.StageReset, attempt=2).then(e.StageStarted, attempt=2)
    given.then(e.StageFailed, attempt=2, reason=FailureReason.ERROR, personal=None)
    assert given.stage.error_message is None


def test_a_completed_run_that_is_run_again_is_not_completed() -> None:
    given = Given().registered()
    for name in given.rows.stages:
        given.then(e.StageStarted, stage_name=name).then(e.StageCompleted, stage_name=name)
    assert (given.workflow.current_stage, given.workflow.completed_stages) == ("completed", 5)
    given.then(e.WorkflowCompleted)
    assert (given.workflow.status, given.workflow.completed_at) == ("completed", at(13))
    given.then(e.StageReset, stage_name="chunker", attempt=2)
    assert (given.workflow.status, given.workflow.completed_at) == ("running", None)
    assert (given.workflow.current_stage, given.workflow.completed_stages) == ("chunker", 4)


def test_a_workflow_that_an_event_does_not_change_keeps_its_row() -> None:
    given = Given().registered()
    before = given.workflow
    given.then(e.StageRequested).then(e.StageStarted).file()
    assert given.workflow is before
    assert given.rows.stages[SECOND].updated_at == at(2)


def test_a_deleted_document_keeps_only_how_far_it_was() -> None:
    given = Given().registered().then(e.StageStarted).file().then(e.StageCompleted)
    given.then(e.DocumentDeleted)
    expected = DocumentRows.none("doc-1")
    assert (given.rows.workflow, given.rows.stages, given.rows.files) == (None, {}, {})
    assert (given.rows.stream.version, given.rows.stream.position) == (6, 15)
    assert given.rows.stream.original_name is None
    assert given.rows.stream.file_versions == expected.stream.file_versions


@pytest.mark.parametrize(
    ("event_type", "fields"),
    [
        (e.StageStarted, {"stage_name": "no-such-stage"}),
        (e.OutputFileRemoved, {"stage_name": "no-such-stage", "file_type": "markdown"}),
        (e.DocumentRegistered, {"mime_type": "text/plain"}),
        (e.WorkflowPaused, {"version": 5}),
    ],
)
def test_events_that_do_not_fit_are_refused(
    event_type: type[e.Event], fields: dict[str, Any]
) -> None:
    given = Given().registered()
    version = fields.pop("version", 3)
    event = replace(given.event(event_type, **fields), version=version)
    with pytest.raises(CannotApply):
        fold(given.rows, 99, event)


def test_nothing_happens_to_a_document_that_is_not_registered() -> None:
    with pytest.raises(CannotApply, match="not registered"):
        Given().started()
