"""One job: takes one document through as many stages as it can go now."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from domain import commands as c
from domain.document_workflow import DocumentWorkflow, StageState
from domain.errors import DocumentNotFound, Refused, Unavailable
from domain.values import FailureReason, StageStatus
from workers.errors import JobPutOff
from workers.lease_keeper import Abandonment, Attempt, LeaseKeeper
from workers.ports import Commands
from workers.queue import Job
from workers.stage_run import Failed, Produced, StageRunner

_log = logging.getLogger(__name__)

_MOST_REFUSALS = 20
_RESEND_SECONDS = 0.5


@dataclass(frozen=True)
class RunParts:
    """What every job of a worker shares.

    `stopping` is set when no further stage shall start, `giving_up` when those that run are ended.
    """

    commands: Commands
    keeper: LeaseKeeper
    runner: StageRunner
    actor: str
    clock: Callable[[], datetime]
    stopping: threading.Event
    giving_up: threading.Event


class DocumentRun:
    """Runs stages of the job's document until none may start or somebody else has it.

    The lease is taken before the first stage starts and kept over those that follow, each of
    which starts in the append that completes the one before.
    """

    def __init__(self, parts: RunParts, job: Job) -> None:
        self._parts = parts
        self._job = job
        self._lease_id: str | None = None
        self._refusals = 0

    def run(self) -> None:
        """Take the document as far as it goes; raises JobPutOff if it should be tried again."""
        try:
            state = self._load()
            while state is not None and (attempt := self._begin(state)) is not None:
                state = self._run(state, attempt)
            self._release(state)
        finally:
            self._release(None)

    def _load(self) -> DocumentWorkflow | None:
        try:
            return self._parts.commands.load(self._job.document_id).state
        except DocumentNotFound:
            return None

    def _begin(self, state: DocumentWorkflow) -> Attempt | None:
        """Return an attempt that has been started under our lease, starting one if one may."""
        while True:
            attempt = self._own_attempt(state)
            if attempt is not None:
                return attempt
            stage = self._next(state)
            if stage is None:
                return None
            reloaded = self._start(state, stage)
            if reloaded is None:
                return None
            state = reloaded

    def _own_attempt(self, state: DocumentWorkflow) -> Attempt | None:
        if self._lease_id is None:
            return None
        for stage in state.stages.values():
            if stage.status is StageStatus.IN_PROGRESS and stage.lease_id == self._lease_id:
                return Attempt(self._lease_id, state.id, stage.name, stage.attempt, state.version)
        return None

    def _next(self, state: DocumentWorkflow) -> StageState | None:
        """Return the first stage to run now.

        Raises JobPutOff if this worker is stopping, or if all that could run is to wait longer.
        """
        runnable = state.runnable_stages()
        if runnable and self._parts.stopping.is_set():
            raise self._put_off("the worker is stopping", 0, state)
        now = self._parts.clock()
        for stage in runnable:
            if stage.retry_at is None or stage.retry_at <= now:
                return stage
        waits = [(s.retry_at - now).total_seconds() for s in runnable if s.retry_at is not None]
        if waits and self._lease_id is None:
            # The database's clock, by which jobs are delayed, is ahead of this one.
            raise self._put_off("the retry is not due yet", min(waits), state)
        return None

    def _start(self, state: DocumentWorkflow, stage: StageState) -> DocumentWorkflow | None:
        """Start the stage; return the document as it is after that or after who was faster."""
        if self._lease_id is None or not self._parts.keeper.is_held(self._lease_id):
            self._lease_id = self._parts.keeper.take(state.id)
        command = c.StartStage(
            document_id=state.id,
            context=self._context(),
            stage_name=stage.name,
            attempt=stage.attempt,
            lease_id=self._lease_id,
        )
        try:
            return self._parts.commands.execute(command, state.version).state
        except Refused:
            self._refusals += 1
            if self._refusals > _MOST_REFUSALS:
                raise self._put_off("the document keeps changing", 1, state) from None
            return self._load()

    def _run(self, state: DocumentWorkflow, attempt: Attempt) -> DocumentWorkflow | None:
        """Run the attempt and report it; None if there is nothing more to do here."""
        self._parts.keeper.watch(attempt)
        if self._parts.giving_up.is_set():
            attempt.abandon(Abandonment.STOPPING)
        try:
            outcome = self._parts.runner.run(state, attempt)
        finally:
            self._parts.keeper.unwatch(attempt)
        if attempt.abandoned is not None:
            return self._let_go(attempt)
        return self._report(attempt, self._report_of(attempt, outcome))

    def _let_go(self, attempt: Attempt) -> DocumentWorkflow | None:
        """Leave an attempt that was ended early.

        One that counts no longer, or whose lease is lost, is not reported. One that ends with its
        worker is given up in the log at once, so that another worker need not wait for the lease
        to expire.
        """
        if attempt.abandoned is Abandonment.FENCED:
            return self._load()
        if attempt.abandoned is Abandonment.LEASE_LOST:
            return None
        command = c.ExpireLease(
            document_id=attempt.document_id,
            context=self._context(),
            lease_id=attempt.lease_id,
            reason=FailureReason.WORKER_STOPPED,
        )
        return self._send(command)

    def _report_of(self, attempt: Attempt, outcome: Produced | Failed) -> c.Command:
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
                continue_with_lease=not self._parts.stopping.is_set(),
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

    def _report(self, attempt: Attempt, command: c.Command) -> DocumentWorkflow | None:
        """Send the report; if it is refused, the document as it is now."""
        try:
            return self._send(command)
        except Refused as refusal:
            state = self._load()
            if state is None or not attempt.counts_in(state):
                # Somebody else's report or a cancellation came first, or ours landed before.
                return state
            return self._send(self._report_of(attempt, _unacceptable(refusal)))

    def _send(self, command: c.Command) -> DocumentWorkflow | None:
        """Send the command, again and again while the log is away and the lease is ours."""
        while True:
            try:
                return self._parts.commands.execute(command).state
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
        command_id = str(uuid4())
        return c.Context(
            at=self._parts.clock(),
            actor=self._parts.actor,
            command_id=command_id,
            correlation_id=self._job.correlation_id or command_id,
            causation_id=self._job.causation_id,
        )


def _unacceptable(refusal: Refused) -> Failed:
    return Failed(
        FailureReason.ERROR,
        f"What the executor made cannot be recorded: {refusal}",
        retryable=False,
    )
