"""What a stage command may require of the state, each refusal with its reason."""

from __future__ import annotations

from domain import commands as c
from domain.decisions.decision import Decision
from domain.document_workflow import StageState
from domain.errors import IllegalTransition, StaleAttempt
from domain.values import StageStatus, WorkflowStatus


def current_stage(decision: Decision, command: c.StageCommand) -> StageState:
    """Return the stage; raises StaleAttempt for a report of any but its current attempt."""
    stage = decision.state.stage(command.stage_name)
    if command.attempt is not None and command.attempt != stage.attempt:
        raise StaleAttempt(
            f"Attempt {command.attempt} of stage '{stage.name}' is not the current one, "
            f"which is {stage.attempt}; read the document again."
        )
    return stage


def require_status(stage: StageState, done: str, *allowed: StageStatus) -> None:
    """Refuse unless the stage has one of the `allowed` statuses."""
    if stage.status not in allowed:
        raise IllegalTransition(
            f"Stage '{stage.name}' is {stage.status}; "
            f"only one that is {' or '.join(allowed)} can be {done}."
        )


def require_open_workflow(decision: Decision, *, even_paused: bool = False) -> None:
    """Refuse while the workflow is cancelled, or paused unless that does not matter."""
    status = decision.state.workflow_status
    if status is WorkflowStatus.CANCELLED:
        raise IllegalTransition("The workflow is cancelled; start it again first.")
    if status is WorkflowStatus.PAUSED and not even_paused:
        raise IllegalTransition("The workflow is paused; resume it first.")


def require_startable(decision: Decision, name: str) -> None:
    """Refuse while anything upstream of the stage is not settled."""
    statuses = decision.state.statuses
    waits_for = [
        other
        for other in decision.state.pipeline.stage_names
        if other in decision.state.pipeline.upstream(name) and not statuses[other].settled
    ]
    if waits_for:
        raise IllegalTransition(
            f"Stage '{name}' waits for {', '.join(f'{w} ({statuses[w]})' for w in waits_for)}."
        )


def refuse_while_downstream_runs(decision: Decision, name: str) -> None:
    """Refuse while a stage runs that uses the output of this one."""
    statuses = decision.state.statuses
    for other in decision.state.pipeline.downstream(name):
        if statuses[other] is StageStatus.IN_PROGRESS:
            raise IllegalTransition(
                f"Stage '{other}', which uses the output of '{name}', is in progress; "
                "wait for its end."
            )
