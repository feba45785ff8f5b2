"""procrastinate: five jobs that do nothing for each document, each defers the next, one worker."""

from __future__ import annotations

import asyncio
import logging
import os
import time

import procrastinate
from procrastinate.types import JSONDict

from peers.one_round import PAUSE_SECONDS, STEPS, arguments, tell

CONCURRENCY = 32
_PATIENCE_SECONDS = 15.0

given = arguments(__doc__)
app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=given.dsn, min_size=4, max_size=20)
)
done: dict[str, asyncio.Future[None]] = {}


@app.task
async def stage(document: str, number: int) -> None:
    """Do nothing but go on to the next stage."""
    if number < STEPS - 1:
        await stage.defer_async(document=document, number=number + 1)
    elif document in done:
        done[document].set_result(None)


async def main() -> None:
    """Measure and print."""
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        started = time.perf_counter()
        jobs: list[JSONDict] = [
            {"document": f"document-{n}", "number": 0} for n in range(given.documents)
        ]
        await stage.batch_defer_async(*jobs)
        await work(wait=False)
        seconds = time.perf_counter() - started
        await check(given.documents)
        worker = asyncio.create_task(work(wait=True))
        await asyncio.sleep(1)
        lone = [await _lone(f"lone-{number}") for number in range(given.lone)]
        worker.cancel()
        tell(given.documents, seconds, lone)
        os._exit(0)  # the worker's own way out waits for its poll


async def work(*, wait: bool) -> None:
    """Run the worker until there is no job left, or for ever."""
    await app.run_worker_async(
        concurrency=CONCURRENCY, wait=wait, install_signal_handlers=False, delete_jobs="never"
    )


async def check(documents: int) -> None:
    """See that every stage of every document was run."""
    rows = await app.connector.execute_query_all_async(
        "SELECT count(*) AS jobs FROM procrastinate_jobs WHERE status = 'succeeded'"
    )
    assert rows[0]["jobs"] == STEPS * documents, rows


async def _lone(name: str) -> float:
    """Return the seconds that a document took, at most the patience: some wait for a poll."""
    done[name] = asyncio.get_running_loop().create_future()
    await asyncio.sleep(PAUSE_SECONDS)
    started = time.perf_counter()
    await stage.defer_async(document=name, number=0)
    try:
        await asyncio.wait_for(done[name], _PATIENCE_SECONDS)
    except TimeoutError:
        return _PATIENCE_SECONDS
    return time.perf_counter() - started


if __name__ == "__main__":
    asyncio.run(main())
