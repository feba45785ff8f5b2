"""DBOS: a workflow of five steps that do nothing for each document, one process.

Many documents go through its queue without a limit, the fastest of its ways; a lone one is started
directly. Its settings are as they come.
"""

from __future__ import annotations

import os
import time

from dbos import DBOS

from peers.one_round import PAUSE_SECONDS, STEPS, arguments, tell

QUEUE = "documents"


@DBOS.step()
def step(_document: str, _stage: int) -> str:
    """Do nothing."""
    return "ok"


@DBOS.workflow()
def process(document: str) -> str:
    """Take a document through the steps."""
    for stage in range(STEPS):
        step(document, stage)
    return document


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__)
    DBOS(
        config={
            "name": "peer",
            "system_database_url": given.dsn,
            "log_level": "ERROR",
            "run_admin_server": False,
        }
    )
    DBOS.launch()
    DBOS.register_queue(QUEUE)
    assert DBOS.start_workflow(process, "warm-up").get_result() == "warm-up"
    names = [f"document-{number}" for number in range(given.documents)]
    started = time.perf_counter()
    handles = [DBOS.enqueue_workflow(QUEUE, process, name) for name in names]
    assert [h.get_result(polling_interval_sec=0.1) for h in handles] == names
    seconds = time.perf_counter() - started
    tell(given.documents, seconds, [_lone() for _ in range(given.lone)])
    DBOS.destroy()


def _lone() -> float:
    time.sleep(PAUSE_SECONDS)
    started = time.perf_counter()
    DBOS.start_workflow(process, "lone").get_result(polling_interval_sec=0.001)
    return time.perf_counter() - started


if __name__ == "__main__":
    os.environ.setdefault("DBOS_TELEMETRY", "false")
    main()
    os._exit(0)  # threads of its own outlive destroy()
