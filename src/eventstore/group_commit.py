"""Group commit: concurrent commands decided and appended together, each with its own answer."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from eventsourcing.persistence import InterfaceError, OperationalError

from domain.commands import Command
from domain.errors import (
    Contention,
    DocledgerError,
    DocumentNotFound,
    LogFull,
    LogUnavailable,
    LogUnreadable,
    OutcomeUnknown,
)
from domain.events import Event
from eventstore.append_round import AppendRound, Committed, Waiting
from eventstore.application import WorkflowApplication
from eventstore.history import History
from eventstore.snapshots import NoView, Snapshot, Snapshots, View

_MOST_TRIES = 100
_DISK_FULL = "53100"


class GroupCommit:
    """Takes commands from any thread; one thread of its own decides and appends them.

    `view` is folded beside the aggregate so that `Committed.rows` shows what the command made.
    `patience_seconds` is how long a command waits for a database that is away.
    `observe(commands, events, seconds)` is called after each append.
    """

    def __init__(
        self,
        application: WorkflowApplication,
        view: View | None = None,
        *,
        most_commands: int = 128,
        cache_size: int = 4096,
        patience_seconds: float = 10.0,
        observe: Callable[[int, int, float], None] | None = None,
    ) -> None:
        self._application = application
        self._history = History(application)
        self._view = view or NoView()
        self._snapshots = Snapshots(self._history, self._view, cache_size)
        self._most_commands = most_commands
        self._patience_seconds = patience_seconds
        self._observe = observe or (lambda commands, events, seconds: None)
        self._queue: deque[Waiting] = deque()
        self._stale: set[str] = set()
        self._wake = threading.Condition()
        self._closing = False
        self._pause_seconds = 0.0
        self._thread = threading.Thread(target=self._run, name="group commit", daemon=True)
        self._thread.start()

    def submit(self, command: Command, expected_version: int | None = None) -> Future[Committed]:
        """Queue the command and return the future of its answer.

        The future raises the command's own Refused, VersionMismatch if the document is not at
        `expected_version`, or an Unavailable. Cancelling it before its turn withdraws the command.
        """
        deadline = time.monotonic() + self._patience_seconds
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
        """Return the document as the log has it now, or raise DocumentNotFound."""
        try:
            events = self._history.of_document(document_id)
        except (OperationalError, InterfaceError) as error:
            raise LogUnavailable from error
        snapshot = Snapshot.unborn(document_id, self._view).after(events, self._view)
        if not snapshot.state.registered:
            raise DocumentNotFound(f"There is no document '{document_id}'.")
        return Committed.of(snapshot)

    def close(self) -> None:
        """Take no more commands, answer those that wait, and end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._take():
            try:
                self._commit(batch)
            except Exception as error:
                # A defect must fail the commands at hand, not leave every later caller waiting.
                self._fail(batch, error)
            if self._pause_seconds:
                time.sleep(self._pause_seconds)

    def _take(self) -> list[Waiting]:
        with self._wake:
            while not self._queue and not self._closing:
                self._wake.wait()
            batch: list[Waiting] = []
            while self._queue and len(batch) < self._most_commands:
                waiting = self._queue.popleft()
                if waiting.tries or waiting.future.set_running_or_notify_cancel():
                    waiting.tries += 1
                    batch.append(waiting)
            return batch if batch or not self._queue else self._take()

    def _commit(self, batch: list[Waiting]) -> None:
        try:
            round_ = self._prepare(batch)
        except (OperationalError, InterfaceError) as error:
            self._try_later(batch, error)
            return
        self._append(round_)

    def _prepare(self, batch: list[Waiting]) -> AppendRound:
        """Load what the commands need and decide those that can be decided."""
        doubtful = self._settle_doubts(batch)
        undone = [waiting for waiting in batch if not waiting.future.done()]
        wanted = {waiting.document_id for waiting in undone}
        missing = {i for i in wanted if i in self._stale or self._snapshots.recall(i) is None}
        missing -= doubtful
        loaded = self._snapshots.refresh(missing) if missing else {}
        self._stale -= wanted
        for waiting in undone:
            if isinstance(found := loaded.get(waiting.document_id), LogUnreadable):
                waiting.future.set_exception(found)
        undone = [waiting for waiting in undone if not waiting.future.done()]
        snapshots = {
            i: kept for i in wanted if (kept := self._snapshots.recall(i)) is not None
        }
        round_ = AppendRound(snapshots, set(loaded) | doubtful, self._view)
        self._again([waiting for waiting in undone if not round_.decide(waiting)])
        return round_

    def _settle_doubts(self, batch: list[Waiting]) -> set[str]:
        """Answer the commands whose lost append turns out to have landed.

        Whatever the lost connection's server still does is waited for under the append lock; an
        append that would come even later finds the stream's head moved, or is found here again.
        """
        doubtful = [w for w in batch if w.in_doubt_after is not None]
        ids = {waiting.document_id for waiting in doubtful}
        if not ids:
            return ids
        for document_id in ids:
            self._snapshots.forget(document_id)
        loaded = self._snapshots.refresh(ids, locked=True)
        for waiting in doubtful:
            snapshot = loaded[waiting.document_id]
            if isinstance(snapshot, LogUnreadable):
                waiting.future.set_exception(snapshot)
                continue
            after = waiting.in_doubt_after or 0
            own = tuple(
                recorded
                for recorded in self._history.of_document(waiting.document_id, after)
                if isinstance(recorded.event, Event)
                and recorded.event.command_id == waiting.command.context.command_id
            )
            if own:
                waiting.future.set_result(Committed.of(snapshot, own))
        return ids

    def _append(self, round_: AppendRound) -> None:
        events, append = round_.appended(), round_.append()
        started = time.monotonic()
        try:
            if events:
                self._application.save(*events, append=append)
        except (OperationalError, InterfaceError) as error:
            self._lost(round_, error)
            return
        except Exception as error:
            self._isolate(round_, error)
            return
        self._pause_seconds = 0.0
        self._observe(len(round_.waiting()), len(events), time.monotonic() - started)
        self._answer(round_, list(round_.answers(append, events)))

    def _answer(
        self, round_: AppendRound, answers: Iterable[tuple[Waiting, Committed | DocledgerError | None]]
    ) -> None:
        again: list[Waiting] = []
        refreshed: set[str] = set()
        for waiting, answer in answers:
            if answer is None:
                self._stale.add(waiting.document_id)
                again.append(waiting)
            elif isinstance(answer, Committed):
                refreshed.add(waiting.document_id)
                waiting.future.set_result(answer)
            else:
                waiting.future.set_exception(answer)
        for document_id in refreshed:
            self._snapshots.keep(document_id, round_.snapshots[document_id])
        self._again(again)

    def _again(self, again: list[Waiting]) -> None:
        """Put commands back ahead of the queue, but for those that were beaten too often."""
        beaten = [waiting for waiting in again if waiting.tries >= _MOST_TRIES]
        self._fail(beaten, Contention())
        with self._wake:
            self._queue.extendleft(reversed([w for w in again if w.tries < _MOST_TRIES]))

    def _lost(self, round_: AppendRound, error: OperationalError | InterfaceError) -> None:
        """Doubt every command of a round whose append was not acknowledged."""
        batch = round_.waiting()
        if _sqlstate(error) == _DISK_FULL:
            self._fail(batch, LogFull())
            return
        for waiting in batch:
            snapshot = round_.snapshots[waiting.document_id]
            if waiting.in_doubt_after is None:
                waiting.in_doubt_after = snapshot.state.version
        self._try_later(batch, error)

    def _try_later(self, batch: list[Waiting], error: Exception) -> None:
        """Wait for the database a little, as long as the commands' patience lasts."""
        now = time.monotonic()
        for waiting in [w for w in batch if w.deadline <= now and not w.future.done()]:
            unknown = waiting.in_doubt_after is not None
            failure = OutcomeUnknown() if unknown else LogUnavailable()
            failure.__cause__ = error
            waiting.future.set_exception(failure)
        self._again([waiting for waiting in batch if not waiting.future.done()])
        self._pause_seconds = min(1.0, (self._pause_seconds or 0.025) * 2)

    def _isolate(self, round_: AppendRound, error: Exception) -> None:
        """Find the document that the database or the mapper refuses; the others go on."""
        batch = round_.waiting()
        ids = list(dict.fromkeys(waiting.document_id for waiting in batch))
        if len(ids) == 1:
            self._snapshots.forget(ids[0])
            self._isolate_command(batch, error)
            return
        for document_id in ids:
            self._commit([w for w in batch if w.document_id == document_id])

    def _isolate_command(self, batch: list[Waiting], error: Exception) -> None:
        if len(batch) == 1:
            self._fail(batch, error)
            return
        for waiting in batch:
            self._commit([waiting])

    def _fail(self, batch: Iterable[Waiting], error: Exception) -> None:
        for waiting in batch:
            if not waiting.future.done():
                waiting.future.set_exception(error)


def _sqlstate(error: BaseException) -> str | None:
    """Return the code that the database gave, None if it gave none."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", None)
