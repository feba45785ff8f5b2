"""How a role ends: at which signals, and without waiting for a database that answers nothing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import psycopg
import structlog
from psycopg import Connection

from postgres.causes import cause
from postgres.deadlines import answer_within, give_up_on_database

log = structlog.get_logger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ANSWER_SECONDS = 1.0
_LOOK_SECONDS = 0.5


def stop_signals() -> list[signal.Signals]:
    """Return the signals that end a role in good order; SIGHUP not under `nohup`."""
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def stop_on_signal() -> threading.Event:
    """Return an event that these signals set."""
    stop = threading.Event()
    for number in stop_signals():
        signal.signal(number, lambda *_: stop.set())
    return stop


class GraceOfDatabase:
    """Once `stop` is set, sees whether the database still answers; if not, gives it up.

    What runs may take its time to end as long as the database answers. What waits for one that
    does not would wait for ever; another process takes it up again.
    """

    def __init__(self, connect: Callable[[], Connection], stop: threading.Event) -> None:
        self._connect = connect
        self._stop = stop
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="grace of database", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()

    def _watch(self) -> None:
        self._stop.wait()
        while not self._over.is_set():
            try:
                with answer_within(_ANSWER_SECONDS), self._connect() as connection:
                    connection.execute("SELECT")
            except psycopg.Error as error:
                if not self._over.is_set():
                    log.warning("stopping without the database", cause=cause(error))
                    give_up_on_database()
                return
            self._over.wait(_LOOK_SECONDS)
