"""Which stages a worker can run: those whose executor it has."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

_log = logging.getLogger(__name__)


class OwnStages:
    """The stages whose executors this process has loaded, but for those that turned out missing.

    A package that is removed or broken under a running worker costs no document its stage: the
    worker takes no more of that stage's jobs until it is started again. Thread-safe.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._noted: set[str] = set()
        self._lock = threading.Lock()

    @property
    def names(self) -> frozenset[str]:
        """The stages that this worker runs."""
        return self._names

    def __contains__(self, stage_name: str) -> bool:
        return stage_name in self._names

    def forget(self, stage_name: str, reason: str) -> None:
        """Run this stage no more, for its executor cannot be had."""
        with self._lock:
            if stage_name not in self._names:
                return
            self._names -= {stage_name}
        _log.error("a stage's executor is lost", extra={"stage_name": stage_name, "why": reason})

    def note_waiting(self, stage_name: str) -> None:
        """Log once that documents wait for a worker that has this stage's executor."""
        with self._lock:
            if stage_name in self._noted:
                return
            self._noted.add(stage_name)
        _log.warning(
            "a stage has no executor here; its documents wait for a worker that has it",
            extra={"stage_name": stage_name},
        )
