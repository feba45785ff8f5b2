"""Commands on their way from a request to the log, and their answers on the way back."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from time import monotonic

from starlette.requests import Request

from api.database_threads import DatabaseThreads
from api.http.conditional import versions_matched
from api.metrics import Metrics
from api.ports import Commands, Ports
from domain.commands import Command, Context
from domain.errors import VersionMismatch
from eventstore.append_round import Committed
from postgres.deadlines import Allowance

ANYBODY = "api"
"""The actor of requests that do not say who sends them."""


def actor_of(request: Request) -> str:
    """Return in whose name the request acts: whoever a layer ahead has found it to be."""
    actor: str = request.scope.get("docledger.actor", ANYBODY)
    return actor


class Sender:
    """Sends commands without blocking the event loop."""

    def __init__(self, ports: Ports, metrics: Metrics, threads: DatabaseThreads) -> None:
        self._threads = threads
        self._commands: Commands = ports.commands
        self._clock = ports.clock
        self._metrics = metrics
        self._answers = _Answers()

    def context(self, request: Request) -> Context:
        """Return who asks, when, and under which id; one request is one command."""
        request_id = request.scope["docledger.request_id"]
        return Context(
            at=self._clock(),
            actor=actor_of(request),
            command_id=request_id,
        )

    async def load(self, document_id: str) -> Committed:
        """Return the document as the log has it now, or raise DocumentNotFound."""
        return await self._threads.run(self._commands.load, document_id)

    async def send(self, request: Request, command: Command) -> Committed:
        """Return what the command made; the request's If-Match is respected."""
        versions = versions_matched(request.headers.get("if-match"))
        expected = None
        if versions is not None:
            expected = await self._expected(command.document_id, versions)
        kind = type(command).__name__
        began = monotonic()
        try:
            # A caller that goes away leaves its command to be carried out.
            committed: Committed = await self._answers.of(self._commands.submit(command, expected))
        except Exception as error:
            self._metrics.command(kind, type(error).__name__).inc()
            raise
        finally:
            Allowance.spend(monotonic() - began)
        self._metrics.command(kind, "accepted").inc()
        return committed

    async def _expected(self, document_id: str, versions: frozenset[int]) -> int:
        if len(versions) == 1:
            return next(iter(versions))
        current = (await self.load(document_id)).version
        if current not in versions:
            raise VersionMismatch(
                f"Document '{document_id}' is at version {current}, which If-Match does not name; "
                "read it again.",
                current_version=current,
            )
        return current

    async def drain(self) -> None:
        """Wait for the commands whose callers went away."""
        await self._answers.drain()


class _Answers:
    """Hands answers that another thread gives over to the event loop.

    One round of group commit answers many commands at once: the loop is woken once for all.
    """

    def __init__(self) -> None:
        self._awaited: set[Future[Committed]] = set()
        self._arrived: deque[tuple[asyncio.Future[Committed], Future[Committed]]] = deque()
        self._woken = False

    def of(self, future: Future[Committed]) -> asyncio.Future[Committed]:
        """Return what the running loop can wait for; giving that up leaves `future` alone."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Committed] = loop.create_future()
        self._awaited.add(future)

        def arrived(done: Future[Committed]) -> None:
            self._awaited.discard(done)
            self._arrived.append((answer, done))
            # Set back ahead of emptying: what comes after an emptying wakes the loop again.
            if not self._woken and not loop.is_closed():
                self._woken = True
                loop.call_soon_threadsafe(self._hand_over)

        future.add_done_callback(arrived)
        return answer

    async def drain(self) -> None:
        """Wait until every future has its answer, whatever it is."""
        awaited = [asyncio.wrap_future(future) for future in tuple(self._awaited)]
        await asyncio.gather(*awaited, return_exceptions=True)

    def _hand_over(self) -> None:
        self._woken = False
        while self._arrived:
            answer, done = self._arrived.popleft()
            if answer.done():
                continue
            if done.cancelled():
                answer.cancel()
            elif (error := done.exception()) is not None:
                answer.set_exception(error)
            else:
                answer.set_result(done.result())
