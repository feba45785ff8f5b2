"""Run the measurements of bench/rows.toml and write docs/reference/performance.md.

    python bench/run.py [--only NAME …] [--rounds 5] [--old CHECKOUT] [--draw]

Each measurement gets a PostgreSQL server of its own. What it prints is kept beside the page, so
that the page can be drawn anew without it (`--draw`) and a run of some leaves the others' rows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from harness.machine import machine, versions
from harness.processes import BENCH, ROOT, end_in_good_order
from harness.report import Report
from with_postgres import server

PAGE = ROOT / "docs" / "reference" / "performance.md"
RESULTS = PAGE.with_suffix("")
OTHER_ENVIRONMENT = ROOT / ".venv-bench"


def main() -> int:
    """Return 1 if a measurement failed; its rows then stay as they were."""
    rows = tomllib.loads((BENCH / "rows.toml").read_text())
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(rows["script"]), default=[])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--old", help="an older checkout, for measurements beside one")
    parser.add_argument("--draw", action="store_true", help="measure nothing, draw the page")
    given = parser.parse_args()
    end_in_good_order()
    RESULTS.mkdir(exist_ok=True)
    failed = []
    for name, how in rows["script"].items():
        if given.draw or (given.only and name not in given.only):
            continue
        if not (BENCH / f"{name}.py").exists():
            print(f"{name}: bench/{name}.py is not there", flush=True)
        elif not measure(name, how, given.rounds, given.old):
            failed.append(name)
        draw(rows)
    draw(rows)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


def measure(name: str, how: Mapping[str, Any], rounds: int, old: str | None) -> bool:
    """Run one measurement and keep what it prints; return False if it failed."""
    arguments = [str(argument) for argument in how.get("arguments", ())]
    if how.get("rounds"):
        arguments += ["--rounds", str(rounds)]
    if how.get("old") and old:
        arguments += ["--old", old]
    started = time.monotonic()
    with server(embedded=False) as url:
        ran_with = versions(url, OTHER_ENVIRONMENT)
        run = subprocess.run(
            [sys.executable, str(BENCH / f"{name}.py"), url, *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(BENCH), str(ROOT / "tests")))},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    seconds = time.monotonic() - started
    print(f"{name}: {'failed' if run.returncode else 'done'} in {seconds:.0f} s", flush=True)
    if run.returncode:
        return False
    kept = {
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "arguments": [str(each) for each in arguments if each != old],
        "seconds": round(seconds),
        "machine": machine(),
        "versions": ran_with,
        "figures": json.loads(run.stdout.strip().splitlines()[-1]),
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    return True


def draw(rows: Mapping[str, Any]) -> None:
    """Draw charts, where there is what draws them, and the page."""
    python = OTHER_ENVIRONMENT / "bin" / "python"
    if python.exists():
        subprocess.run([python, BENCH / "charts.py", RESULTS], check=True, cwd=BENCH)
    charts = [
        (chart["title"], f"{RESULTS.name}/{chart['name']}.svg")
        for chart in rows.get("chart", ())
        if (RESULTS / f"{chart['name']}.svg").exists()
    ]
    PAGE.write_text(Report.read(rows, RESULTS).markdown(charts))


if __name__ == "__main__":
    sys.exit(main())
