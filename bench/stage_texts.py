"""How long do the optimizer and the chunker take for texts of all kinds, beside an older checkout?

    python bench/stage_texts.py [URL] [--old CHECKOUT] [--kilobytes 250] [--rounds 3] [--limit 60]

Each text is made here, in two sizes, the larger four times the smaller, so that a time that grows
faster than the text shows. Each measurement is a process of its own, told to end after `--limit`
seconds of processor time; one of the old checkout that did not finish is null, one of this checkout
counts as no speed at all. The old checkout is run by the Python of its own `.venv` if it has one.
`make bench` gives a server's URL, which is not needed. Prints one JSON line: megabytes a second by
text, stage and side, and `growth`, how many times as long four times the text takes; null where
that is over too soon to tell.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness.figures import emit, interleaved, significant, spread
from harness.processes import ROOT

_PROSE = "The keeper lit the lamp at dusk and wrote in the *log*: wind north-west, 14 knots. "
_LOG = "2026-05-01 12:00:00 INFO worker[0] finished job <0> in 0 ms path=/a/b_0*.txt\n"
_THAI = "ประเทศไทยรวมเลือดเนื้อชาติเชื้อไทยเป็นประชารัฐไผทของไทยทุกส่วน"
_RUN = """
import gc, resource, sys, time
from pathlib import Path
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[3]), int(sys.argv[3])))
from stages.{module} import {function} as run
run("Some *words*.")
gc.freeze()
gc.set_threshold(50_000, 20, 100)  # as in a worker's process
text = Path(sys.argv[1]).read_text(encoding="utf-8")
started = time.process_time()
run(text)
print(time.process_time() - started)
"""
_NOT_FINISHED = {"megabytes_per_second": 0.0, "growth": 100.0}
_TELLING = 0.02  # seconds; less says nothing about growth
_SHORTEST = 1e-4  # the clock has no finer step
STAGES = {"optimizer": "optimize", "chunker": "chunk"}


def texts() -> dict[str, Callable[[int], str]]:
    """Return what makes each text, given its bytes."""
    payload = random.Random(9)

    def picture(size: int) -> str:
        content = base64.b64encode(payload.randbytes(size * 3 // 4)).decode()
        return f"# Plot\n\nBefore.\n\n![plot](data:image/png;base64,{content})\n\nAfter.\n"

    def repeated(piece: str, head: str = "") -> Callable[[int], str]:
        return lambda size: head + piece * (size // len(piece.encode()))

    return {
        "prose": repeated(_PROSE * 8 + "\n\n"),
        "one paragraph": repeated(_PROSE),
        "Thai": repeated(_THAI),
        "log": repeated(_LOG),
        "table": repeated("| 12 | harbour |\n", "| a | b |\n| --- | --- |\n"),
        "headings": repeated("## Three short words\n\n### And three more\n\n"),
        "short paragraphs": repeated("Three short words\n\n"),
        "changelog": repeated(
            "- Mend the lamp ([#12](https://varn.example/issues/12)) by"
            " [@keeper](https://varn.example/keeper)\n",
            "## [1.2.0](https://varn.example/compare/v1.1...v1.2)\n\n",
        ),
        "changelog, many lists": repeated(
            "## [1.2.0](https://varn.example/compare/v1.1...v1.2)\n\n"
            + "* Mend the lamp ([#12](https://varn.example/issues/12)) by @keeper\n" * 6
            + "\n"
        ),
        "nested lists": repeated("- one thing\n  - below it\n    - and below that\n"),
        "quotes": repeated("> A line of *words* that was quoted.\n> And another.\n\n"),
        "marks": repeated(
            "**Both** _words_ of `code_x` and [link](http://x.y/1): <b>bold</b>.\n\n"
        ),
        "escapes": repeated("One \\_word\\_ and \\*two\\* of \\[three\\] cost 5 \\# each.\n\n"),
        "formulas": repeated("Then \\(x_1 + y\\) is $a*b*c$ and \\[ z = 1 \\] of *it*.\n\n"),
        "list": repeated("- item of the list with some words\n"),
        "code": lambda size: "```\n" + "some code = here(1)\n" * (size // 20) + "```\n",
        "no blanks": repeated("x"),
        "picture": picture,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?")
    parser.add_argument("--old", type=Path)
    parser.add_argument("--kilobytes", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=60)
    given = parser.parse_args()
    sides = {"new": ROOT} | ({"old": given.old.resolve()} if given.old else {})
    figures: dict[str, Any] = {}
    for name, make in texts().items():
        figures[name] = {stage: measured(stage, make, sides, given) for stage in STAGES}
        print(f"{name}: {json.dumps(figures[name])}", file=sys.stderr, flush=True)
    emit({"kilobytes": given.kilobytes, "rounds": given.rounds, "texts": figures})


def measured(
    stage: str, make: Callable[[int], str], sides: dict[str, Path], given: argparse.Namespace
) -> dict[str, Any]:
    """Return megabytes a second of each side, and by how much four times the text takes longer."""
    sizes = {"whole": given.kilobytes * 1000, "quarter": given.kilobytes * 250}
    ways = {
        f"{side} {size}": partial(seconds, stage, make(count), root, given.limit)
        for side, root in sides.items()
        for size, count in sizes.items()
    }
    taken = interleaved(given.rounds, ways)
    result: dict[str, Any] = {}
    for side in sides:
        whole, quarter = taken[f"{side} whole"], taken[f"{side} quarter"]
        unfinished = None if side == "old" else _NOT_FINISHED
        result[side] = unfinished if None in whole else rates(sizes["whole"], whole, quarter)
    return result


def rates(size: int, whole: Sequence[float | None], quarter: Sequence[float | None]) -> Any:
    """Return megabytes a second, and how many times a quarter's time the whole takes."""
    seconds_each = [max(each or 0, _SHORTEST) for each in whole]
    longest = max(*(each or 0 for each in quarter), _SHORTEST)
    telling = min(seconds_each) >= _TELLING
    return {
        "megabytes_per_second": spread([size / 1e6 / each for each in seconds_each]),
        "growth": significant(min(seconds_each) / longest) if telling else None,
    }


def seconds(stage: str, text: str, root: Path, limit: int) -> float | None:
    """Return the processor time of one run; None if it was not through in time."""
    own = root / ".venv" / "bin" / "python"
    run = subprocess.run(
        [
            str(own) if own.exists() else sys.executable,
            "-c",
            _RUN.format(module=stage, function=STAGES[stage]),
            "/dev/stdin",
            "",
            str(limit),
        ],
        env={"PYTHONPATH": str(root / "src"), "PYTHONUTF8": "1"},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    return float(run.stdout) if run.returncode == 0 else None


if __name__ == "__main__":
    main()
