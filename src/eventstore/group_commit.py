"""Group commit: concurrent commands decided and appended together, each with its own answer."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from itertools import groupby

from domain.commands import Command, RegisterDocument
from domain.errors import (
    Contention,
    DocumentNotFound,
    LogFull,
    LogUnavailable,
)
from eventstore.append_round import Answer, AppendRound, Committed, Waiting
from eventstore.application import WorkflowApplication
from eventstore.command_deadlines import CommandDeadlines, CommandWithdrawn, give_up, overdue
from eventstore.history import History
from eventstore.lost_appends import settle
from eventstore.snapshots import NoView, Snapshot, Snapshots, View
from eventstore.verdict import Verdict
from postgres.deadlines import DatabaseSilent, allowed_seconds, answer_within, is_given_up

_MOST_BEATEN = 100
_BEATEN_ODDLY_OFTEN = 10
_JOIN_SECONDS = 0.5


class GroupCommit:
    """Takes commands from any thread; one thread of its own decides and appends them.

    `view` is folded beside the aggregate so that `Committed.rows` shows what the command made.
    `patience_seconds` is how long a command waits for its answer, whatever the database does; one
    that is submitted for a request waits for what is left of that request's time.
    `observe(commands, events, seconds)` is called after each append and must not raise.
    """

    def __init__(
        self,
        application: WorkflowApplication,
        view: View | None = None,
        *,
        most_commands: int = 128,
        cache_size: int = 16_384,
        patience_seconds: float = 10.0,
        observe: Callable[[int, int, float], None] | None = None,
    ) -> None:
        self._application = application
        self._history = History(application)
        self._view = view or NoView()
        self._snapshots = Snapshots(self._history, self._view, cache_size)
        self._most_commands = most_commands
        self._patience_seconds = patience_seconds
        self._observe = observe or (lambda *_: None)
        self._queue: deque[Waiting] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._pause_seconds = 0.0
        self._under_way: list[Waiting] = []
        self._deadlines = CommandDeadlines(self._pending)
        self._thread = threading.Thread(target=self._run, name="group commit", daemon=True)
        self._thread.start()

    def submit(self, command: Command, expected_version: int | None = None) -> Future[Committed]:
        """Queue the command and return the future of its answer.

        The future raises the command's own Refused, VersionMismatch if the document is not at
        `expected_version`, or an Unavailable. Cancelling it before its turn withdraws the command.
        """
        deadline = time.monotonic() + allowed_seconds(self._patience_seconds)
        waiting = Waiting(command, expected_version, Future(), deadline)
        with self._wake:
            if self._closing:
                raise LogUnavailable("docledger is stopping; send the command again in a moment.")
            self._queue.append(waiting)
            self._wake.notify()
        return waiting.future

    def execute(self, command: Command, expected_version: int | None = None) -> Committed:
        """Wait for the command's answer."""
        return self.submit(command, expected_version).result()

    def load(self, document_id: str) -> Committed:
        """Return the document as the log has it now.

        Raises DocumentNotFound, LogUnavailable or LogUnreadable.
        """
        events = self._history.of_document(document_id)
        snapshot = Snapshot.unborn(document_id, self._view).after(events, self._view)
        if not snapshot.state.registered:
            raise DocumentNotFound(f"There is no document '{document_id}'.")
        return Committed.of(snapshot)

    def close(self) -> None:
        """Take no more commands, answer those that wait, and end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        # With a database that was given up it may be in a wait that cannot be interrupted.
        while self._thread.is_alive() and not is_given_up():
            self._thread.join(_JOIN_SECONDS)
        self._thread.join(_JOIN_SECONDS)
        self._deadlines.close()

    def _run(self) -> None:
        with self._application.keep_connection():
            self._work()

    def _work(self) -> None:
        try:
            while batch := self._take():
                try:
                    self._commit(batch)
                except Exception as error:
                    # A defect must fail the commands at hand, not leave later callers waiting.
                    self._fail(batch, error)
                if self._pause_seconds:
                    time.sleep(self._pause_seconds)
        finally:
            with self._wake:
                self._closing = True
                left, self._queue = self._queue, deque()
            give_up(left, LogUnavailable())

    def _take(self) -> list[Waiting]:
        """Wait for commands whose answer is wanted; none come once this is closed and drained."""
        with self._wake:
            while True:
                batch: list[Waiting] = []
                while self._queue and len(batch) < self._most_commands:
                    waiting = self._queue.popleft()
                    if waiting.begin():
                        batch.append(waiting)
                self._under_way = batch
                if batch or self._closing:
                    return batch
                self._wake.wait()

    def _pending(self) -> list[Waiting]:
        with self._wake:
            return [*self._under_way, *self._queue]

    def _commit(self, batch: list[Waiting]) -> bool:
        """Decide and append; False if the database can take nothing more just now."""
        try:
            with answer_within(self._patience_seconds):
                round_, put_off = self._decide(batch)
        except Exception as error:
            if Verdict.of(error) is Verdict.REFUSED:
                return self._isolate(batch, error)
            return self._try_later(batch, error)
        self._again(put_off)
        events, append = round_.events(), round_.append()
        append.on_sending = partial(self._deadlines.sending, round_)
        started = time.monotonic()
        try:
            if events:
                with answer_within(self._patience_seconds):
                    self._application.append(events, append)
        except CommandWithdrawn:
            self._again(round_.waiting())
            return True
        except Exception as error:
            return self._failed(round_, error)
        self._pause_seconds = 0.0
        self._answer(round_, list(round_.answers(append)))
        self._observe(len(round_.waiting()), len(events), time.monotonic() - started)
        return True

    def _decide(self, batch: list[Waiting]) -> tuple[AppendRound, list[Waiting]]:
        """Load what the commands need and decide them; some are put off to the next round."""
        loaded = settle(batch, self._application, self._snapshots)
        wanted = {w.document_id for w in batch if not w.is_answered} - loaded.keys()
        snapshots = {i: kept for i in wanted if (kept := self._snapshots.recall(i)) is not None}
        missing = wanted - snapshots.keys()
        new = missing & _new(batch)
        snapshots |= {i: Snapshot.unborn(i, self._view) for i in new}
        if missing := missing - new:
            loaded |= self._snapshots.refresh(missing)
        for document_id, found in loaded.items():
            if isinstance(found, Snapshot):
                snapshots[document_id] = found
            else:
                self._fail([w for w in batch if w.document_id == document_id], found)
        round_ = AppendRound(snapshots, loaded.keys() & snapshots.keys(), self._view)
        undone = [waiting for waiting in batch if not waiting.is_answered]
        put_off = [waiting for waiting in undone if not round_.decide(waiting)]
        self._application.keys.prefetch_for_sealing(round_.sealing())
        return round_, put_off

    def _answer(self, round_: AppendRound, answers: Iterable[tuple[Waiting, Answer]]) -> None:
        again: list[Waiting] = []
        for document_id, snapshot in round_.snapshots.items():
            if document_id in round_.fresh:
                self._snapshots.keep(document_id, snapshot)
            else:
                self._snapshots.suspect(document_id)
        for waiting, answer in answers:
            if isinstance(answer, Committed):
                waiting.answer(answer)
            elif answer is not None:
                waiting.fail(answer)
            else:
                waiting.is_sent = False
                waiting.beaten += 1
                if waiting.beaten % _BEATEN_ODDLY_OFTEN == 0:
                    # What is remembered may be ahead of a log that was restored from a backup.
                    self._snapshots.forget(waiting.document_id)
                again.append(waiting)
        give_up([w for w in again if w.beaten >= _MOST_BEATEN], Contention())
        self._again(again)

    def _failed(self, round_: AppendRound, error: Exception) -> bool:
        """Do what a failed append asks for; False if nothing more can be taken just now."""
        batch = round_.waiting()
        verdict = Verdict.of(error)
        if verdict is Verdict.LOST:
            round_.mark_in_doubt()
            if isinstance(error.__cause__, DatabaseSilent):
                # Or the next ones would be sent to the same silence, and be in doubt as well.
                self._application.drop_idle_connections()
        round_.mark_sent(is_sent=False)
        if verdict in (Verdict.LOST, Verdict.NOT_NOW):
            return self._try_later(batch, error)
        if verdict is Verdict.FULL:
            give_up(batch, LogFull())
            return False
        if verdict is Verdict.BLOCKED and len(batch) == 1:
            give_up(batch, Contention())
            return False
        return self._isolate(batch, error)

    def _isolate(self, batch: list[Waiting], error: Exception) -> bool:
        """Find the command that the database or the mapper refuses; the others go on."""
        undone = [waiting for waiting in batch if not waiting.is_answered]
        if len(undone) < 2:
            self._fail(undone, error)
            return True
        by_document = sorted(undone, key=lambda waiting: waiting.document_id)
        parts = [list(part) for _, part in groupby(by_document, lambda w: w.document_id)]
        if len(parts) == 1:
            parts = [[waiting] for waiting in undone]
        for number, part in enumerate(parts, 1):
            if not self._commit(part):
                return self._try_later([w for part in parts[number:] for w in part], error)
        return True

    def _try_later(self, batch: list[Waiting], error: Exception) -> bool:
        """Have commands wait for the database a little, until their deadlines."""
        failure = LogUnavailable()
        failure.__cause__ = error
        give_up(overdue(batch), failure)
        self._again(batch)
        self._pause_seconds = min(1.0, (self._pause_seconds or 0.025) * 2)
        return False

    def _again(self, batch: list[Waiting]) -> None:
        """Put commands that are not answered yet back ahead of the queue."""
        with self._wake:
            self._queue.extendleft(reversed([w for w in batch if not w.is_answered]))

    def _fail(self, batch: Iterable[Waiting], error: Exception) -> None:
        for waiting in batch:
            waiting.fail(error)


def _new(batch: Iterable[Waiting]) -> set[str]:
    """Return documents that are being registered and so, as a rule, have no events to be read.

    Where they have, the append refuses them, and the next time they are read.
    """
    new = {w.document_id for w in batch if isinstance(w.command, RegisterDocument)}
    return new - {w.document_id for w in batch if w.beaten}
