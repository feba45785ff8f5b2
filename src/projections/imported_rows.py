"""Rows as another system showed them, brought by events of an import."""

from __future__ import annotations

from domain import events as e
from domain.file_names import output_path
from projections.draft import Draft
from projections.errors import CannotApply
from projections.rows import FileRow, file_id, replaced


def workflow_imported(draft: Draft, event: e.WorkflowStateImported) -> None:
    """Show the run as it was shown elsewhere; it follows its stages again once one moves."""
    workflow = draft.workflow
    if workflow is None:
        raise CannotApply("The event is about a workflow, and the document has none.")
    configuration = event.personal.configuration if event.personal else None
    draft.workflow = replaced(
        workflow,
        status=event.status.value,
        total_stages=event.total_stages,
        completed_stages=event.completed_stages,
        current_stage=event.current_stage or workflow.current_stage,
        started_at=event.started_at,
        completed_at=event.completed_at,
        created_at=event.created_at,
        updated_at=event.updated_at,
        configuration=workflow.configuration if configuration is None else configuration,
    )


def stage_imported(draft: Draft, event: e.StageStateImported) -> None:
    """Show the stage as it was shown elsewhere."""
    stage = replaced(
        draft.stages[event.stage_name],
        status=event.status.value,
        attempt=event.attempt,
        retry_count=event.retry_count,
        started_at=event.started_at,
        completed_at=event.completed_at,
        error_message=event.personal.error_message if event.personal else None,
        metadata=event.personal.metadata if event.personal else None,
        created_at=event.created_at,
        updated_at=event.updated_at,
    )
    draft.put(stage, event.at)


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
    versions = {**draft.stream.file_versions, key: 0}
    draft.stream = replaced(draft.stream, file_versions=versions)
    draft.files = {**draft.files, key: file}
