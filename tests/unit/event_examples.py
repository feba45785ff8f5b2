"""What the frozen events in `tests/fixtures/events/` mean, by file name.

Every shape that a stored event ever had stays here and there for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain import events as e
from domain.values import FailureReason, FileReference, StageStatus, WorkflowStatus, WorkflowType

AT = datetime(2026, 11, 24, 1, 54, 33, 120000, tzinfo=UTC)
EARLIER = datetime(2026, 11, 24, 1, 50, tzinfo=UTC)
LATER = datetime(2026, 11, 24, 1, 54, 37, 120000, tzinfo=UTC)
_CONTEXT: Mapping[str, Any] = {
    "document_id": "annual-report",
    "version": 7,
    "at": AT,
    "actor": "worker-3",
    "command_id": "019ab3f0-0000-7000-8000-000000000001",
    "correlation_id": "019ab3f0-0000-7000-8000-000000000002",
    "causation_id": "019ab3f0-0000-7000-8000-000000000003",
}
_CHUNKER: Mapping[str, Any] = {**_CONTEXT, "stage_name": "chunker", "attempt": 2}
_INPUTS = (
    FileReference(
        stage_name="markdown-optimizer", file_type="optimized_markdown", checksum="a1" * 32
    ),
    FileReference(file_type="original", checksum="b2" * 32),
)
_SAID = e.ReportedPersonal(error_message="page 7 is torn", metadata={"scanner": "Zürich 2"})

EXAMPLES: Mapping[str, e.Event] = {
    "DocumentRegistered.v1": e.DocumentRegistered(
        **_CONTEXT,
        realm_id="finance",
        checksum="b2" * 32,
        size_bytes=482_113,
        mime_type="application/pdf",
        personal=e.RegisteredPersonal(title="Jahresbericht für Ada", file_name="Bericht.pdf"),
    ),
    "DocumentDeleted.v1": e.DocumentDeleted(**_CONTEXT),
    "DocumentChanged.v1": e.DocumentChanged(
        **_CONTEXT,
        realm_id="audit",
        personal=e.RegisteredPersonal(title="Adas Bericht, berichtigt", file_name="Bericht.pdf"),
    ),
    "OriginalStored.v1": e.OriginalStored(
        **_CONTEXT, checksum="b2" * 32, size_bytes=1_204, mime_type="text/markdown"
    ),
    "DocumentExtracted.v1": e.DocumentExtracted(
        **_CONTEXT, source_document_id="letter-of-may", depth=2
    ),
    "ImportUndone.v1": e.ImportUndone(**_CONTEXT),
    "WorkflowStarted.v1": e.WorkflowStarted(
        **_CONTEXT,
        run=2,
        workflow_type=WorkflowType.AUTOMATIC,
        configuration={
            "skipStages": ["markdown-optimizer"],
            "retries": 1,
            "timeoutSeconds": 90.5,
            "stages": {"chunker": {"options": {"tokens": 300}}},
        },
        pipeline=(
            ("markdown-conversion", None, True, 1),
            ("markdown-optimizer", "markdown-conversion", False, 2),
            ("chunker", "markdown-conversion", True, 3),
            ("chunker", "markdown-optimizer", False, 3),
        ),
        attempts={"markdown-conversion": 2, "markdown-optimizer": 2, "chunker": 4},
    ),
    "WorkflowPaused.v1": e.WorkflowPaused(**_CONTEXT),
    "WorkflowResumed.v1": e.WorkflowResumed(**_CONTEXT),
    "WorkflowCancelled.v1": e.WorkflowCancelled(**_CONTEXT),
    "WorkflowCompleted.v1": e.WorkflowCompleted(**_CONTEXT),
    "StageRequested.v1": e.StageRequested(**_CHUNKER, inputs=_INPUTS),
    "StageRerunRequested.v1": e.StageRerunRequested(**_CHUNKER),
    "StageStarted.v1": e.StageStarted(
        **_CHUNKER, started_at=EARLIER, lease_id="lease-41", personal=_SAID
    ),
    "StageCompleted.v1": e.StageCompleted(
        **_CHUNKER,
        completed_at=EARLIER,
        executor="chunker/1.2.0",
        inputs=_INPUTS,
        metadata={"chunks": 31, "tokens": 9_120},
        personal=_SAID,
    ),
    "StageFailed.v1": e.StageFailed(
        **_CHUNKER,
        completed_at=EARLIER,
        reason=FailureReason.TIMED_OUT,
        will_retry=True,
        executor="chunker/1.2.0",
        personal=_SAID,
    ),
    "StageSkipped.v1": e.StageSkipped(
        **{**_CHUNKER, "stage_name": "markdown-optimizer"}, personal=_SAID
    ),
    "StageRetried.v1": e.StageRetried(
        **_CHUNKER, retry_count=1, automatic=True, spends_retry=True, retry_at=LATER
    ),
    "StageReset.v1": e.StageReset(**_CHUNKER, because_of="markdown-conversion"),
    "OutputFileRegistered.v1": e.OutputFileRegistered(
        **_CHUNKER,
        file_type="chunks_json",
        suffix=".chunks.json",
        checksum="c3" * 32,
        canonical_checksum="d4" * 32,
        size_bytes=20_480,
        mime_type="application/json",
        file_version=3,
        current=True,
        metadata={"chunks": 31},
        personal=e.FilePersonal(file_name="Adas Teile.json", metadata={"by": "Ada"}),
    ),
    "OutputFileRemoved.v1": e.OutputFileRemoved(
        **_CONTEXT, stage_name="chunker", file_type="chunks_json"
    ),
    "WorkflowStateImported.v1": e.WorkflowStateImported(
        **_CONTEXT,
        status=WorkflowStatus.PAUSED,
        total_stages=5,
        completed_stages=2,
        current_stage="chunker",
        started_at=EARLIER,
        completed_at=LATER,
        created_at=EARLIER,
        updated_at=AT,
        personal=e.WorkflowPersonal(configuration={"askedBy": "Ada"}),
    ),
    "StageStateImported.v1": e.StageStateImported(
        **_CHUNKER,
        status=StageStatus.FAILED,
        retry_count=1,
        started_at=EARLIER,
        completed_at=AT,
        created_at=EARLIER,
        updated_at=AT,
        personal=_SAID,
    ),
    "OutputFileImported.v1": e.OutputFileImported(
        **_CHUNKER,
        file_type="chunks_json",
        checksum="c3" * 32,
        size_bytes=20_480,
        mime_type="application/json",
        created_at=EARLIER,
        personal=e.ImportedFilePersonal(
            file_path="uploads/documents/7/stages/chunker/Bericht.chunks.json",
            metadata={"by": "Ada"},
        ),
    ),
}
"""Each frozen state's event, as it reads today: upcast to its newest version."""
