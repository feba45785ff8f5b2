"""Looks after the embedded server while docledger uses it."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import psycopg
import structlog

from domain.errors import DocledgerError
from postgres.backoff import Backoff
from postgres.causes import NewCauses
from postgres.embedded.server import EmbeddedPostgres

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 8.0
_SAID_AGAIN_SECONDS = 60.0


class ServerWatch:
    """Starts the server again when it ends under its users, whatever ended it.

    Killed for its memory, told to stop by others, no room on its disk: as long as docledger has not
    stopped it. Each process that uses the server has such a watch; whichever looks first starts it,
    with a growing pause where that fails. The others connect again when they need to.
    """

    def __init__(self, server: EmbeddedPostgres, look_seconds: float = _LOOK_SECONDS) -> None:
        self._server = server
        self._look_seconds = look_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="server watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        failures, causes = 0, NewCauses(_SAID_AGAIN_SECONDS)
        while not self._stop.wait(self._pause_seconds(failures)):
            try:
                if self._server.revive(self._stop):
                    log.warning("the embedded server had ended and was started again")
                failures = 0
            except (DocledgerError, OSError, psycopg.Error) as error:
                failures += 1
                if not self._stop.is_set() and causes.is_new(why := str(error)):
                    log.warning("the embedded server cannot be started again", why=why)

    def _pause_seconds(self, failures: int) -> float:
        longest = max(_LONGEST_PAUSE_SECONDS, self._look_seconds)
        return Backoff(self._look_seconds, longest).after(failures + 1)
