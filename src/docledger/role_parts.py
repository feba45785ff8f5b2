"""What each role's process runs, over the parts of the composition root."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

from docledger.bootstrap import Docledger, now, process_name
from eventstore.named_blobs import named_checksums
from eventstore.seals.sealer import Sealer
from files.sweeper import Sweeper
from files.tree_projector import TreeProjector
from postgres.deadlines import when_given_up
from stages.search.indexer import SearchIndexer

if TYPE_CHECKING:
    from workers.worker import Worker

log = structlog.get_logger(__name__)


class _Stoppable(Protocol):
    def run(self) -> None: ...
    def stop(self) -> None: ...


def _run_stoppable(part: _Stoppable, stop: threading.Event) -> None:
    """Run a part and have it stop when the event is set."""

    def wait() -> None:
        stop.wait()
        part.stop()

    threading.Thread(target=wait, daemon=True).start()
    part.run()


def projecting(docledger: Docledger) -> Mapping[str, Callable[[threading.Event], None]]:
    """Return what the role `project` runs, each until the event is set."""
    tree = TreeProjector(docledger.connecting("tree"), docledger.storage.tree)
    sweeper = Sweeper(
        docledger.storage.blobs,
        docledger.storage.tree,
        partial(named_checksums, docledger.connecting("sweep")),
        may_sweep=lambda: docledger.adoption.status().state == "adopted",
        every_seconds=docledger.settings.sweep_seconds,
        older_than_seconds=docledger.settings.sweep_age_seconds,
    )
    indexer = SearchIndexer(docledger.connecting("index"), docledger.search_filler)
    sealer = Sealer(
        docledger.connecting("seal"), every_seconds=docledger.settings.seal_seconds, clock=now
    )
    following: dict[str, Callable[[threading.Event], None]] = {}
    if docledger.settings.follow_documents:
        from importing.follower import LegacyChanges

        changes = LegacyChanges(
            docledger.connecting("changes"),
            docledger.application,
            docledger.pipeline,
            poll_seconds=docledger.settings.poll_seconds,
        )
        following["documents of others"] = partial(_run_stoppable, changes)
    return following | {
        "read models": partial(_run_stoppable, docledger.projector()),
        "uploads tree": tree.run,
        "search store": indexer.run,
        "sweeper": sweeper.run,
        "sealer": sealer.run,
    }


def working(docledger: Docledger) -> Mapping[str, Callable[[threading.Event], None]]:
    """Return what the role `work` runs, each until the event is set."""
    from workers.dispatcher import Dispatcher
    from workers.reaper import Reaper

    worker = _worker(docledger)
    when_given_up(worker.give_up)
    dispatcher = Dispatcher(docledger.database_url, beside=worker.taker)
    reaper = Reaper(docledger.database_url, docledger.worker_commands)
    return {
        "dispatcher": partial(_run_stoppable, dispatcher),
        "worker": partial(_run_stoppable, worker),
        "reaper": partial(_run_stoppable, reaper),
    }


def _worker(docledger: Docledger) -> Worker:
    """Return a worker with the configured number of slots."""
    from stages.sandbox import Sandbox
    from workers.worker import Worker

    settings = docledger.settings
    for broken in docledger.executors.broken:
        log.error("a stage's executor cannot be loaded", stage=broken.stage_name, why=broken.reason)
    sandbox = Sandbox(settings.worker_slots, settings.stage_memory_bytes)
    docledger.closing.callback(sandbox.close)
    sandbox.warm_up()
    return Worker(
        docledger.database_url,
        commands=docledger.worker_commands,
        blobs=docledger.storage.blobs,
        imported=docledger.imported_contents.find,
        sandbox=sandbox,
        executor_of=docledger.executors.of,
        stages=docledger.executors,
        work_folder=settings.home / "work",
        name=process_name(),
        slots=settings.worker_slots,
        documents=settings.worker_documents,
        lease_seconds=settings.lease_seconds,
        grace_seconds=settings.shutdown_seconds,
    )
