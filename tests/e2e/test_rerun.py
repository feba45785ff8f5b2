"""Documents that docledger converted by its first converter are converted again by today's.

`fixtures/converted_by_1` is what commit d840864 made of four documents: its log and its contents.
"""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import psycopg
import pytest

from docledger.commands.reruns import command
from docledger.settings import Settings
from domain.errors import InvalidValue
from e2e.installation import Installation, wait_for
from files.local_blobs import LocalBlobStore
from postgres.embedded.server import EmbeddedPostgres
from stages.registry import discover

OLDER = Path(__file__).parents[1] / "fixtures" / "converted_by_1"
STAGE, OLD = "markdown-conversion", "markdown-conversion/1"
NEW = f"{STAGE}/{discover(search_store=None).of(STAGE).version}"
POWERS = f"/v1/documents/powers/stages/{STAGE}/files/powers.md"
CHUNKS = "/v1/documents/areas/stages/chunker/files/areas.chunks.json"
ARGUMENTS = ("rerun", "--stage", STAGE, "--executor", OLD)


def restore(installation: Installation) -> None:
    """Make the home of the older docledger one of today's."""
    blobs = LocalBlobStore(installation.uploads)
    for path in (OLDER / "contents").iterdir():
        assert blobs.put_stream([path.read_bytes()]).checksum == path.name
    for arguments in (("migrate", "up"), ("events", "import", str(OLDER / "events.jsonl"))):
        done = installation.run(*arguments)
        assert done.returncode == 0, done.stderr


def requested(installation: Installation) -> int:
    """Return how many re-runs the log has asked for."""
    query = "SELECT count(*) FROM docledger_events WHERE topic = 'StageRerunRequested'"
    if (url := EmbeddedPostgres(installation.home).status().database_url) is None:
        return 0
    with psycopg.connect(url) as connection:
        return int(connection.execute(query).fetchall()[0][0])


class Reader(threading.Thread):
    """Reads an output again and again, and keeps what it was answered."""

    def __init__(self, client: httpx.Client, path: str) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._path = path
        self._over = threading.Event()
        self.seen: list[tuple[int, str]] = []

    def run(self) -> None:
        while not self._over.wait(0.01):
            answer = self._client.get(self._path)
            if (found := (answer.status_code, answer.text)) not in self.seen[-1:]:
                self.seen.append(found)

    def stop(self) -> None:
        """Read no more."""
        self._over.set()
        self.join()


def test_outputs_of_an_older_executor_are_made_again(own_installation: Installation) -> None:
    restore(own_installation)
    killed = own_installation.start(*ARGUMENTS, "--limit", "2")
    wait_for(lambda: requested(own_installation) == 2, 60, killed.said)
    own_installation.kill_everything()

    service = own_installation.up()
    with service.client() as client, service.client() as other:
        assert client.get(POWERS).status_code == httpx.codes.OK
        reader = Reader(other, POWERS)
        reader.start()
        rest = own_installation.json(*ARGUMENTS)
        reader.stop()
        assert (rest["failed"], rest["refused"]) == (0, {})
        assert rest["madeBy"] == {NEW: rest["done"]}
        assert requested(own_installation) == 4
        assert own_installation.json(*ARGUMENTS, "--dry-run")["matched"] == 0

        assert [code for code, _ in reader.seen] == [httpx.codes.OK] * 2
        assert "106 m3" in reader.seen[0][1]
        assert "10<sup>6</sup> m<sup>3</sup>" in reader.seen[1][1]
        assert "106 m3" in client.get(POWERS, params={"version": "1"}).text
        wait_for(lambda: "km<sup>2</sup>" in client.get(CHUNKS).text)
        assert attempts(client, "powers") == [("completed", 2)] * 5
        wait_for(lambda: attempts(client, "areas") == [("completed", 2)] * 5)
        # an equal output ends it there, and what never ran downstream is left to be told
        assert attempts(client, "notes") == [("completed", 2), *[("completed", 1)] * 4]
        assert attempts(client, "struck") == [("completed", 2), *[("pending", 1)] * 4]
    assert own_installation.json("verify")["ok"]
    assert own_installation.run("rebuild", "--dry-run").returncode == 0


def attempts(client: httpx.Client, document_id: str) -> list[tuple[str, int]]:
    """Return the status and the attempt of each stage, in order."""
    stages = client.get(f"/v1/documents/{document_id}/stages").json()["items"]
    return [(stage["status"], stage["attempt"]) for stage in stages]


def test_an_executor_of_another_stage_is_told() -> None:
    with pytest.raises(InvalidValue, match="give it as markdown-conversion/VERSION"):
        command.rerun(Settings.load(), STAGE, "chunker/1", limit=None, dry_run=True, as_json=False)
