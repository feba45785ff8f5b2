"""A worker: takes jobs in several slots at once and runs the stages of their documents."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from stages.executor import Executor
from workers.connections import Connection
from workers.document_run import DocumentRun, RunParts
from workers.jobs.queue import Job
from workers.jobs.taker import JobTaker, Steps
from workers.lease_keeper import Abandonment, LeaseKeeper
from workers.leases import Leases
from workers.own_stages import OwnStages
from workers.ports import Blobs, Commands, Sandbox
from workers.presence import Presence
from workers.room import Room
from workers.row_content import RowContents
from workers.scratch import Scratch
from workers.stage_run import FindImported, StageRunner

_log = logging.getLogger(__name__)


class Worker:
    """Runs at most `slots` stages in the sandbox at once.

    Documents whose stages run in the worker itself may be as many as `documents` at a time.

    `imported` finds contents of files that an import listed. `stages` are those whose executors
    `executor_of` gives: jobs of others are left to other workers. `name` tells this worker from
    every other and is recorded with what it does. `work_folder` is where executors write; each
    worker has a folder of its own in it. `grace_seconds` is how long running stages may go on after
    `stop`.
    """

    def __init__(
        self,
        dsn: str,
        *,
        commands: Commands,
        blobs: Blobs,
        imported: FindImported,
        sandbox: Sandbox,
        executor_of: Callable[[str], Executor],
        stages: Iterable[str],
        work_folder: Path,
        name: str,
        slots: int = 2,
        documents: int = 64,
        lease_seconds: float = 30.0,
        grace_seconds: float = 20.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._leases = Leases(dsn, name, lease_seconds)
        self._keeper = LeaseKeeper(self._leases, commands)
        self._scratch = Scratch(work_folder)
        room = Room(slots, documents)
        own = OwnStages(stages)
        self._presence = Presence(dsn, name, slots=slots, stages=lambda: own.names)
        self._parts = RunParts(
            commands=commands,
            keeper=self._keeper,
            runner=StageRunner(
                executor_of,
                blobs,
                sandbox,
                self._scratch,
                RowContents(dsn, blobs).stored,
                imported,
            ),
            room=room,
            stages=own,
            actor=f"worker:{name}",
            clock=clock,
            stopping=threading.Event(),
            giving_up=threading.Event(),
        )
        self._taker = JobTaker(
            dsn,
            self._take,
            slots=room.most,
            room=lambda: room.documents,
            prepare=self._lease,
            taken=self._hold,
            stale_seconds=lease_seconds,
            stages=lambda: own.names,
            name=f"docledger worker {name}",
        )
        self._timer = threading.Timer(grace_seconds, self.give_up)
        self._timer.daemon = True
        self._stop_lock = threading.Lock()

    def run(self) -> None:
        """Work until `stop`, and return when nothing runs any more."""
        self._leases.open()
        self._keeper.start()
        self._presence.start()
        try:
            self._taker.run()
        finally:
            self._timer.cancel()
            self._presence.close()
            self._keeper.close()
            self._leases.close()
            self._scratch.close()

    def stop(self) -> None:
        """Take nothing new, finish what runs; after the grace period, give it up.

        What is given up is tried again at once by another worker and spends no retry. Callable
        from any thread and more than once.
        """
        with self._stop_lock:
            if self._parts.stopping.is_set():
                return
            self._parts.stopping.set()
        self._timer.start()
        self._taker.stop()

    def give_up(self) -> None:
        """End the stages that still run. Callable from any thread."""
        _log.warning("stages that still run are given up")
        self._parts.giving_up.set()
        self._keeper.abandon_all(Abandonment.STOPPING)

    @property
    def taker(self) -> JobTaker:
        """Takes this worker's jobs, also in the transaction of whoever puts them in."""
        return self._taker

    def _lease(self, connection: Connection, jobs: Sequence[Job]) -> list[Job]:
        """Take a lease for each job in the transaction that takes the jobs."""
        lease_ids = self._leases.take_within(connection, [job.document_id for job in jobs])
        return [replace(job, lease_id=i) for job, i in zip(jobs, lease_ids, strict=True)]

    def _hold(self, jobs: Sequence[Job], since: float) -> None:
        """Have the leases renewed; before they were committed, they would be taken for lost."""
        for job in jobs:
            if job.lease_id is not None:
                self._keeper.hold(job.lease_id, since)

    def _take(self, job: Job) -> Steps:
        return DocumentRun(self._parts, job).steps()
