"""Who runs the stages that a command asks for: workers that live, else some of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from docledger import overview
from docledger.bootstrap import Docledger
from docledger.supervisor import Role, RoleGaveUp, Supervisor
from postgres.tracking import READ_MODELS, read_position

_LOOK_AT_WORKERS_SECONDS = 5.0
_LOOK_AT_JOBS_SECONDS = 0.2


class LivingWorkers:
    """Sees to it that workers live that can run the stages, as long as the block lasts.

    Those of a service that runs do it. Where a stage has none, or its last has died, a projector
    and a worker are started that end with the block.
    """

    def __init__(self, docledger: Docledger, stage_names: Iterable[str]) -> None:
        self._docledger = docledger
        self._stage_names = frozenset(stage_names)
        self._own: Supervisor | None = None
        self._look_at = 0.0

    def __enter__(self) -> Self:
        self.check()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._own is not None:
            self._own.stop()

    def check(self) -> None:
        """Start workers where none lives; raises RoleGaveUp if these cannot run."""
        if self._own is not None:
            if (role := self._own.gave_up()) is not None:
                raise RoleGaveUp(role)
        elif time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_AT_WORKERS_SECONDS
            if not self._stage_names <= self._runnable():
                self._own = self._started()

    def wait_for_read_models(self) -> None:
        """Wait until the read models show what the log says now."""
        last = self._docledger.history.last_position()
        with self._docledger.connect("command") as connection:
            connection.autocommit = True
            while read_position(connection, READ_MODELS) < last:
                self.check()
                time.sleep(_LOOK_AT_JOBS_SECONDS)

    def wait_until_idle(self) -> None:
        """Wait for what an earlier run left to be done, which only workers of its own do."""
        while self._own is not None and self.has_due_jobs():
            self.check()
            time.sleep(_LOOK_AT_JOBS_SECONDS)

    def has_due_jobs(self) -> bool:
        """Tell whether there is work that was asked for and is not done."""
        with self._docledger.connect("command") as connection:
            return overview.has_due_jobs(connection)

    def _runnable(self) -> set[str]:
        """Return the stages that a worker lives for."""
        with self._docledger.connect("command") as connection:
            connected = overview.connected_workers(connection)
            living = overview.living_workers(connection)
        return {stage for w in living if w.name in connected for stage in w.stages}

    def _started(self) -> Supervisor:
        self._docledger.adoption.adopt_if_fits()
        supervisor = Supervisor(
            [Role("project", ["project"]), Role("work", ["work"])],
            shutdown_seconds=self._docledger.settings.shutdown_seconds,
        )
        supervisor.start()
        return supervisor
