"""What each command makes of a document's state: events, or a refusal with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from domain import commands as c
from domain import events as e
from domain.decisions import files, stages
from domain.decisions.decision import Decision
from domain.decisions.imports import import_run, import_stages
from domain.document_workflow import DocumentWorkflow
from domain.errors import DocumentExists, DocumentNotFound, IllegalTransition, InvalidValue
from domain.imported_state import ImportedRun
from domain.json_types import JsonObject
from domain.pipeline import Pipeline
from domain.values import Configuration, FailureReason, StageStatus, WorkflowStatus


def decide(state: DocumentWorkflow, command: c.Command) -> tuple[e.Event, ...]:
    """Return the events that `command` leads to, in order; none if it is done already.

    Raises a Refused when the state does not allow it.
    """
    return tuple(decided(state, command).events)


def decided(state: DocumentWorkflow, command: c.Command) -> Decision:
    """Return the events that `command` leads to and the state after them.

    Raises a Refused when the state does not allow it.
    """
    if not isinstance(command, c.RegisterDocument) and not state.registered:
        raise DocumentNotFound(f"There is no document '{command.document_id}'.")
    if isinstance(command, c.StageCommand) and command.life not in (None, state.life):
        raise DocumentNotFound(
            f"Document '{command.document_id}' was deleted, and another has its id now."
        )
    decision = Decision(state, command)
    _DECIDERS[type(command)](decision, command)
    return decision


def _register(decision: Decision, command: c.RegisterDocument) -> None:
    if _was_extracted_before(decision.state, command):
        return
    if decision.state.registered:
        raise DocumentExists(
            f"There is a document '{command.document_id}' already; "
            "choose another id or delete that document first."
        )
    original = command.original
    decision.record(
        e.DocumentRegistered,
        realm_id=command.realm_id,
        checksum=original.checksum,
        size_bytes=original.size_bytes,
        mime_type=original.mime_type,
        personal=e.RegisteredPersonal(title=command.title, file_name=original.file_name),
    )
    if command.source is not None:
        decision.record(
            e.DocumentExtracted,
            source_document_id=command.source.document_id,
            depth=command.source.depth,
        )
    _begin_run(decision, command)


def _was_extracted_before(state: DocumentWorkflow, command: c.RegisterDocument) -> bool:
    """Tell whether an attachment has been registered, even if it was deleted since."""
    return command.source is not None and state.source == command.source


def _import(decision: Decision, command: c.ImportDocument) -> None:
    runs: tuple[ImportedRun | None, ...] = command.runs or (None,)
    for number, run in enumerate(runs, start=1):
        begun = command if run is None else command.model_copy(update=_how(run))
        if number == 1:
            _register(decision, begun)
        else:
            _begin_run(decision, begun)
        if number == len(runs):
            import_stages(decision, command)
        if run is not None:
            import_run(decision, run)


def _how(run: ImportedRun) -> JsonObject:
    return {"workflow_type": run.workflow_type, "configuration": run.configuration}


def _delete(decision: Decision, _: c.DeleteDocument) -> None:
    decision.record(e.DocumentDeleted)


def _start_workflow(decision: Decision, command: c.StartWorkflow) -> None:
    state = decision.state
    active = state.workflow_status in (WorkflowStatus.RUNNING, WorkflowStatus.PAUSED)
    in_progress = any(s.status is StageStatus.IN_PROGRESS for s in state.stages.values())
    if state.run and (active or in_progress):
        raise IllegalTransition(
            f"The workflow is {state.workflow_status}; cancel it before starting it again."
        )
    _begin_run(decision, command)


def _begin_run(decision: Decision, command: c.RegisterDocument | c.StartWorkflow) -> None:
    pipeline = Pipeline.of(command.pipeline)
    check_configuration(command.configuration, pipeline)
    for stage in decision.state.stages.values():
        if stage.name not in pipeline.stage_names:
            files.remove_files(decision, stage)
    attempts = decision.state.last_attempts
    decision.record(
        e.WorkflowStarted,
        run=decision.state.run + 1,
        workflow_type=command.workflow_type,
        configuration=command.configuration.model_dump(
            mode="json", by_alias=True, exclude_unset=True
        ),
        pipeline=tuple(tuple(row) for row in command.pipeline),
        attempts={name: attempts[name] + 1 for name in pipeline.stage_names if name in attempts},
    )
    for name in pipeline.stage_names:
        if name in command.configuration.skip_stages:
            stages.leave_out(decision, decision.state.stages[name])
    stages.complete_workflow_if_settled(decision)


def check_configuration(configuration: Configuration, pipeline: Pipeline) -> None:
    """Raise InvalidValue for a stage that the pipeline does not have or may not skip."""
    for index, name in enumerate(configuration.skip_stages):
        field = f"configuration.skipStages.{index}"
        if name not in pipeline.stage_names:
            raise InvalidValue(f"{field}: there is no stage '{name}'.", field=field)
        if not pipeline.may_skip(name):
            raise InvalidValue(f"{field}: stage '{name}' is not optional.", field=field)
    for name in configuration.stages:
        if name not in pipeline.stage_names:
            field = f"configuration.stages.{name}"
            raise InvalidValue(f"{field}: there is no stage '{name}'.", field=field)


def _pause(decision: Decision, _: c.PauseWorkflow) -> None:
    _require_workflow(decision.state, "paused", WorkflowStatus.RUNNING)
    decision.record(e.WorkflowPaused)


def _resume(decision: Decision, _: c.ResumeWorkflow) -> None:
    _require_workflow(decision.state, "resumed", WorkflowStatus.PAUSED)
    decision.record(e.WorkflowResumed)
    stages.complete_workflow_if_settled(decision)


def _cancel(decision: Decision, _: c.CancelWorkflow) -> None:
    _require_workflow(
        decision.state,
        "cancelled",
        WorkflowStatus.RUNNING,
        WorkflowStatus.PAUSED,
        WorkflowStatus.FAILED,
    )
    for stage in decision.state.stages.values():
        if stage.status is StageStatus.IN_PROGRESS:
            decision.record_stage(
                e.StageFailed,
                stage.name,
                reason=FailureReason.CANCELLED,
                personal=e.ReportedPersonal(error_message="cancelled"),
            )
    decision.record(e.WorkflowCancelled)


def _require_workflow(state: DocumentWorkflow, done: str, *allowed: WorkflowStatus) -> None:
    if not state.run:
        raise IllegalTransition("The document has no workflow yet; start one first.")
    if state.workflow_status not in allowed:
        raise IllegalTransition(
            f"The workflow is {state.workflow_status}; "
            f"only one that is {' or '.join(allowed)} can be {done}."
        )


_DECIDERS: Mapping[type[c.Command], Callable[[Decision, Any], None]] = {
    c.RegisterDocument: _register,
    c.ImportDocument: _import,
    c.DeleteDocument: _delete,
    c.StartWorkflow: _start_workflow,
    c.PauseWorkflow: _pause,
    c.ResumeWorkflow: _resume,
    c.CancelWorkflow: _cancel,
    c.RequestStage: stages.request,
    c.RerunStage: stages.rerun,
    c.StartStage: stages.start,
    c.StartNextStage: stages.start_next,
    c.CompleteStage: stages.complete,
    c.FailStage: stages.fail,
    c.ExpireLease: stages.expire_lease,
    c.SkipStage: stages.skip,
    c.ResetStage: stages.reset,
    c.RegisterOutputFile: files.register_file,
}
