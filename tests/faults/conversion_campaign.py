"""Takes hostile documents through all stages but the last, and says how each ended.

    python -m faults.conversion_campaign [--bytes 100000000] [--seconds 600] [--only WORDS]
        [--names .html,.csv] [--memory-bytes 2147483648] [--mutations 0] [--seed 1]
        [--stages markdown-conversion]

The documents are those of `unit.stages.hostile`, made for `--bytes`, and `--mutations` samples
that were damaged by the seeds from `--seed` on. Each must be completed, or refused for good with a
reason; one of which a process dies or runs out of time is told, and the command ends with 1. Time
and the most memory that the process held stand beside each.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS)] if str(TESTS) not in sys.path else []

from stages.errors import StageError  # noqa: E402
from stages.sandbox import Sandbox  # noqa: E402
from unit.stages.hostile import HOSTILE, Make  # noqa: E402
from unit.stages.mutations import mutated  # noqa: E402
from unit.stages.staging import STAGES, Case, through_stages  # noqa: E402


def main() -> None:
    given = _arguments()
    failed = 0
    suffixes = tuple(given.names.split(",")) if given.names else ("",)
    for case, make in _cases(given.bytes, given.mutations, given.seed, suffixes):
        if given.only in case:
            with Sandbox(1, given.memory_bytes) as sandbox:
                stages = given.stages.split(",")
                failed += not _ended_well(sandbox, case, make, given.seconds, stages)
    sys.exit(bool(failed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bytes", type=int, default=100_000_000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--only", default="")
    parser.add_argument("--names", default="", help="suffixes of the files to try, all by default")
    parser.add_argument("--memory-bytes", type=int, default=2 << 30)
    parser.add_argument("--mutations", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stages", default=",".join(STAGES))
    return parser.parse_args()


def _cases(
    size_bytes: int, mutations: int, seed: int, suffixes: tuple[str, ...]
) -> Iterator[tuple[str, Case]]:
    for case, (name, make) in HOSTILE.items():
        if name.endswith(suffixes):
            yield case, partial(_made, name, make, size_bytes)
    for number in range(seed, seed + mutations):
        yield f"mutation {number}", partial(mutated, number)


def _made(name: str, make: Make, size_bytes: int) -> tuple[str, bytes]:
    return name, make(size_bytes)


def _ended_well(
    sandbox: Sandbox, case: str, make: Case, seconds: float, stages: Sequence[str]
) -> bool:
    name, content = make()
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        try:
            through_stages(sandbox, Path(folder), name, content, seconds, stages=stages)
            end, well = "completed", True
        except StageError as error:
            end = f"{type(error).__name__}: {error}"
            well = not error.retryable and len(str(error)) > 20
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
