"""How many documents a worker has at hand, and which of them may run a stage in the sandbox."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class Room:
    """Slots for stages in the sandbox, and room for documents that need none.

    A worker takes no more documents than it has slots, or others would wait here while another
    worker is idle. Stages that run in the worker itself need no slot: each document that begins
    with one makes room for one more, up to `documents`; one that finds no slot takes all that room
    away again. Which stages need none is learnt from those that ran.
    """

    def __init__(self, slots: int, documents: int) -> None:
        self._slots = slots
        self._most = max(slots, documents)
        self._documents = slots
        self._taken = 0
        self._in_process: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    @property
    def documents(self) -> int:
        """How many documents may be at hand now."""
        return self._documents

    @property
    def most(self) -> int:
        """How many documents may ever be at hand."""
        return self._most

    @property
    def in_process(self) -> frozenset[str]:
        """The stages that are known to need no slot."""
        return self._in_process

    def learn(self, stage_name: str, *, in_process: bool) -> None:
        """Remember whether the stage runs in the worker."""
        if (stage_name in self._in_process) is not in_process:
            with self._lock:
                known = self._in_process - {stage_name}
                self._in_process = known | {stage_name} if in_process else known

    def needs_none(self, stage_names: Iterable[str]) -> bool:
        """Tell whether all of these stages are known to run in the worker."""
        return self._in_process.issuperset(stage_names)

    def try_slot(self) -> bool:
        """Take a slot if one is free."""
        with self._lock:
            if self._taken >= self._slots:
                return False
            self._taken += 1
            return True

    def give_slot(self) -> None:
        """Give the slot back."""
        with self._lock:
            self._taken -= 1

    def widen(self) -> None:
        """Make room for one more document, since one began that needs no slot."""
        if self._documents < self._most:
            with self._lock:
                self._documents = min(self._most, self._documents + 1)

    def narrow(self) -> None:
        """Take no more documents than there are slots, since one came that found none."""
        with self._lock:
            self._documents = self._slots
