"""Serves an app over HTTP until told to stop, and loses nothing when it does."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from api.http.limits import HttpLimits
from api.http.protocol import LimitedProtocol
from api.http.refusals import Refusals
from api.http.waiting import WaitingConnections
from api.services import Services

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Server(uvicorn.Server):
    """Ends streams and waits before it waits for requests; a signal ends it, not the process."""

    def __init__(
        self,
        app: FastAPI,
        shutdown_seconds: float,
        on_started: Callable[[str, int], None],
        on_stopping: Callable[[], None] = lambda: None,
        signals: Sequence[signal.Signals] = _SIGNALS,
        limits: HttpLimits | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=_protocol(app, limits or HttpLimits()),
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, round(shutdown_seconds)),
            )
        )
        self._app = app
        self._on_started = on_started
        self._on_stopping = on_stopping
        self._signals = signals

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then tell where."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            self._on_started(host, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, end streams, let requests finish."""
        self._on_stopping()
        self._app.state.services.closing.set()
        await super().shutdown(sockets)

    def stop(self) -> None:
        """Have the server end; may be called from any thread."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at a signal and return to the caller, who has more to put away."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in self._signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  (signal's)
        """Stop; a second SIGINT waits for nothing any more."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def _protocol(app: FastAPI, limits: HttpLimits) -> Any:
    """Return what makes the protocol of each connection."""
    services: Services = app.state.services
    return partial(
        LimitedProtocol,
        limits=limits,
        waiting=WaitingConnections(limits.waiting_connections),
        refuse=Refusals(services.metrics, services.ports.new_id),
    )


def run(
    app: FastAPI,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    fd: int | None = None,
    shutdown_seconds: float = 20.0,
    on_started: Callable[[str, int], None] = lambda _host, _port: None,
    on_stopping: Callable[[], None] = lambda: None,
    signals: Sequence[signal.Signals] = _SIGNALS,
) -> None:
    """Serve until one of `signals`, then return once everything under way is finished.

    With `fd` the socket that another process listens on already is used. Port 0 takes a free one;
    `on_started` is told the address once connections are taken, `on_stopping` is called when no
    more are. Raises OSError if the address cannot be had.
    """
    listener = _bound(host, port) if fd is None else socket.socket(fileno=fd)
    try:
        Server(app, shutdown_seconds, on_started, on_stopping, signals).run(sockets=[listener])
    finally:
        listener.close()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)
