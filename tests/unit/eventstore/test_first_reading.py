"""The first events that a process reads, by many threads at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FROZEN = Path(__file__).parents[2] / "fixtures" / "events"
PROCESSES = 5
READ_AT_ONCE = """
import sys
from pathlib import Path
from threading import Barrier, Thread

from eventstore.mapper import read_rows
from eventstore.recorded import UnreadableEvent

files = Path(sys.argv[1]).glob("*.v*")
rows = [
    ("annual-report", 7, p.name.partition(".")[0], p.read_bytes().rstrip(), 0) for p in files
]
together = Barrier(8)
read = []

def read_all():
    together.wait()
    read.extend(read_rows(rows, lambda *_: None))

sys.setswitchinterval(1e-6)
threads = [Thread(target=read_all) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(not isinstance(r.event, UnreadableEvent) for r in read) // len(rows))
"""


@pytest.mark.parametrize("_number", range(PROCESSES))
def test_threads_may_read_the_first_events_together(_number: int) -> None:
    """A process of its own each time: what was read once is known, and does not show it again."""
    command = [sys.executable, "-c", READ_AT_ONCE, str(FROZEN)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "8\n", "")
