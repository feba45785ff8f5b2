"""The command line and the line of JSON of a pipeline that is run for one round."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence

STEPS = 5
PAUSE_SECONDS = 0.05
"""How long everybody rests before a lone document, which as a rule finds nobody awake."""


def arguments(description: str | None) -> argparse.Namespace:
    """Return `dsn` of an empty database, `documents` at once, and `lone` ones after each other."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("dsn")
    parser.add_argument("documents", type=int)
    parser.add_argument("--lone", type=int, default=20)
    parser.add_argument("--server", help="a server's program, where one is needed")
    parser.add_argument("--serve", type=int, help="serve the steps on this port")
    return parser.parse_args()


def tell(documents: int, seconds: float, lone_seconds: Sequence[float]) -> None:
    """Print documents a second, and how long a lone document took, in milliseconds."""
    lone = sorted(lone_seconds)
    told = {
        "documents_per_second": documents / seconds,
        "lone_p50_ms": 1000 * statistics.median(lone),
        "lone_max_ms": 1000 * lone[-1],
    }
    print(json.dumps(told), flush=True)
