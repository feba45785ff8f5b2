"""How a document stood in another system's tables, as far as it can be taken over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain.values import Configuration, StageStatus, Value, WorkflowStatus, WorkflowType


class ImportedRun(Value):
    """A row of `processing_workflows`; `shown_configuration` is the column as it was."""

    workflow_type: WorkflowType = WorkflowType.MANUAL
    status: WorkflowStatus = WorkflowStatus.RUNNING
    total_stages: int
    completed_stages: int
    current_stage: str | None = None
    configuration: Configuration = Configuration()
    shown_configuration: Any = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ImportedStage(Value):
    """A row of `document_processing_stages`."""

    stage_name: str
    status: StageStatus
    retry_count: int = 0
    error_message: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ImportedFile(Value):
    """A row of `stage_output_files`; its content stays where it is."""

    stage_name: str
    file_type: str
    file_path: str
    checksum: str | None = None
    size_bytes: int | None = None
    mime_type: str | None = None
    metadata: Any = None
    created_at: datetime | None = None
