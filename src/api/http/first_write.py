"""The head of an answer and the first part of its body, written at once."""

from __future__ import annotations

import asyncio


class JoinedFirstWrite:
    """A transport that holds back one answer's head until its body or the loop's next turn.

    uvicorn writes the two one after the other, and uvloop makes a system call of each: a third of
    what the server spends on a short answer. What an application sends without waiting between the
    two goes out in one.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Write, or hold the first that is written for a moment."""
        if self._held is None:
            self._transport.write(data)
        elif self._held:
            held, self._held = self._held, None
            self._transport.write(held + data)
        else:
            self._held = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Write what is held, and close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what is held is not sent."""
        self._held = None
        self._transport.abort()

    def _flush(self) -> None:
        if self._held and not self.is_closing():
            held, self._held = self._held, None
            self._transport.write(held)
