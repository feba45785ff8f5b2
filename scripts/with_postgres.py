"""Run a measurement against an embedded server of its own: with_postgres.py SCRIPT [ARGUMENT …].

The script is given the server's database URL as its first argument. The server lives in a
temporary folder and is gone afterwards.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from docledger.embedded_postgres import EmbeddedPostgres


def main() -> int:
    """Return the script's exit code."""
    script, *arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="docledger-bench-") as home:
        server = EmbeddedPostgres(Path(home))
        try:
            command = [sys.executable, script, server.start(), *arguments]
            return subprocess.run(command, check=False).returncode
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
