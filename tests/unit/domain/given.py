"""Given what happened, when a command comes, then this happens: tests that speak in events.

    given([registered(), begun()]).when(start("chunker")).refused(IllegalTransition, match="waits")

Facts and commands are written without their context; it is filled in here, and every event that
a decision gives is compared as a whole, context included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest
from msgspec import convert

from domain.commands import Command, Context
from domain.decisions.decide import decide
from domain.document_workflow import DocumentWorkflow, StageState, evolve
from domain.errors import Refused
from domain.events import Event

DOCUMENT_ID = "doc-1"
BEGINNING = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Fact:
    """An event without its context."""

    event_type: type[Event]
    fields: dict[str, Any]

    def as_event(self, version: int, context: Context) -> Event:
        """Return the event at this place of the stream."""
        fields = {
            "document_id": DOCUMENT_ID,
            "version": version,
            "at": context.at,
            "actor": context.actor,
            "command_id": context.command_id,
            "correlation_id": context.correlation_id,
            "causation_id": context.causation_id,
            **self.fields,
        }
        return convert(fields, self.event_type)


def fact(event_type: type[Event], **fields: Any) -> Fact:
    """Return the fact that this happened."""
    return Fact(event_type, fields)


def order(command_type: type[Command], **fields: Any) -> Command:
    """Return a command; `Given.when` puts its own context in."""
    return command_type(document_id=DOCUMENT_ID, context=context_at(BEGINNING), **fields)


def context_at(at: datetime, command_id: str = "command-0") -> Context:
    """Return the context of a command that comes at this time."""
    return Context(
        at=at,
        actor="tester",
        command_id=command_id,
        correlation_id="request-1",
        causation_id="cause-1",
    )


@dataclass(frozen=True)
class Given:
    """A document as its events made it."""

    state: DocumentWorkflow
    now: datetime

    def when(self, command: Command) -> When:
        """Return what is about to come of the command, a minute after what happened last."""
        now = self.now + timedelta(minutes=1)
        context = context_at(now, f"command-{self.state.version}")
        return When(self.state, command.model_copy(update={"context": context}), now)

    def stage(self, name: str) -> StageState:
        """Return the state of one stage."""
        return self.state.stages[name]

    def has(self, **expected: Any) -> Self:
        """Check attributes of the state."""
        assert {name: getattr(self.state, name) for name in expected} == expected
        return self

    def has_stage(self, name: str, **expected: Any) -> Self:
        """Check attributes of a stage."""
        stage = self.stage(name)
        assert {key: getattr(stage, key) for key in expected} == expected
        return self

    def next_is(self, name: str | None) -> Self:
        """Check which stage is the next available one."""
        assert self.state.next_available_stage() == name
        return self

    def runs(self, *names: str) -> Self:
        """Check which stages a worker should run."""
        assert tuple(stage.name for stage in self.state.runnable_stages()) == names
        return self


@dataclass(frozen=True)
class When:
    """A command at a document."""

    state: DocumentWorkflow
    command: Command
    now: datetime

    def then(self, facts: Sequence[Fact]) -> Given:
        """Check that exactly this happens, and return the document after it."""
        expected = tuple(
            each.as_event(self.state.version + number, self.command.context)
            for number, each in enumerate(facts, start=1)
        )
        assert decide(self.state, self.command) == expected
        return given(expected, before=self.state, now=self.now)

    def then_nothing(self) -> Given:
        """Check that the command is accepted and nothing happens."""
        return self.then([])

    def succeeds(self) -> Given:
        """Return the document after whatever happens."""
        return given(decide(self.state, self.command), before=self.state, now=self.now)

    def refused(self, error: type[Refused], *, match: str) -> Given:
        """Check that the command is refused with this reason, and return the document as it is."""
        with pytest.raises(error, match=match) as caught:
            decide(self.state, self.command)
        assert type(caught.value) is error
        return Given(self.state, self.now)


def given(
    happened: Iterable[Fact | Event],
    *,
    before: DocumentWorkflow | None = None,
    now: datetime = BEGINNING,
) -> Given:
    """Return the document to which this happened, in order."""
    state = before or DocumentWorkflow.unborn(DOCUMENT_ID)
    for each in happened:
        version = state.version + 1
        event = each if isinstance(each, Event) else each.as_event(version, context_at(now))
        assert event.version == version
        state = evolve(state, event)
    return Given(state, now)
