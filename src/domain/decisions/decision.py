"""One decision in the making: events recorded so far and the state that they make."""

from __future__ import annotations

from domain.commands import Command
from domain.document_workflow import DocumentWorkflow, evolve
from domain.events import Event, StageEvent


class Decision:
    """Collects events, each evolving the state that the rest of the decision sees."""

    def __init__(self, state: DocumentWorkflow, command: Command) -> None:
        self.state = state
        self.command = command
        self.events: list[Event] = []

    def record(self, event_type: type[Event], **fields: object) -> None:
        """Record that this happened; the command's context is filled in."""
        context = self.command.context
        event = event_type(
            document_id=self.command.document_id,
            version=self.state.version + 1,
            at=context.at,
            actor=context.actor,
            command_id=context.command_id,
            correlation_id=context.correlation_id,
            causation_id=context.causation_id,
            **fields,
        )
        self.events.append(event)
        self.state = evolve(self.state, event)

    def record_stage(self, event_type: type[StageEvent], stage_name: str, **fields: object) -> None:
        """Record what happened to a stage, in its current attempt unless told otherwise."""
        fields.setdefault("attempt", self.state.stages[stage_name].attempt)
        self.record(event_type, stage_name=stage_name, **fields)
