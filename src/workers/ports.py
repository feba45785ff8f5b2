"""What a worker is handed: how it sends commands, reads and stores contents, runs executors."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from domain.commands import Command
from eventstore.append_round import Committed
from stages.executor import StageOutcome, StageTask


class Commands(Protocol):
    """The write side of the log; safe to use from many threads."""

    def submit(self, command: Command) -> Future[Committed]:
        """Return the future of the command's answer; it raises Refused or Unavailable."""

    def execute(self, command: Command, expected_version: int | None = None) -> Committed:
        """Wait for the command's answer; raises Refused or Unavailable."""

    def load(self, document_id: str) -> Committed:
        """Return the document as the log has it now; raises DocumentNotFound or Unavailable."""


class StoredBlob(Protocol):
    """Content that is stored for good."""

    @property
    def checksum(self) -> str:
        """SHA-256 in hex."""

    @property
    def size_bytes(self) -> int:
        """The size."""


class Blobs(Protocol):
    """Contents by checksum; raises the errors of `domain.storage_errors`."""

    def put_file(self, path: Path) -> StoredBlob:
        """Store a copy of a local file."""

    def put_stream(self, chunks: Iterable[bytes]) -> StoredBlob:
        """Store the chunks as one content."""

    def local_path(self, checksum: str) -> AbstractContextManager[Path]:
        """Lend the content as a local file, to be read only, until the block ends."""


class Sandbox(Protocol):
    """Processes in which executors run."""

    def run(
        self, task: StageTask, timeout_seconds: float, cancelled: threading.Event | None = None
    ) -> StageOutcome:
        """Execute the task; raises StageError, StageCancelled once `cancelled` is set."""
