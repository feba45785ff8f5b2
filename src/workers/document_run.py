"""One job: takes one document through as many stages as it can go now."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from uuid_utils import uuid4

from domain import commands as c
from domain.document_workflow import DocumentWorkflow
from domain.errors import DocumentExists, DocumentNotFound, Refused, Unavailable
from domain.values import FailureReason, StageStatus
from eventstore.append_round import Committed
from workers.errors import JobPutOff
from workers.extracted import registrations
from workers.hints import Hint
from workers.jobs.queue import Job
from workers.lease_keeper import Abandonment, Attempt, LeaseKeeper
from workers.own_stages import OwnStages
from workers.ports import Commands
from workers.room import Room
from workers.stage_run import Failed, Produced, StageRunner

_log = logging.getLogger(__name__)

_RESEND_SECONDS = 0.5


@dataclass(frozen=True)
class RunParts:
    """What every job of a worker shares.

    `stopping` is set when no further stage shall start, `giving_up` when those that run are ended.
    `stages` are those that this worker can run.
    """

    commands: Commands
    keeper: LeaseKeeper
    runner: StageRunner
    room: Room
    stages: OwnStages
    actor: str
    clock: Callable[[], datetime]
    stopping: threading.Event
    giving_up: threading.Event


Sending: TypeAlias = Generator[Future[Committed], Committed, DocumentWorkflow | None]
"""Steps that end with the document as it is then; None if there is nothing more to do here."""


class DocumentRun:
    """Runs stages of the job's document until none may start or somebody else has it.

    The lease comes with the job and is kept over all stages, each of which but the first starts
    in the append that completes the one before. Between two stages the run waits for the log as a
    generator, which needs no thread.
    """

    def __init__(self, parts: RunParts, job: Job) -> None:
        self._parts = parts
        self._job = job
        self._lease_id = job.lease_id
        self._has_slot = False
        self._has_run = False

    def steps(self) -> Generator[Future[Committed], Committed, Sequence[Hint]]:
        """Take the document as far as it goes; return jobs for workers with other executors.

        Raises JobPutOff if it should be tried again.
        """
        try:
            unknown = DocumentWorkflow.unborn(self._job.document_id)
            state = yield from self._start_next(unknown)
            while state is not None and (attempt := self._own_attempt(state)) is not None:
                state = yield from self._run(state, attempt)
                if state is None or self._own_attempt(state) is not None:
                    continue
                if any(stage.name in self._parts.stages for stage in state.runnable_stages()):
                    state = yield from self._start_next(state)
            self._release(state)
            return self._for_others(state)
        finally:
            self._release(None)
            self._give_slot()

    def _load(self) -> DocumentWorkflow | None:
        try:
            return self._parts.commands.load(self._job.document_id).state
        except DocumentNotFound:
            return None

    def _own_attempt(self, state: DocumentWorkflow) -> Attempt | None:
        if self._lease_id is None:
            return None
        for stage in state.stages.values():
            if stage.status is StageStatus.IN_PROGRESS and stage.lease_id == self._lease_id:
                return Attempt(self._lease_id, state.id, stage.name, stage.attempt, state.version)
        return None

    def _for_others(self, state: DocumentWorkflow | None) -> tuple[Hint, ...]:
        """Return jobs for the stages that may run and whose executors this worker does not have."""
        if state is None:
            return ()
        job = self._job
        missing = [s for s in state.runnable_stages() if s.name not in self._parts.stages]
        for stage in missing:
            self._parts.stages.note_waiting(stage.name)
        return tuple(
            Hint(
                state.id,
                state.version,
                stage.retry_at,
                job.causation_id,
                job.correlation_id,
                stage.name,
            )
            for stage in missing
        )

    def _start_next(self, state: DocumentWorkflow) -> Sending:
        """Start what this worker can and should run now, without looking at the document before.

        Raises JobPutOff if this worker is stopping or has no slot for it, if all that could run is
        to wait longer, or if another worker has the document: that one may be dead.
        """
        if self._parts.stopping.is_set():
            raise self._put_off("the worker is stopping", 0, state)
        if self._lease_id is None or not self._parts.keeper.is_held(self._lease_id):
            self._lease_id = self._parts.keeper.take(self._job.document_id)
        self._has_slot = self._has_slot or self._parts.room.try_slot()
        command = c.StartNextStage(
            document_id=self._job.document_id,
            context=self._context(),
            lease_id=self._lease_id,
            among=self._among(),
        )
        try:
            state = (yield self._parts.commands.submit(command)).state
        except DocumentNotFound:
            return DocumentWorkflow.unborn(self._job.document_id)
        if self._own_attempt(state) is None:
            self._refuse_to_wait(state)
        return state

    def _among(self) -> frozenset[str]:
        """Return the stages that may be started now."""
        names = self._parts.stages.names
        return names if self._has_slot else names & self._parts.room.in_process

    def _refuse_to_wait(self, state: DocumentWorkflow) -> None:
        """Raise JobPutOff for a stage that may start and was not started."""
        now = self._parts.clock()
        runnable = [s for s in state.runnable_stages() if s.name in self._parts.stages]
        waits = [(s.retry_at - now).total_seconds() if s.retry_at else 0.0 for s in runnable]
        if not waits:
            if not self._has_run and any(s.lease_id is not None for s in state.stages.values()):
                raise self._put_off("a worker has it", self._parts.keeper.lease_seconds, state)
            return
        if min(waits) <= 0:
            self._parts.room.narrow()
            raise self._put_off("no slot is free", 0, state)
        if not self._has_run:
            # The database's clock, by which jobs are delayed, is ahead of this one.
            put_off = self._put_off("the retry is not due yet", min(waits), state)
            put_off.for_others = self._for_others(state)
            raise put_off

    def _run(self, state: DocumentWorkflow, attempt: Attempt) -> Sending:
        """Run the attempt and report it."""
        self._need_no_more_than(state, attempt.stage_name)
        self._has_run = True
        self._parts.keeper.watch(attempt)
        if self._parts.giving_up.is_set():
            attempt.abandon(Abandonment.STOPPING)
        try:
            outcome = self._parts.runner.run(state, attempt)
        finally:
            self._parts.keeper.unwatch(attempt)
        if attempt.abandoned is not None:
            return (yield from self._let_go(attempt))
        if isinstance(outcome, Failed) and outcome.executor_missing:
            self._parts.stages.forget(attempt.stage_name, outcome.message)
            return (yield from self._give_back(attempt))
        if isinstance(outcome, Produced) and outcome.extracted:
            outcome = yield from self._register_extracted(state, outcome)
        goes_on = self._may_go_on(state)
        return (yield from self._report(attempt, self._report_of(attempt, outcome, goes_on)))

    def _register_extracted(
        self, state: DocumentWorkflow, produced: Produced
    ) -> Generator[Future[Committed], Committed, Produced | Failed]:
        """Register what was taken out of the document; the attempt fails if one is refused.

        What an earlier attempt has registered is left as it is.
        """
        for command in registrations(produced.extracted, state, self._context):
            try:
                yield from self._send(command)
            except DocumentExists as refusal:
                if not self._is_registered(command):
                    return _not_registered(produced, refusal, retryable=False)
            except Refused as refusal:
                return _not_registered(produced, refusal, retryable=True)
        return produced

    def _is_registered(self, command: c.RegisterDocument) -> bool:
        """Tell whether the document that has the id already was taken out of the same one."""
        try:
            return self._parts.commands.load(command.document_id).state.source == command.source
        except DocumentNotFound:  # deleted a moment ago
            return True

    def _need_no_more_than(self, state: DocumentWorkflow, stage_name: str) -> None:
        """Give the slot back if neither this stage nor a later one runs in the sandbox."""
        room = self._parts.room
        in_process = self._parts.runner.runs_in_process(stage_name)
        room.learn(stage_name, in_process=in_process)
        if not in_process:
            return
        if not self._has_run:
            room.widen()
        if room.needs_none(_pending(state)):
            self._give_slot()

    def _may_go_on(self, state: DocumentWorkflow) -> bool:
        """Tell whether the next stage may start with the report: there is a slot if it needs one.

        Where it may not, the dispatcher makes a job of the completion.
        """
        if self._parts.stopping.is_set():
            return False
        if self._has_slot or self._parts.room.needs_none(_pending(state)):
            return True
        self._has_slot = self._parts.room.try_slot()
        return self._has_slot

    def _give_slot(self) -> None:
        if self._has_slot:
            self._has_slot = False
            self._parts.room.give_slot()

    def _let_go(self, attempt: Attempt) -> Sending:
        """Leave an attempt that was ended early.

        One that counts no longer, or whose lease is lost, is not reported. One that ends with its
        worker is given up in the log at once, so that another worker need not wait for the lease
        to expire.
        """
        if attempt.abandoned is Abandonment.FENCED:
            return self._load()
        if attempt.abandoned is Abandonment.LEASE_LOST:
            # Whoever fails the attempt has the document looked at again, and so does this job.
            self._release(None)
            raise JobPutOff("The lease is lost.", delay_seconds=self._parts.keeper.lease_seconds)
        return (yield from self._give_back(attempt))

    def _give_back(self, attempt: Attempt) -> Sending:
        """End the attempt without spending a retry, for another worker to take it up at once."""
        command = c.ExpireLease(
            document_id=attempt.document_id,
            context=self._context(),
            lease_id=attempt.lease_id,
            reason=FailureReason.WORKER_STOPPED,
        )
        return (yield from self._send(command))

    def _report_of(
        self, attempt: Attempt, outcome: Produced | Failed, goes_on: bool = False
    ) -> c.Command:
        if isinstance(outcome, Produced):
            return c.CompleteStage(
                document_id=attempt.document_id,
                context=self._context(),
                stage_name=attempt.stage_name,
                attempt=attempt.number,
                files=outcome.files,
                executor=outcome.executor,
                inputs=outcome.inputs,
                metadata=outcome.metadata,
                original=outcome.original,
                lease_id=attempt.lease_id,
                continue_with_lease=goes_on,
                continue_among=self._among(),
            )
        return c.FailStage(
            document_id=attempt.document_id,
            context=self._context(),
            stage_name=attempt.stage_name,
            attempt=attempt.number,
            reason=outcome.reason,
            error_message=outcome.message,
            executor=outcome.executor,
            lease_id=attempt.lease_id,
            retryable=outcome.retryable,
        )

    def _report(self, attempt: Attempt, command: c.Command) -> Sending:
        """Send the report; if it is refused, the document as it is now."""
        try:
            return (yield from self._send(command))
        except Refused as refusal:
            state = self._load()
            if state is None or not attempt.counts_in(state):
                # Somebody else's report or a cancellation came first, or ours landed before.
                return state
            return (yield from self._send(self._report_of(attempt, _unacceptable(refusal))))

    def _send(self, command: c.Command) -> Sending:
        """Send the command, again and again while the log is away and the lease is ours."""
        while True:
            try:
                return (yield self._parts.commands.submit(command)).state
            except DocumentNotFound:
                return None
            except Unavailable:
                held = self._lease_id is not None and self._parts.keeper.is_held(self._lease_id)
                if not held or self._parts.giving_up.wait(_RESEND_SECONDS):
                    raise
                _log.warning(
                    "a report waits for the log", extra={"document_id": self._job.document_id}
                )

    def _release(self, state: DocumentWorkflow | None) -> None:
        """Give the lease back, or leave it to expire when something may still run under it."""
        lease_id, self._lease_id = self._lease_id, None
        if lease_id is None:
            return
        if state is None or any(s.lease_id == lease_id for s in state.stages.values()):
            self._parts.keeper.forget(lease_id)
        else:
            self._parts.keeper.release(lease_id)

    def _put_off(self, why: str, delay_seconds: float, state: DocumentWorkflow) -> JobPutOff:
        self._release(state)
        return JobPutOff(f"The job is put off: {why}.", delay_seconds=delay_seconds)

    def _context(self) -> c.Context:
        return c.Context(
            at=self._parts.clock(),
            actor=self._parts.actor,
            command_id=str(uuid4()),
            correlation_id=self._job.correlation_id,
            causation_id=self._job.causation_id,
        )


def _pending(state: DocumentWorkflow) -> Iterator[str]:
    return (s.name for s in state.stages.values() if s.status is StageStatus.PENDING)


def _not_registered(produced: Produced, refusal: Refused, *, retryable: bool) -> Failed:
    return Failed(
        FailureReason.ERROR,
        f"A document within this one cannot be registered: {refusal}",
        retryable,
        produced.executor,
    )


def _unacceptable(refusal: Refused) -> Failed:
    return Failed(
        FailureReason.ERROR,
        f"What the executor made cannot be recorded: {refusal}",
        retryable=False,
    )
