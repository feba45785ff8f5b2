"""A TCP proxy in front of PostgreSQL that cuts a connection at a chosen moment of one query."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_SYNC = b"S\x00\x00\x00\x04"
_READY = (b"Z\x00\x00\x00\x05I", b"Z\x00\x00\x00\x05E")


class Cut(Enum):
    """When a connection is cut."""

    BEFORE = auto()
    """The query never reaches the server."""
    WHILE = auto()
    """The server has the query; its reply finds nobody."""
    AFTER = auto()
    """The server has done the query and replied; the reply is dropped."""
    LATE = auto()
    """The client is cut first, and the query reaches the server when `deliver` is called."""


@dataclass
class _Plan:
    needles: tuple[bytes, ...]
    cut: Cut
    meanwhile: Callable[[], object]


@dataclass
class _Pair:
    client: socket.socket
    server: socket.socket
    held: bytes = b""
    plan: _Plan | None = None
    closed: threading.Event = field(default_factory=threading.Event)

    def close(self) -> None:
        """Cut both sides."""
        self.closed.set()
        for side in (self.client, self.server):
            _shut(side)


class CuttingProxy:
    """Listens on a free port; `dsn` leads through it to the server of the given one."""

    def __init__(self, dsn: str) -> None:
        parts = conninfo_to_dict(dsn)
        host, port = str(parts.get("host")), int(parts.get("port") or 5432)
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        own_port = self._listener.getsockname()[1]
        self.dsn = make_conninfo(dsn, host="127.0.0.1", port=own_port, sslmode="disable")
        self.cuts = 0
        self.is_down = False
        self._pairs: list[_Pair] = []
        self._late: list[_Pair] = []
        self._plans: list[_Plan] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _shut(self._listener)
        self.cut_all()

    def plan(self, word: str, cut: Cut, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Cut, once, the connection over which an event with this word is sent.

        `meanwhile` is called between the reply and the cut.
        """
        needles = (word.encode(), word.encode().hex().encode())
        with self._lock:
            self._plans.append(_Plan(needles, cut, meanwhile))

    def cut_all(self) -> None:
        """Cut every connection."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.close()

    def down(self) -> None:
        """Cut every connection and take none until `up`."""
        self.is_down = True
        self.cut_all()

    def up(self) -> None:
        """Take connections again."""
        self.is_down = False

    def deliver(self) -> None:
        """Hand the server what was held back of connections that were cut."""
        with self._lock:
            late, self._late = self._late, []
        for pair in late:
            with contextlib.suppress(OSError):
                pair.server.sendall(pair.held)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.is_down:
                _shut(client)
                continue
            self._pair(client)

    def _pair(self, client: socket.socket) -> None:
        try:
            server = self._connect()
        except OSError:
            _shut(client)
            return
        pair = _Pair(client, server)
        with self._lock:
            self._pairs.append(pair)
        threading.Thread(target=self._to_server, args=(pair,), daemon=True).start()
        threading.Thread(target=self._to_client, args=(pair,), daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = self._target
        if not host.startswith("/"):
            return socket.create_connection((host, port), timeout=10)
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _to_server(self, pair: _Pair) -> None:
        before = b""
        with contextlib.suppress(OSError):
            while chunk := pair.client.recv(65536):
                if pair.plan is None:
                    pair.plan = self._planned(before + chunk)
                    before = chunk[-100:]
                if not self._forward(pair, chunk):
                    return
        if pair.plan is None or pair.plan.cut is not Cut.LATE:
            pair.close()

    def _forward(self, pair: _Pair, chunk: bytes) -> bool:
        """Hand on what the client sent; False once the connection is cut."""
        cut = pair.plan.cut if pair.plan else None
        if cut is Cut.BEFORE:
            self._cut(pair)
            return False
        if cut is not Cut.LATE:
            pair.server.sendall(chunk)
        else:
            pair.held += chunk
        if cut in (Cut.LATE, Cut.WHILE) and chunk.endswith(_SYNC):
            self._cut(pair)
            return False
        return True

    def _to_client(self, pair: _Pair) -> None:
        reply = b""
        with contextlib.suppress(OSError):
            while chunk := pair.server.recv(65536):
                if pair.plan is None:
                    pair.client.sendall(chunk)
                    continue
                reply += chunk
                if pair.plan.cut is Cut.AFTER and reply.endswith(_READY):
                    pair.plan.meanwhile()
                    self._cut(pair)
                    return
        pair.close()

    def _planned(self, sent: bytes) -> _Plan | None:
        with self._lock:
            for plan in self._plans:
                if any(needle in sent for needle in plan.needles):
                    self._plans.remove(plan)
                    return plan
        return None

    def _cut(self, pair: _Pair) -> None:
        self.cuts += 1
        if pair.plan is not None and pair.plan.cut is Cut.LATE:
            with self._lock:
                self._late.append(pair)
            _shut(pair.client)
        else:
            pair.close()


def _shut(side: socket.socket) -> None:
    with contextlib.suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()
