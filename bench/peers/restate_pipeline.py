"""Restate: five durable steps that do nothing for each invocation, one server on this machine.

It keeps its state in files of its own, not in PostgreSQL; `dsn` is not used. Its server listens on
free ports of loopback, and its data lies in a temporary folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request

import httpx
import restate
from hypercorn.asyncio import serve as run
from hypercorn.config import Config

from harness.processes import Running, free_port
from peers.one_round import PAUSE_SECONDS, STEPS, arguments, tell

CONCURRENCY = 64
_PATIENCE_SECONDS = 60.0


def main() -> None:
    """Measure and print, or serve the steps."""
    given = arguments(__doc__)
    if given.serve:
        serve(given.serve)
        return
    port, ingress, admin = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = {
            "RESTATE_BASE_DIR": folder,
            "RESTATE_LOG_FILTER": "warn",
            "RESTATE_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
            "RESTATE_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "1",
        }
        steps = (sys.executable, "-m", "peers.restate_pipeline", "-", "0", "--serve", str(port))
        health = f"http://127.0.0.1:{admin}/health"
        with (
            # The server's idle connection keeps the steps from ending when they are asked to.
            Running(steps, kill=True),
            Running((given.server,), url=health, environment=environment, seconds=90),
        ):
            register(f"http://127.0.0.1:{admin}/deployments", f"http://127.0.0.1:{port}")
            url = f"http://127.0.0.1:{ingress}/Documents/process"
            asyncio.run(invoke(url, 50, 8))
            seconds, _ = asyncio.run(invoke(url, given.documents, CONCURRENCY))
            _, lone = asyncio.run(invoke(url, given.lone, 1, PAUSE_SECONDS))
            tell(given.documents, seconds, lone)


def serve(port: int) -> None:
    """Serve the steps until ended."""
    documents = restate.Service("Documents")

    async def step() -> str:
        return "ok"

    @documents.handler()
    async def process(ctx: restate.Context, document: str) -> str:
        for number in range(STEPS):
            await ctx.run_typed(f"step{number}", step)
        return document

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    asyncio.run(run(restate.app([documents]), config))


def register(admin: str, deployment: str) -> None:
    """Tell the server where the steps are, as soon as both are up."""
    body = json.dumps({"uri": deployment}).encode()
    request = urllib.request.Request(admin, body, {"content-type": "application/json"})
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            urllib.request.urlopen(request, timeout=20).close()
        except (OSError, urllib.error.URLError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


async def invoke(
    url: str, documents: int, concurrency: int, pause_seconds: float = 0
) -> tuple[float, list[float]]:
    """Invoke once a document, after a pause; return the seconds of all, and of each."""
    taken: list[float] = []
    numbers = iter(range(documents))
    limits = httpx.Limits(max_connections=concurrency)
    async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS, limits=limits) as client:

        async def go_on() -> None:
            for number in numbers:
                await asyncio.sleep(pause_seconds)
                started = time.perf_counter()
                answer = await client.post(url, json=f"document-{number}")
                assert answer.raise_for_status().json() == f"document-{number}"
                taken.append(time.perf_counter() - started)

        started = time.perf_counter()
        await asyncio.gather(*(go_on() for _ in range(concurrency)))
        return time.perf_counter() - started, taken


if __name__ == "__main__":
    os.umask(0o077)
    main()
