"""Run a measurement against a server of its own: with_postgres.py [--embedded] SCRIPT [ARGUMENT …].

The script is given the server's database URL as its first argument. The server is the
distribution's PostgreSQL, on loopback, with fsync on; `--embedded` takes the one that comes with
docledger. It lives in a temporary folder and is gone afterwards.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from debian_postgres import DebianPostgres, find_binaries
from postgres.embedded.server import EmbeddedPostgres

# What PostgreSQL's manual advises for a server of this machine's memory, and room for the clients;
# everything else is as PostgreSQL comes.
_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
SETTINGS = {"fsync": "on", "shared_buffers": f"{_MEMORY // 4 >> 20}MB", "max_connections": "200"}


class NoPostgres(RuntimeError):
    """There is no PostgreSQL of the distribution; scripts/get-postgres brings it."""


@contextlib.contextmanager
def server(*, embedded: bool) -> Iterator[str]:
    """Give the URL of a server that lives as long as the block."""
    with tempfile.TemporaryDirectory(prefix="docledger-bench-", ignore_cleanup_errors=True) as home:
        own: EmbeddedPostgres | DebianPostgres
        if embedded:
            own = EmbeddedPostgres(Path(home))
        elif (binaries := find_binaries()) is not None:
            own = DebianPostgres(binaries, Path(home), SETTINGS)
        else:
            raise NoPostgres(NoPostgres.__doc__)
        try:
            yield own.start()
        finally:
            own.stop()


def main() -> int:
    """Return the script's exit code."""
    given = sys.argv[1:]
    embedded = given[0] == "--embedded"
    script, *arguments = given[embedded:]
    with server(embedded=embedded) as url:
        command = [sys.executable, script, url, *arguments]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
