"""Deadlines of commands, kept whatever the thread that commits them is waiting for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from domain.errors import DocledgerError, LogUnavailable, OutcomeUnknown
from eventstore.append_round import AppendRound, Waiting
from postgres.deadlines import is_given_up

_LOOK_SECONDS = 0.2


class CommandWithdrawn(Exception):
    """A command came to its deadline before its round was sent."""


class CommandDeadlines:
    """A thread that answers commands at their deadline.

    One that has not been sent to the database is withdrawn; of one that has, it is unknown whether
    it was carried out. `pending` returns the commands that may have no answer yet.
    """

    def __init__(self, pending: Callable[[], list[Waiting]]) -> None:
        self._pending = pending
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="command deadlines", daemon=True)
        self._thread.start()

    def sending(self, round_: AppendRound) -> None:
        """Mark the round's commands as sent; raises CommandWithdrawn, with none marked."""
        with self._lock:
            if any(waiting.is_answered for waiting in round_.waiting()):
                raise CommandWithdrawn
            round_.mark_sent(is_sent=True)

    def close(self) -> None:
        """End the thread; commands that still wait are the caller's to answer."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            if pending := self._pending():
                self._look(pending)

    def _look(self, pending: list[Waiting]) -> None:
        with self._lock:
            late = overdue(waiting for waiting in pending if not waiting.is_answered)
            give_up(late, LogUnavailable())


def overdue(commands: Iterable[Waiting]) -> set[Waiting]:
    """Return the commands to be given up now.

    Commands of one document that may have landed are given up together: a late append of all of
    them could still make the answer to the rest untrue.
    """
    every = list(commands)
    if is_given_up():
        return set(every)
    now = time.monotonic()
    late = {waiting for waiting in every if waiting.deadline <= now}
    doubted = {waiting.document_id for waiting in late if waiting.may_have_landed}
    if doubted:
        late |= {w for w in every if w.may_have_landed and w.document_id in doubted}
    return late


def give_up(commands: Iterable[Waiting], error: DocledgerError) -> None:
    """Fail the commands, but say of those that may have landed that it is unknown."""
    for waiting in commands:
        unknown = OutcomeUnknown()
        unknown.__cause__ = error
        waiting.fail(unknown if waiting.may_have_landed else error)
