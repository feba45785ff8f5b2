"""Clears away, now and then, what nothing names: lost uploads, orphaned blobs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict

import structlog

from files.blobs import BlobStore
from files.sweep import NamedChecksums
from files.tree import DocumentTree

_log = structlog.get_logger()


class Sweeper:
    """Sweeps every `every_seconds`; only what is older than `older_than_seconds` goes.

    `named` opens the checksums that the log names; their content is kept. The age spares uploads
    whose event is still on its way. Nothing is swept unless `may_sweep`: the content of another
    database would pass for content that no event names.
    """

    def __init__(
        self,
        blobs: BlobStore,
        tree: DocumentTree,
        named: NamedChecksums,
        *,
        may_sweep: Callable[[], bool],
        every_seconds: float,
        older_than_seconds: float,
    ) -> None:
        self._blobs = blobs
        self._tree = tree
        self._named = named
        self._may_sweep = may_sweep
        self._every_seconds = every_seconds
        self._older_than_seconds = older_than_seconds

    def run(self, stop: threading.Event) -> None:
        """Sweep until told to stop; what fails is tried again the next time."""
        while not stop.wait(self._every_seconds):
            try:
                self.sweep()
            except Exception as error:  # whatever it is must not end the role
                _log.warning("sweep failed", error=type(error).__name__)

    def sweep(self) -> None:
        """Sweep once."""
        if not self._may_sweep():
            _log.warning("not swept: the storage is not this database's alone, see 'status'")
            return
        swept = self._blobs.sweep(self._named, self._older_than_seconds)
        leftovers = self._tree.sweep(self._older_than_seconds)
        _log.info("swept", **asdict(swept), tree_leftovers=leftovers)
