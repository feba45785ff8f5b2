"""Takes jobs out of the queue, as many at once as there are slots, and has them done."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from pgqueuer import QueueManager
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain import models, types
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.ports.repository import EntrypointExecutionParameter

from domain.errors import Unavailable
from workers.connections import keep_going
from workers.errors import JobPutOff
from workers.queue import Job
from workers.queue_driver import QueueDriver, changed
from workers.queue_schema import CHANNEL, ENTRYPOINT, ENVIRONMENT, QUEUE, SCHEDULES

_log = logging.getLogger(__name__)

_AWAY_SECONDS = 1.0
_LONGEST_DELAY_SECONDS = 60.0


class SlotQueries(Queries):
    """The library's queries, taking no more jobs than there are free slots."""

    def __init__(self, driver: QueueDriver, slots: int) -> None:
        super().__init__(driver, ENVIRONMENT, QUEUE, SCHEDULES)
        self._slots = slots
        self._taken: set[types.JobId] = set()

    @property
    def free_slots(self) -> int:
        """How many jobs may be taken now."""
        return self._slots - len(self._taken)

    def done(self, job_id: types.JobId) -> None:
        """Free the job's slot."""
        self._taken.discard(job_id)

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[types.QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: types.QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[models.Job]:
        """Take jobs for the free slots; those of dead workers count as waiting."""
        if self.free_slots < 1:
            return []
        jobs = await super().dequeue(
            min(batch_size, self.free_slots),
            entrypoints,
            queue_manager_id,
            global_concurrency_limit,
            heartbeat_timeout,
        )
        self._taken.update(job.id for job in jobs)
        return jobs

    async def eligible_queued_work(self, entrypoints: list[types.QueueEntrypoint]) -> int:
        """Count none while no slot is free, or the library would ask ten times a second."""
        return await super().eligible_queued_work(entrypoints) if self.free_slots > 0 else 0

    async def queued_work(self, entrypoints: list[types.QueueEntrypoint]) -> int:
        """Count none while no slot is free."""
        return await super().queued_work(entrypoints) if self.free_slots > 0 else 0

    async def retry_job(
        self,
        job: models.Job,
        delay: timedelta,
        traceback_record: models.TracebackRecord | None,  # noqa: ARG002 - may hold content
    ) -> None:
        """Put the job back and say so, which the library's trigger does not."""
        await super().retry_job(job, delay, None)
        await self.driver.notify(CHANNEL, changed(CHANNEL))


class JobTaker:
    """Hosts the queue library's loop in the thread that calls `run`.

    `take` is called in a thread of its own for each job, at most `slots` at once. It raises
    JobPutOff to be called again later; whatever else it raises puts the job off as well, for a
    job that is dropped would be a document forgotten.
    """

    def __init__(
        self,
        dsn: str,
        take: Callable[[Job], None],
        *,
        slots: int,
        poll_seconds: float = 5.0,
        stale_seconds: float = 30.0,
        name: str = "docledger worker",
    ) -> None:
        self._dsn = dsn
        self._take = take
        self._slots = slots
        self._poll = timedelta(seconds=poll_seconds)
        self._stale = timedelta(seconds=stale_seconds)
        self._name = name
        self._stopping = threading.Event()
        self._end_session: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def run(self) -> None:
        """Take jobs until `stop`, and return when those at hand have ended."""
        keep_going("taking jobs", lambda: asyncio.run(self._session()), self._stopping)

    def stop(self) -> None:
        """Take no more jobs. Callable from any thread."""
        with self._lock:
            self._stopping.set()
            if self._end_session is not None:
                self._end_session()

    async def _session(self) -> None:
        driver = QueueDriver(self._dsn, self._name)
        queries = SlotQueries(driver, self._slots)
        manager = QueueManager(queries, CHANNEL)
        with ThreadPoolExecutor(self._slots, thread_name_prefix="slot") as threads:
            self._register(manager, driver, queries, threads)
            self._announce(manager, driver)
            try:
                await manager.run(
                    dequeue_timeout=self._poll,
                    batch_size=self._slots,
                    heartbeat_timeout=self._stale,
                    log_aggregation_interval=timedelta(0),
                )
            finally:
                self._announce(None, driver)
                await driver.close()

    def _announce(self, manager: QueueManager | None, driver: QueueDriver) -> None:
        """Let `stop` end this session, which it does at once if it was called already."""
        loop = asyncio.get_running_loop()

        def end() -> None:
            if manager is not None:
                loop.call_soon_threadsafe(manager.shutdown.set)
                loop.call_soon_threadsafe(driver.hurry)

        with self._lock:
            self._end_session = end
            if self._stopping.is_set():
                end()

    def _register(
        self,
        manager: QueueManager,
        driver: QueueDriver,
        queries: SlotQueries,
        threads: ThreadPoolExecutor,
    ) -> None:
        async def execute(job: models.Job) -> None:
            try:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(threads, self._take, Job.decoded(job.payload or b""))
            except JobPutOff as put_off:
                raise RetryRequested(timedelta(seconds=put_off.delay_seconds)) from None
            except Unavailable as error:
                _log.warning("a job is put off: %s", error)
                raise RetryRequested(timedelta(seconds=_AWAY_SECONDS)) from None
            except Exception as error:
                _log.exception("a job failed and will be taken up again")
                delay = min(_LONGEST_DELAY_SECONDS, 2.0 ** min(job.attempts, 10))
                raise RetryRequested(timedelta(seconds=delay)) from error
            finally:
                queries.done(job.id)
                driver.wake()

        manager.entrypoint(ENTRYPOINT)(execute)
