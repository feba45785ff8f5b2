"""Looks after the embedded server while docledger uses it."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import structlog

from docledger.embedded_postgres import EmbeddedPostgres
from domain.errors import DocledgerError

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 1.0


class ServerWatch:
    """Starts the server again when it dies under its users, killed for its memory for instance.

    Each process that uses the server has such a watch, whichever looks first starts it, and the
    others' connections are made anew by whoever needs them.
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
        while not self._stop.wait(self._look_seconds):
            try:
                if self._server.revive():
                    log.warning("the embedded server had died and was started again")
            except (DocledgerError, OSError) as error:
                log.warning("the embedded server cannot be started again", why=str(error))
