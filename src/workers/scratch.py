"""Folders for what executors write: one a worker, found and removed when its worker has died."""

from __future__ import annotations

import fcntl
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_log = logging.getLogger(__name__)

_PREFIX = "docledger-worker-"
_LOCK = "lock"


class Scratch:
    """A folder of this worker's own below `parent`; a lock in it tells that the worker lives."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        # Under a lock, so that nobody takes a folder that is just being made for a dead one's.
        with (parent / f"{_PREFIX}{_LOCK}").open("wb") as common:
            fcntl.flock(common, fcntl.LOCK_EX)
            _remove_left_behind(parent)
            self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            self._lock = (self._folder / _LOCK).open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    @contextmanager
    def work_dir(self) -> Iterator[Path]:
        """Lend an empty folder, removed with all that is in it when the block ends."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove the worker's folder."""
        self._lock.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _remove_left_behind(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            with (folder / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # its worker lives
        _log.info("removing the folder of a worker that died")
        shutil.rmtree(folder, ignore_errors=True)
