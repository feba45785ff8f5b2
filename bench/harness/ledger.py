"""docledger as its operators run it: the command line, and each role as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness.databases import execute, rows, settle, value
from harness.load import WrongAnswers
from harness.processes import BENCH, ROOT, Running, at_zero, free_port

STAGES = ("markdown-conversion", "markdown-optimizer", "chunker", "fact-generator", "ingestor")

DOCUMENTS = """
    INSERT INTO documents (id, title, realm_id, created_at, updated_at)
    SELECT 'doc-' || lpad(n::text, 8, '0'), 'Report ' || n || ' of the northern branch',
        'realm-' || n %% 7, timestamptz '2020-01-01Z' + n * interval '1 minute',
        timestamptz '2024-01-01Z'
    FROM generate_series(%s::int, %s::int) n
"""
GAPS = """
    SELECT count(*) FROM (SELECT FROM docledger_events GROUP BY originator_id
        HAVING count(*) <> max(originator_version) OR min(originator_version) <> 1) AS gap
"""
LAG = """
    SELECT coalesce((SELECT max(notification_id) FROM docledger_events), 0)
        - coalesce((SELECT position FROM tracking WHERE projection = 'read_models'), 0)
"""


class Ledger:
    """docledger on one database, with files under `home`.

    It is the program of `checkout`, run by the Python of that checkout's own `.venv` if it has one.
    """

    def __init__(self, dsn: str, home: Path, checkout: Path = ROOT) -> None:
        self.dsn = dsn
        self.home = home
        self.home.mkdir(parents=True, exist_ok=True)
        self._checkout = checkout
        own = checkout / ".venv" / "bin" / "python"
        self._program = (str(own) if own.exists() else sys.executable, "-m", "docledger")
        self._environment = {
            "PYTHONPATH": os.pathsep.join((str(checkout / "src"), str(BENCH))),
            "DOCLEDGER_DATABASE_URL": dsn,
            "DOCLEDGER_HOME": str(home),
            "DOCLEDGER_LOG_LEVEL": "warning",
        }

    def run(self, *arguments: str) -> str:
        """Run a command and return what it printed; raises WrongAnswers if it failed."""
        run = subprocess.run(
            [*self._program, *arguments],
            env={**os.environ, **self._environment},
            cwd=self._checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise WrongAnswers(f"docledger {arguments}: {run.stdout[-2000:]}{run.stderr[-2000:]}")
        return run.stdout

    def serve(self) -> tuple[Running, str]:
        """Start an API process; return it and its URL."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        command = (*self._program, "serve", "--port", str(port))
        return self._running(command, url=f"{url}/readyz"), url

    def start(self, role: str) -> Running:
        """Start `project` or `work`."""
        return self._running((*self._program, role))

    def _running(self, command: tuple[str, ...], url: str | None = None) -> Running:
        return Running(command, url=url, environment=self._environment, folder=self._checkout)

    def load(self, documents: int, *, first: int = 1) -> dict[str, Any]:
        """Take documents in through `import-documents`, which gives each its five stages.

        Returns the import's own report.
        """
        execute(self.dsn, "ALTER TABLE documents DISABLE TRIGGER USER")
        execute(self.dsn, DOCUMENTS, (first, documents))
        execute(self.dsn, "ALTER TABLE documents ENABLE TRIGGER USER")
        report: dict[str, Any] = json.loads(self.run("import-documents", "--json"))
        if report["documents"] != documents - first + 1:
            raise WrongAnswers(f"import-documents: {report}")
        settle(self.dsn)
        return report

    def events(self, *topics: str) -> int:
        """Return how many events there are; only those of these topics if any is named."""
        if not topics:
            return int(value(self.dsn, "SELECT count(*) FROM docledger_events"))
        query = "SELECT count(*) FROM docledger_events WHERE topic = ANY (%s)"
        return int(value(self.dsn, query, (list(topics),)))

    def topics_after(self, position: int) -> dict[str, int]:
        """Return how many events of each topic came after the position."""
        query = "SELECT topic, count(*) FROM docledger_events WHERE notification_id > %s GROUP BY 1"
        return {str(topic): int(count) for topic, count in rows(self.dsn, query, (position,))}

    def position(self) -> int:
        """Return the position of the newest event."""
        return int(
            value(self.dsn, "SELECT coalesce(max(notification_id), 0) FROM docledger_events")
        )

    def lag(self) -> int:
        """Return how many positions the read models are behind the log."""
        return int(value(self.dsn, LAG))

    def catch_up(self, seconds: float = 120) -> float:
        """Wait until the read models are at the log; return the seconds that it took."""
        return at_zero(self.lag, seconds)

    def check(self) -> dict[str, Any]:
        """See that versions are gapless and that `verify` finds log and tables the same."""
        gaps = int(value(self.dsn, GAPS))
        started = time.monotonic()
        found = json.loads(self.run("verify", "--json"))
        if gaps or not found["ok"]:
            raise WrongAnswers(f"{gaps} gaps; verify: {json.dumps(found)[:2000]}")
        return {"gaps": gaps, "verify": "clean", "verify_seconds": time.monotonic() - started}
