"""An answer's head goes out with its body, and never waits for it."""

from __future__ import annotations

import asyncio
from typing import cast

from api.http.first_write import JoinedFirstWrite


class Recorded:
    """A transport that remembers what was written in one call each."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


def joined(recorded: Recorded) -> JoinedFirstWrite:
    return JoinedFirstWrite(cast("asyncio.Transport", recorded), asyncio.get_running_loop())


def test_head_and_body_are_one_write() -> None:
    async def answering() -> None:
        recorded = Recorded()
        answer = joined(recorded)
        answer.write(b"head")
        answer.write(b"body")
        answer.write(b"more")
        await asyncio.sleep(0)
        assert recorded.written == [b"headbody", b"more"]

    asyncio.run(answering())


def test_a_head_does_not_wait_for_a_body_that_is_late() -> None:
    async def answering() -> None:
        recorded = Recorded()
        answer = joined(recorded)
        answer.write(b"head")
        assert recorded.written == []
        await asyncio.sleep(0)
        answer.write(b"body")
        assert recorded.written == [b"head", b"body"]

    asyncio.run(answering())


def test_closing_writes_the_head_first_and_aborting_does_not() -> None:
    async def answering() -> None:
        closed, aborted = Recorded(), Recorded()
        for answer, recorded in ((joined(closed), closed), (joined(aborted), aborted)):
            answer.write(b"head")
            answer.close() if recorded is closed else answer.abort()
            await asyncio.sleep(0)
        assert (closed.written, closed.closed) == ([b"head"], True)
        assert (aborted.written, aborted.closed) == ([], True)

    asyncio.run(answering())
