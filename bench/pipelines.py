"""How many documents go through five stages that do nothing, beside what else runs pipelines?

    python bench/pipelines.py DSN [--rounds 5] [--documents 500] [--lone 20]

docledger with one worker process (bench/pipeline.py), DBOS, Restate and procrastinate, each a
round's length at a time in a database of its own on the one server, in turn. DBOS and Restate need
the environment .venv-bench, Restate its server from npm, which `make bench` brings; what is not
there is told and left out. Peers get fewer documents, for they are slower: each runs for some
seconds. A lone document is handed in when everybody has rested a moment, on all sides alike. Every
document must have gone through every stage. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from harness.databases import own_database
from harness.figures import emit, figure, interleaved, significant, summary
from harness.processes import BENCH, ROOT, end_in_good_order

OTHER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
RESTATE_PACKAGES = BENCH / "peers" / "node_modules" / "@restatedev"
# Of the documents that docledger gets; a peer's round takes about five seconds.
PARTS = {"dbos": 5, "restate": 2, "procrastinate": 4}

Round = dict[str, float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--lone", type=int, default=20)
    given = parser.parse_args()
    end_in_good_order()
    restate = next(RESTATE_PACKAGES.glob("restate-server-*/bin/restate-server"), None)
    peers: dict[str, tuple[Path, list[str], bool]] = {
        "dbos": (OTHER_PYTHON, [], OTHER_PYTHON.exists()),
        "restate": (
            OTHER_PYTHON,
            ["--server", str(restate)],
            OTHER_PYTHON.exists() and restate is not None,
        ),
        "procrastinate": (Path(sys.executable), [], True),
    }
    ways: dict[str, Callable[[], Round]] = {"docledger": partial(docledger, given)}
    for name, (python, more, is_there) in peers.items():
        if is_there:
            ways[name] = partial(peer, name, python, more, given)
    figures: dict[str, Any] = {
        name: summary(each) for name, each in interleaved(given.rounds, ways).items()
    }
    absent = {name: "not to be had here" for name in peers if name not in ways}
    emit({"documents": given.documents, "rounds": given.rounds, **figures, "absent": absent})


def peer(name: str, python: Path, more: list[str], given: argparse.Namespace) -> Round:
    """Return a round of a peer."""
    documents = max(1, given.documents // PARTS[name])
    with own_database(given.dsn, f"bench_{name}") as dsn:
        command = [str(python), "-m", f"peers.{name}_pipeline", dsn, str(documents)]
        return _told([*command, "--lone", str(given.lone), *more])


def docledger(given: argparse.Namespace) -> Round:
    """Return a round of docledger."""
    command = [sys.executable, str(BENCH / "pipeline.py"), given.dsn, str(given.documents)]
    told = _told([*command, "--rounds", "1", "--lone", str(given.lone)])
    found = {name: figure(told, name) for name, each in told.items() if isinstance(each, list)}
    return {name: significant(number) for name, number in found.items() if number is not None}


def _told(command: list[str]) -> dict[str, Any]:
    """Return the JSON that a round ends with."""
    run = subprocess.run(
        command,
        cwd=BENCH,
        env={**os.environ, "PYTHONPATH": str(BENCH)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=600,
    )
    told: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return told


if __name__ == "__main__":
    main()
