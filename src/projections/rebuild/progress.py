"""How far a rebuild is: passed to its caller, and written to a row in `read_model_rebuilds`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from psycopg import Connection

from projections.rebuild.statements import (
    DELETE_OLD_ROWS,
    END_FAILED,
    END_KILLED,
    REGISTER_REBUILD,
    REPORT_REBUILD,
)

_KEPT = 20
_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild is.

    `seconds` and `folding_seconds` are how long it has run, and folded. `position` is that up to
    which the new tables show everything. `waiting_for` names whose transaction is in the way.
    """

    id: str
    phase: str = "preparing"
    seconds: float = 0.0
    folding_seconds: float = 0.0
    events_done: int = 0
    events_total: int = 0
    documents: int = 0
    position: int = 0
    waiting_for: str | None = None
    error: str | None = None

    @property
    def events_per_second(self) -> float:
        """How fast events are folded."""
        return self.events_done / self.folding_seconds if self.folding_seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the rest of the folding will take at this rate, None without a rate."""
        if not self.events_per_second:
            return None
        return max(0, self.events_total - self.events_done) / self.events_per_second


def register_rebuild(connection: Connection, rebuild_id: str, tables: Sequence[str]) -> None:
    """Write the row of a rebuild that begins, unless it was registered before.

    `connection` holds the rebuild's lock, so that any other row without an end is a dead one's.
    """
    with connection.transaction():
        connection.execute(END_KILLED, (rebuild_id,))
        connection.execute(REGISTER_REBUILD, (rebuild_id, list(tables)))
        connection.execute(DELETE_OLD_ROWS, (_KEPT,))


def note_failure(connection: Connection, rebuild_id: str, reason: str) -> None:
    """Write down why a rebuild failed, unless its own process has written how it ended."""
    connection.execute(END_FAILED, (reason, rebuild_id))


class Reporter:
    """Keeps the progress, writes it about twice a second and passes it on."""

    def __init__(
        self,
        connection: Connection,
        rebuild_id: str,
        tables: Sequence[str],
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._connection = connection
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._written = 0.0
        self._folding_since: float | None = None
        self.progress = Progress(rebuild_id)
        register_rebuild(connection, rebuild_id, tables)

    def phase(self, phase: str, **changes: Any) -> None:
        """Report that a phase begins."""
        if phase == "folding":
            self._folding_since = time.monotonic()
        elif self._folding_since is not None:
            self._keep_time()
            self._folding_since = None
        self.tell(phase=phase, waiting_for=None, **changes)
        self._write()

    def folded(self, events: int, documents: int) -> None:
        """Add what was folded."""
        before = self.progress
        self.tell(events_done=before.events_done + events, documents=before.documents + documents)

    def tell(self, **changes: Any) -> None:
        """Change the progress and pass it on."""
        self._keep_time()
        self.progress = replace(self.progress, **changes)
        self._on_progress(self.progress)
        if time.monotonic() - self._written >= _EVERY_SECONDS or "waiting_for" in changes:
            self._write()

    def waiting(self, blocker: str | None) -> None:
        """Report which transaction blocks the rebuild, None for none any more; from any thread."""
        with self._lock:
            if blocker != self.progress.waiting_for:
                self.tell(waiting_for=blocker)

    def _keep_time(self) -> None:
        now = time.monotonic()
        seconds = self.progress.folding_seconds
        if self._folding_since is not None:
            seconds = now - self._folding_since
        self.progress = replace(self.progress, seconds=now - self._started, folding_seconds=seconds)

    def _write(self) -> None:
        self._written = time.monotonic()
        self._connection.execute(REPORT_REBUILD, asdict(self.progress))
