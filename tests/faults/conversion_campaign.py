"""Converts hostile documents of a size of your choice in the sandbox, and says how each ended.

    python -m tests.faults.conversion_campaign [--bytes 100000000] [--seconds 600] [--only WORDS]
        [--names .html,.csv] [--memory-bytes 2147483648]

Each must be completed, or refused for good; a process that dies or runs out of time is told, and
the command ends with 1. Time and the most memory that the process held stand beside each.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS)] if str(TESTS) not in sys.path else []

from stages.errors import StageError  # noqa: E402
from stages.sandbox import Sandbox  # noqa: E402
from unit.stages.hostile import HOSTILE  # noqa: E402
from unit.stages.making import input_file, task_of  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bytes", type=int, default=100_000_000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--only", default="")
    parser.add_argument("--names", default="", help="suffixes of the files to try, all by default")
    parser.add_argument("--memory-bytes", type=int, default=2 << 30)
    given = parser.parse_args()
    failed = 0
    suffixes = tuple(given.names.split(",")) if given.names else ("",)
    for case, (name, _) in HOSTILE.items():
        if given.only in case and name.endswith(suffixes):
            with Sandbox(1, given.memory_bytes) as sandbox:
                failed += not _ended_well(sandbox, case, given.bytes, given.seconds)
    sys.exit(bool(failed))


def _ended_well(sandbox: Sandbox, case: str, size_bytes: int, seconds: float) -> bool:
    name, make = HOSTILE[case]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content"
        path.write_bytes(make(size_bytes))
        task = task_of("markdown-conversion", Path(folder) / "work", input_file(path, name=name))
        started = time.monotonic()
        try:
            sandbox.run(task, seconds)
            end, well = "completed", True
        except StageError as error:
            end, well = f"{type(error).__name__}: {error}", not error.retryable
    took, held = time.monotonic() - started, _most_megabytes(sandbox)
    word = "well" if well else "BADLY"
    sys.stdout.write(f"{word}\t{took:.1f} s\t{held} MB\t{case}\t{end}\n")
    sys.stdout.flush()
    return well


def _most_megabytes(sandbox: Sandbox) -> str:
    """Return what the process held at most, `?` of one that is no more (Linux)."""
    try:
        status = Path(f"/proc/{sandbox.children[0].process_id}/status").read_text()
    except OSError:
        return "?"
    return str(int(status.partition("VmHWM:")[2].split()[0]) >> 10)


if __name__ == "__main__":
    main()
