"""Random commands: the domain and the reference model agree after every one of them.

More of them, and others: `pytest tests/unit/domain/test_random_commands.py
--hypothesis-profile=campaign --hypothesis-seed=7`; the profile is in `tests/conftest.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.json import decode, encode

from domain.commands import Command
from domain.decisions.decide import decide
from domain.document_workflow import DocumentWorkflow, evolve
from domain.errors import Refused
from domain.events import Event, WorkflowCompleted
from domain.values import Configuration, FailureReason, WorkflowType
from unit.domain import vocabulary as v
from unit.domain.given import BEGINNING, DOCUMENT_ID, context_at
from unit.domain.reference_model import PLANS, DocumentModel, No

RUNS = 2000
STEPS = 30

# Most commands are about a stage and an attempt that can take them; the others about any.
STAGES = st.integers(0, 15)
FITTING, EXISTING = range(12), range(15)
ATTEMPTS = st.sampled_from(["any"] * 6 + ["current"] * 6 + ["last", "next"])
LEASES = st.sampled_from([None, "own", "own", "lease-1", "lease-2"])
FILES = st.dictionaries(st.sampled_from("mno"), st.sampled_from("12"), max_size=2)
OFTEN = st.sampled_from([True, True, False])
ORDERS = st.sampled_from(["pause"] * 3 + ["resume"] * 5 + ["cancel"] * 2 + ["delete"])
RUN_FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "plan": st.sampled_from(PLANS),
        "automatic": st.booleans(),
        "retries": st.integers(0, 2),
        "skips": st.sampled_from(["none", "none", "one", "all", "wrong"]),
    }
)
STATUSES_THAT_FIT = {
    "complete": ("in_progress", "open"),
    "fail": ("in_progress", "open"),
    "start": ("open",),
    "request": ("open", "failed", "completed", "skipped"),
    "skip": ("open", "pending"),
    "reset": ("failed", "completed", "skipped"),
    "register_file": ("in_progress", "open", "completed"),
}


def document_exists(machine: Agreement) -> bool:
    """Tell whether there is a document; commands on stages of none are a case of their own."""
    return machine.model.exists


class Agreement(RuleBasedStateMachine):
    """One document and its model, told the same."""

    runs = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).runs += 1
        self.state = DocumentWorkflow.unborn(DOCUMENT_ID)
        self.model = DocumentModel()
        self.events: list[Event] = []
        self.highest: dict[str, int] = {}
        self.steps = 0

    @initialize(fields=RUN_FIELDS)
    def register_first(self, fields: dict[str, Any]) -> None:
        self.begin(v.register, DocumentModel.register, **fields)

    @rule(fields=RUN_FIELDS, again=OFTEN)
    def register_or_start_again(self, again: bool, fields: dict[str, Any]) -> None:
        if self.model.exists and again:
            self.begin(v.start_workflow, DocumentModel.start_again, **fields)
        else:
            self.begin(v.register, DocumentModel.register, **fields)

    def begin(
        self,
        command: Callable[..., Command],
        told: Callable[..., None],
        *,
        plan: Any,
        automatic: bool,
        retries: int,
        skips: str,
    ) -> None:
        names = {
            "none": frozenset[str](),
            "one": frozenset(sorted(plan.may_be_skipped)[:1]),
            "all": plan.may_be_skipped,
            "wrong": frozenset({"printer"}),
        }[skips]
        self.tell(
            command(
                pipeline=plan.rows,
                workflow_type=WorkflowType.AUTOMATIC if automatic else WorkflowType.MANUAL,
                configuration=Configuration(retries=retries, skip_stages=tuple(sorted(names))),
            ),
            lambda model: told(model, plan, automatic=automatic, retries=retries, skips=names),
        )

    @rule(order=ORDERS)
    def order(self, order: str) -> None:
        command = {"pause": v.pause, "resume": v.resume, "cancel": v.cancel, "delete": v.delete}
        self.tell(command[order](), lambda model: getattr(model, order)())

    @precondition(document_exists)
    @rule(stage=STAGES, attempt=ATTEMPTS, lease=LEASES)
    def start(self, stage: int, attempt: str, lease: str | None) -> None:
        name, number = self.pick("start", stage, attempt)
        held = self.held(name, lease)
        self.tell(
            v.start(name, attempt=number, lease_id=held),
            lambda model: model.start(name, number, held),
        )

    @precondition(document_exists)
    @rule(stage=STAGES, attempt=ATTEMPTS, lease=LEASES, files=FILES, go_on=OFTEN)
    def complete(
        self, stage: int, attempt: str, lease: str | None, files: dict[str, str], go_on: bool
    ) -> None:
        name, number = self.pick("complete", stage, attempt)
        held = self.held(name, lease)
        outputs = [v.output(file_type, content) for file_type, content in files.items()]
        self.tell(
            v.complete(name, *outputs, attempt=number, lease_id=held, continue_with_lease=go_on),
            lambda model: model.complete(name, number, held, files, go_on=go_on),
        )

    @precondition(document_exists)
    @rule(stage=STAGES, attempt=ATTEMPTS, lease=LEASES, retryable=OFTEN, spends=OFTEN)
    def fail(
        self, stage: int, attempt: str, lease: str | None, retryable: bool, spends: bool
    ) -> None:
        name, number = self.pick("fail", stage, attempt)
        held = self.held(name, lease)
        self.tell(
            v.fail(name, attempt=number, lease_id=held, retryable=retryable, spends_retry=spends),
            lambda model: model.fail(name, number, held, retryable=retryable, spends=spends),
        )

    @precondition(document_exists)
    @rule(count=st.integers(1, 5), files=FILES)
    def get_on(self, count: int, files: dict[str, str]) -> None:
        """Complete a few stages, so that there is something to run again and to reset."""
        outputs = [v.output(file_type, content) for file_type, content in files.items()]
        for _ in range(count):
            name = self.model.next_available()
            if name is not None:
                self.tell(
                    v.complete(name, *outputs),
                    partial(
                        DocumentModel.complete,
                        name=name,
                        attempt=None,
                        lease=None,
                        files=files,
                        go_on=False,
                    ),
                )

    @rule(lease=st.sampled_from(["lease-1", "lease-2"]), goodbye=st.booleans())
    def expire(self, lease: str, goodbye: bool) -> None:
        reason = FailureReason.WORKER_STOPPED if goodbye else FailureReason.LEASE_LOST
        self.tell(
            v.expire(lease, reason=reason),
            lambda model: model.expire(lease, worker_said_goodbye=goodbye),
        )

    @precondition(document_exists)
    @rule(stage=STAGES, attempt=ATTEMPTS, verb=st.sampled_from(["request", "skip", "reset"]))
    def ask(self, stage: int, attempt: str, verb: str) -> None:
        name, number = self.pick(verb, stage, attempt)
        command = {"request": v.request, "skip": v.skip, "reset": v.reset}[verb]
        self.tell(command(name, attempt=number), lambda model: getattr(model, verb)(name, number))

    @precondition(document_exists)
    @rule(stage=STAGES, attempt=ATTEMPTS, file_type=st.sampled_from("mn"), content=st.just("1"))
    def register_file(self, stage: int, attempt: str, file_type: str, content: str) -> None:
        name, number = self.pick("register_file", stage, attempt)
        self.tell(
            v.register_file(name, v.output(file_type, content), attempt=number),
            lambda model: model.register_file(name, number, file_type, content),
        )

    def pick(self, verb: str, which: int, attempt: str) -> tuple[str, int | None]:
        """Return a stage and an attempt of it, as far as there are any."""
        names = list(self.model.stages)
        fitting = [
            name
            for name, stage in self.model.stages.items()
            if stage.status in STATUSES_THAT_FIT[verb]
            or ("open" in STATUSES_THAT_FIT[verb] and self.model.may_start(name))
        ]
        choice = fitting if which in FITTING and fitting else names
        name = choice[which % len(choice)] if which in EXISTING else "printer"
        current = self.model.stages[name].attempt if name in self.model.stages else 1
        number = {"any": None, "current": current, "last": current - 1, "next": current + 1}
        return name, number[attempt]

    def held(self, name: str, lease: str | None) -> str | None:
        """Return the lease that the worker gives; `own` is the stage's."""
        stage = self.model.stages.get(name)
        return (stage.lease if stage else None) if lease == "own" else lease

    def tell(self, command: Command, told: Callable[[DocumentModel], None]) -> None:
        """Give the command to both and compare what comes of it."""
        self.steps += 1
        at = BEGINNING + timedelta(seconds=self.steps)
        command = command.model_copy(update={"context": context_at(at, f"command-{self.steps}")})
        after = self.model.copy()
        try:
            told(after)
        except No as no:
            self.check_refused(command, no.error)
            return
        events = decide(self.state, command)
        assert decide(self.state, command) == events, "decided differently the second time"
        self.check_ends(events, after)
        self.model = after
        for event in events:
            assert event.version == self.state.version + 1
            self.events.append(event)
            stored = decode(encode(event), type=type(event))
            assert stored == event
            self.state = evolve(self.state, stored)
        self.check_agreement()
        self.check_what_always_holds()

    def check_refused(self, command: Command, error: type[Refused]) -> None:
        before = repr(self.state)
        with pytest.raises(Refused) as caught:
            decide(self.state, command)
        assert type(caught.value) is error
        assert repr(self.state) == before, "a refused command changed the state"

    def check_ends(self, events: tuple[Event, ...], after: DocumentModel) -> None:
        """A workflow ends once: when it was not complete before, or began and was at once."""
        completions = sum(isinstance(event, WorkflowCompleted) for event in events)
        before = self.model
        was_complete = bool(before.run) and before.status == "completed"
        ended = bool(after.run) and after.status == "completed"
        assert completions == (ended and not (was_complete and before.run == after.run))

    def check_agreement(self) -> None:
        state, model = self.state, self.model
        assert (state.registered, state.run) == (model.exists, model.run)
        assert tuple(state.stages) == tuple(model.stages)
        assert dict(state.file_versions) == model.file_versions
        assert state.next_available_stage() == model.next_available()
        assert tuple(stage.name for stage in state.runnable_stages()) == model.runnable()
        if model.run:
            assert state.workflow_status == model.status
        for name, expected in model.stages.items():
            stage = state.stages[name]
            assert (
                stage.status,
                stage.attempt,
                stage.retry_count,
                stage.spent_retries,
                stage.requested,
                stage.retry_at is not None,
                stage.lease_id,
            ) == (
                expected.status,
                expected.attempt,
                expected.retry_count,
                expected.spent,
                expected.asked_for,
                expected.waits,
                expected.lease,
            ), name
            for files, contents in ((stage.staged, expected.staged), (stage.files, expected.files)):
                assert {t: f.canonical_checksum for t, f in files.items()} == {
                    t: v.output(t, content).checksum for t, content in contents.items()
                }, name

    def check_what_always_holds(self) -> None:
        state = self.state
        for name, stage in state.stages.items():
            assert stage.attempt >= self.highest.get(name, 1), f"attempts of {name} went back"
            self.highest[name] = stage.attempt
            if stage.status == "in_progress":
                upstream = state.pipeline.upstream(name)
                assert all(state.stages[other].status.settled for other in upstream), name
        settled = sum(stage.status.settled for stage in state.stages.values())
        if state.run and state.workflow_status == "completed":
            assert settled == len(state.stages)
        assert state.version == len(self.events)

    def teardown(self) -> None:
        """The events alone, from the first on, give the state that was made along the way."""
        state = DocumentWorkflow.unborn(DOCUMENT_ID)
        for event in self.events:
            state = evolve(state, event)
        assert state == self.state


@pytest.mark.timeout(7200)  # a failure is made small before it is shown, which takes minutes
def test_random_commands_agree_with_the_reference_model() -> None:
    """Run the same random commands each time: a failure here fails everywhere."""
    campaign = settings.get_current_profile_name() == "campaign"
    runs = settings().max_examples if campaign else RUNS
    run_state_machine_as_test(
        Agreement,
        settings=settings(
            max_examples=runs,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not campaign,
            phases=(Phase.generate, Phase.shrink),
        ),
    )
    assert Agreement.runs >= runs
