"""uvicorn's protocol on httptools, with limits to what a connection sends and how slowly.

httptools hands a header over once it is complete and concatenates its pieces until then, so a
header that does not end costs time quadratic in its length; uvicorn sets no limit of its own to
headers, the target, trailers, pipelined requests, or the time that any of them takes.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any, NoReturn

import httptools
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from api.http.errors import (
    BadRequest,
    BodyTooSlow,
    HeadersTooLarge,
    HeadTooSlow,
    Malformed,
    TargetTooLong,
)
from api.http.first_write import JoinedFirstWrite
from api.http.limits import HttpLimits
from api.http.refusal import Lingering, Refuse, malformed
from api.http.waiting import WaitingConnections

BODY_FAULT = "docledger.body_fault"
"""The scope's key of the error that is raised to the reader of the body."""

_HOP_BY_HOP = frozenset((b"upgrade", b"http2-settings"))
_FIELD_OVERHEAD_BYTES = len(": \r\n")
_REQUEST_LINE_BYTES = 64  # method, version and the line's end, all of them short


# What the next bytes belong to; members of an enumeration take longer to look up.
_IDLE, _HEAD, _BODY, _REFUSED = range(4)


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    A fault in a head is answered here, in its turn behind pipelined requests, and closes the
    connection. A fault in a body is given to the application, which answers it.
    """

    def __init__(
        self,
        *arguments: Any,
        limits: HttpLimits,
        waiting: WaitingConnections,
        refuse: Refuse,
        **named: Any,
    ) -> None:
        super().__init__(*arguments, **named)
        self._limits = limits
        self._waiting = waiting
        self._refuse = refuse
        self._phase = _IDLE
        self._idle_until = math.inf
        self._idle_timer: asyncio.TimerHandle | None = None
        self._fault: BadRequest | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._feeding_bytes = 0
        self._head_bytes = 0
        self._is_waiting = False
        self._has_body_grown = False
        self._silent_bytes = 0
        self._window_bytes = 0
        self._is_window_excused = False
        self._discarded_bytes = 0

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a first request, for as long as a head may take."""
        super().connection_made(transport)
        self._wait()
        self._await_request(self._limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._waiting.leave(self)
        self._stop_timer()
        self._stop_idle_timer()
        super().connection_lost(exc)

    def _await_request(self, seconds: float) -> None:
        """Close the connection unless a request begins in time.

        One timer serves many requests: to make one for each costs as much as to parse a head.
        """
        self._idle_until = self.loop.time() + seconds
        timer = self._idle_timer
        if timer is not None and timer.when() > self._idle_until:
            self._stop_idle_timer()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_at(self._idle_until, self._idle_over)

    def _idle_over(self) -> None:
        self._idle_timer = None
        if self.loop.time() >= self._idle_until:
            self.timeout_keep_alive_handler()
        elif self._idle_until < math.inf:
            self._idle_timer = self.loop.call_at(self._idle_until, self._idle_over)

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _wait(self) -> None:
        self._is_waiting = True
        self._waiting.join(self)

    def evict(self) -> None:
        """Close at once, without an answer."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse what has come, then hold what is incomplete against its limits."""
        if self._phase == _REFUSED:
            self._discard(len(data))
            return
        was_body = self._phase == _BODY
        self._feeding_bytes = len(data)
        self._has_body_grown = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            self._fail(self._fault or malformed(error))
            return
        if self._phase == _HEAD:
            self._watch_head(len(data))
        elif self._phase == _BODY:
            self._watch_body(len(data) if was_body and not self._has_body_grown else 0)

    def _decline_upgrade(self, rest: bytes) -> None:
        """Parse the request again without its wish: the parser takes its body for another's."""
        request = self._without_upgrade()
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.data_received(request + rest)

    def _without_upgrade(self) -> bytes:
        """Return the head that was parsed last without the wish to upgrade the connection."""
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                kept = (t for t in value.split(b",") if t.strip().lower() not in _HOP_BY_HOP)
                lines.append(b"connection: " + b",".join(kept))
            elif name not in _HOP_BY_HOP:
                lines.append(b"%s: %s" % (name, value))
        return b"\r\n".join((*lines, b"", b""))

    # The parser's callbacks

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._idle_until = math.inf
        self._phase = _HEAD
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self.url += url
        if len(self.url) > self._limits.target_bytes:
            self._raise(TargetTooLong())

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field; trailers are dropped, since a field's meaning must not change midway."""
        if self._phase != _HEAD:
            return
        if len(self.headers) >= self._limits.header_fields:
            self._raise(HeadersTooLarge())
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Begin the request, unless its head is too large or too many wait ahead of it."""
        if self._timer is not None:
            self._stop_timer()
        if self._head_bytes + self._feeding_bytes > self._limits.header_bytes:
            self._check_headers()
        if self.pipeline and len(self.pipeline) >= self._limits.pipelined_requests:
            self._raise(Malformed("Too many requests wait on this connection; send fewer at once."))
        if self.parser.should_upgrade():
            self._refuse_tunnel()
            return
        if not self.url.startswith(b"/"):
            self._name_path()
        super().on_headers_complete()
        self.cycle.transport = JoinedFirstWrite(self.transport, self.loop)  # type: ignore[assignment]
        self._phase = _BODY
        self._silent_bytes = 0
        if self._is_waiting:
            self._is_waiting = False
            self._waiting.leave(self)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        super().on_body(body)
        self._has_body_grown = True
        self._silent_bytes = 0
        self._window_bytes += len(body)
        self._is_window_excused |= self.flow.read_paused

    def on_message_complete(self) -> None:
        """Have the whole request, or the head of one that is parsed again without its upgrade."""
        if self._phase == _HEAD:
            return
        if self._timer is not None:
            self._stop_timer()
        self._phase = _IDLE
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()

    def on_response_complete(self) -> None:
        """Begin the next pipelined request, or refuse what came behind the last one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._phase == _IDLE:
            self._await_request(self._limits.idle_seconds)
        if self._phase != _REFUSED:
            return
        if self._fault is not None and not self._is_answering():
            self._answer(self._fault)

    def _is_answering(self) -> bool:
        """Tell whether a request that came whole is not answered yet."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    # Heads

    def _check_headers(self) -> None:
        size = sum(len(name) + len(value) + _FIELD_OVERHEAD_BYTES for name, value in self.headers)
        if size > self._limits.header_bytes:
            self._raise(HeadersTooLarge())

    def _refuse_tunnel(self) -> None:
        if self.parser.get_method() == b"CONNECT":
            self._raise(Malformed("This server is no proxy."))

    def _name_path(self) -> None:
        """Give a target in absolute form that names no path the path `/`."""
        parsed = httptools.parse_url(self.url)
        if not parsed.path:
            self.url = b"/?" + parsed.query if parsed.query else b"/"

    def _watch_head(self, fed_bytes: int) -> None:
        self._head_bytes += fed_bytes
        most = self._limits.header_bytes + _REQUEST_LINE_BYTES + len(self.url)
        if self._head_bytes > most:
            self._fail(HeadersTooLarge())
        elif self._timer is None:
            self._time_head()

    def _time_head(self) -> None:
        self._wait()
        self._timer = self.loop.call_later(self._limits.head_seconds, self._head_expired)

    def _head_expired(self) -> None:
        if self._is_answering() or self.flow.read_paused:
            # The client may well wait for the answer that it has not got yet.
            self._time_head()
        else:
            self._fail(HeadTooSlow())

    # Bodies

    def _watch_body(self, silent_bytes: int) -> None:
        self._silent_bytes += silent_bytes
        if self._silent_bytes > self._limits.header_bytes:
            # Trailers or a chunk's extension, which are kept until they end.
            self._fail(HeadersTooLarge())
        elif self._timer is None:
            self._begin_window()

    def _begin_window(self) -> None:
        self._window_bytes = 0
        self._is_window_excused = self.flow.read_paused or (
            self.cycle.waiting_for_100_continue and not self.cycle.response_complete
        )
        self._timer = self.loop.call_later(self._limits.body_window_seconds, self._window_over)

    def _window_over(self) -> None:
        if self._is_window_excused or self._window_bytes >= self._limits.body_window_bytes:
            self._begin_window()
        else:
            self._fail(BodyTooSlow())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Faults

    def _raise(self, fault: BadRequest) -> NoReturn:
        """Stop the parser, which tells of a callback's error only that there was one."""
        self._fault = fault
        raise fault

    def _fail(self, fault: BadRequest) -> None:
        """Read no more requests; answer this one once those ahead of it are answered."""
        in_body = self._phase == _BODY
        self._phase = _REFUSED
        self._stop_timer()
        if in_body:
            self._fault = None
            self._hand_over(fault)
        elif self._is_answering():
            self._fault = fault
            self.flow.pause_reading()
        else:
            self._answer(fault)

    def _hand_over(self, fault: BadRequest) -> None:
        """Give the fault of a body to the application that waits for it."""
        cycle = self.cycle
        cycle.keep_alive = False
        if cycle.response_complete:
            self.transport.close()
        elif cycle.response_started:
            self.transport.abort()
        else:
            cycle.transport = Lingering(self.transport, self._linger)  # type: ignore[assignment]
            cycle.scope[BODY_FAULT] = fault  # type: ignore[literal-required]
            cycle.message_event.set()

    def _answer(self, fault: BadRequest) -> None:
        self._fault = None
        refusal = self._refuse(fault)
        fields = [
            *self.server_state.default_headers,
            (b"content-type", refusal.media_type.encode()),
            (b"content-length", str(len(refusal.body)).encode()),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%s: %s\r\n" % field for field in fields)
        # Behind what is held back of the answer before.
        cycle: RequestResponseCycle | None = self.cycle
        transport = self.transport if cycle is None else cycle.transport
        transport.write(b"".join((STATUS_LINE[refusal.status], head, b"\r\n", refusal.body)))
        self._linger()

    def _linger(self) -> None:
        """Close so that the answer arrives: unread bytes would have the system reset it away."""
        self._wait()
        self.flow.resume_reading()
        self.transport.write_eof()
        self._timer = self.loop.call_later(self._limits.linger_seconds, self.transport.abort)

    def _discard(self, count: int) -> None:
        self._discarded_bytes += count
        if self._discarded_bytes > self._limits.linger_bytes:
            self.transport.abort()
