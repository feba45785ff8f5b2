"""Rows as another system showed them, brought by events of an import."""

from __future__ import annotations

from domain import events as e
from domain.file_names import output_path
from projections.draft import Draft
from projections.rows import FileRow, file_id


def workflow_imported(draft: Draft, event: e.WorkflowStateImported) -> None:
    """Show the run as it was shown elsewhere; it follows its stages again once one moves."""
    workflow = draft.own_workflow()
    configuration = event.personal.configuration if event.personal else None
    workflow.status = event.status.value
    workflow.total_stages = event.total_stages
    workflow.completed_stages = event.completed_stages
    workflow.current_stage = event.current_stage or workflow.current_stage
    workflow.started_at = event.started_at
    workflow.completed_at = event.completed_at
    workflow.created_at = event.created_at
    workflow.updated_at = event.updated_at
    if configuration is not None:
        workflow.configuration = configuration


def stage_imported(draft: Draft, event: e.StageStateImported) -> None:
    """Show the stage as it was shown elsewhere."""
    stage = draft.own_stage(event.stage_name)
    stage.attempt = event.attempt
    stage.retry_count = event.retry_count
    stage.started_at = event.started_at
    stage.completed_at = event.completed_at
    stage.error_message = event.personal.error_message if event.personal else None
    stage.metadata = event.personal.metadata if event.personal else None
    stage.created_at = event.created_at
    draft.set_status(stage, event.status.value, event.at)
    stage.updated_at = event.updated_at


def file_imported(draft: Draft, event: e.OutputFileImported) -> None:
    """Show the file as it was shown elsewhere; versions of our own begin after it."""
    key = (draft.stages[event.stage_name].stage_name, event.file_type)
    erased = output_path(event.document_id, event.stage_name, event.file_type)
    file = FileRow(
        id=file_id(event.document_id, event.stage_name, event.file_type),
        document_id=event.document_id,
        stage_name=event.stage_name,
        file_type=event.file_type,
        file_path=event.personal.file_path if event.personal else erased,
        file_size=event.size_bytes,
        mime_type=event.mime_type,
        checksum=event.checksum,
        metadata=event.personal.metadata if event.personal else None,
        created_at=event.created_at,
    )
    draft.put_file(key, file, file_version=0)
