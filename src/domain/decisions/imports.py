"""What an import records of a document's state in another system, after its registration."""

from __future__ import annotations

from domain import events as e
from domain.commands import ImportDocument
from domain.decisions.decision import Decision
from domain.imported_state import ImportedFile, ImportedRun, ImportedStage


def import_stages(decision: Decision, command: ImportDocument) -> None:
    """Record how the stages of the run stood, and their files."""
    known = decision.state.stages.keys()
    for stage in command.stages:
        if stage.stage_name in known:
            _stage(decision, stage)
    for file in command.files:
        if file.stage_name in known:
            _file(decision, file)


def _stage(decision: Decision, stage: ImportedStage) -> None:
    personal = None
    if stage.error_message is not None:
        personal = e.ReportedPersonal(error_message=stage.error_message)
    decision.record_stage(
        e.StageStateImported,
        stage.stage_name,
        attempt=decision.state.stages[stage.stage_name].attempt + stage.retry_count,
        status=stage.status,
        retry_count=stage.retry_count,
        started_at=stage.started_at,
        completed_at=stage.completed_at,
        created_at=stage.created_at,
        updated_at=stage.updated_at,
        personal=personal,
    )


def _file(decision: Decision, file: ImportedFile) -> None:
    decision.record_stage(
        e.OutputFileImported,
        file.stage_name,
        file_type=file.file_type,
        checksum=file.checksum,
        size_bytes=file.size_bytes,
        mime_type=file.mime_type,
        created_at=file.created_at,
        personal=e.ImportedFilePersonal(file_path=file.file_path, metadata=file.metadata),
    )


def import_run(decision: Decision, run: ImportedRun) -> None:
    """Record how the run itself stood."""
    personal = None
    if run.shown_configuration is not None:
        personal = e.WorkflowPersonal(configuration=run.shown_configuration)
    decision.record(
        e.WorkflowStateImported,
        status=run.status,
        total_stages=run.total_stages,
        completed_stages=run.completed_stages,
        current_stage=run.current_stage,
        started_at=run.started_at,
        completed_at=run.completed_at,
        created_at=run.created_at,
        updated_at=run.updated_at,
        personal=personal,
    )
