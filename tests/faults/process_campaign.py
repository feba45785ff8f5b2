"""Kills docledger outright at random moments, over and over on one home, and checks what is left.

    python -m tests.faults.process_campaign --seed 7 --count 20

Each round starts `docledger process` on a few documents or posts them to `docledger up`, kills
processes at a moment that the seed decides, starts `docledger up`, perhaps kills that as well, and
waits until everything is settled: every registered document is completed, or failed with a reason.
Then log, fresh fold, tables, API, blobs and the uploads tree must agree.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS)] if str(TESTS) not in sys.path else []

from e2e.installation import Installation, Service, installed, wait_for  # noqa: E402
from e2e.papers import long_pdf, small_papers  # noqa: E402
from e2e.truth import assert_everything_agrees, pages  # noqa: E402

SAMPLES = TESTS.parent / "samples"
SETTLE_SECONDS = 120
LEASE_SECONDS = "2"


@dataclass
class Campaign:
    """One home that is hurt again and again; `say` is told what is done."""

    installation: Installation
    random: Random
    folder: Path
    say: Callable[[str], None]
    posted: dict[str, bool] = field(default_factory=dict)

    def round_of_process(self) -> None:
        """Kill `docledger process` and all that belongs to it, the server or not."""
        papers = self._papers()
        running = self.installation.start("process", *papers)
        moment = self._moment(lambda: f"{len(papers)} documents registered\n" in running.lines)
        self._kill(self.random.random() < 0.5, f"process on {len(papers)}, {moment}")
        running.wait()
        self._settle()

    def round_of_posts(self) -> None:
        """Kill the API while documents are handed in: alone, or with everything else."""
        service = self.installation.up()
        with ThreadPoolExecutor(1) as thread:
            posting = thread.submit(self._post_many, service)
            for _ in range(self.random.randint(1, 2)):
                time.sleep(self.random.uniform(0.02, 0.6))
                if (serve := service.children().get("serve")) is not None:
                    self.say("  the API is killed")
                    with suppress(psutil.NoSuchProcess):
                        serve.kill()
            if self.random.random() < 0.5:
                time.sleep(self.random.uniform(0, 0.5))
                self._kill(self.random.random() < 0.5, "up, while documents are handed in")
            posting.result()
        service.process.kill()
        self.installation.kill_everything(and_the_server=False)
        service.wait()
        self._settle()

    def _papers(self) -> list[Path]:
        """Return a few documents: samples, small ones, a PDF that takes a while, a broken one."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        samples = sorted(path for path in SAMPLES.iterdir() if path.is_file())
        papers = self.random.sample(samples, min(3, len(samples)))
        papers += small_papers(folder, self.random.randint(1, 3))
        if self.random.random() < 0.5:
            papers.append(_written(folder / "long.pdf", long_pdf(30)))
        if self.random.random() < 0.3:
            papers.append(_written(folder / "broken.docx", b"PK\x03\x04 broken"))
        return papers

    def _moment(self, registered: Callable[[], bool]) -> str:
        """Wait for a random moment; return which: most are after the documents were registered."""
        if self.random.random() < 0.25:
            seconds = self.random.uniform(0, 6)
            time.sleep(seconds)
            return f"{seconds:.2f} s after it began"
        wait_for(registered, 60)
        seconds = self.random.uniform(0, 4)
        time.sleep(seconds)
        return f"{seconds:.2f} s after all were registered"

    def _kill(self, and_the_server: bool, what: str) -> None:
        self.say(f"  {what}: killed{', with the server' if and_the_server else ''}")
        self.installation.kill_everything(and_the_server=and_the_server)

    def _post_many(self, service: Service) -> None:
        """Post documents in pieces until the service is gone for good, or twelve are through."""
        for _ in range(12):
            document_id = f"posted-{len(self.posted)}"
            self.posted[document_id] = False
            with suppress(httpx.HTTPError), service.client() as client:
                answer = client.post(
                    "/v1/documents",
                    content=_form(document_id, self.random.randint(1, 40)),
                    headers={"Content-Type": "multipart/form-data; boundary=part"},
                )
                self.posted[document_id] = answer.status_code == httpx.codes.CREATED

    def _settle(self) -> None:
        """Run `docledger up`, perhaps kill it once more, until all is over; check everything."""
        if self.random.random() < 0.3:
            service = self.installation.up()
            time.sleep(self.random.uniform(0, 2))
            self._kill(self.random.random() < 0.5, "up, while it settles")
            service.wait()
        service = self.installation.up()
        with service.client() as client:
            wait_for(
                lambda: not unsettled(client),
                SETTLE_SECONDS,
                lambda: f"unsettled: {unsettled(client)}\n{service.said()[-8000:]}",
            )
            self._check(client)
        assert service.stop() == 0, service.said()
        assert self.installation.processes() == []

    def _check(self, client: httpx.Client) -> None:
        documents = {document["id"]: document for document in pages(client, "/v1/documents")}
        for document_id, acknowledged in self.posted.items():
            assert document_id in documents or not acknowledged, document_id
        for document in documents.values():
            assert_over(document)
        assert_everything_agrees(self.installation, client)
        ends = [d["processingWorkflow"]["status"] for d in documents.values()]
        retries = sum(stage["retryCount"] for d in documents.values() for stage in d["stages"])
        self.say(f"  {len(ends)} documents, {ends.count('failed')} failed, {retries} retries")


def unsettled(client: httpx.Client) -> list[tuple[str, str]]:
    """Return the documents with which something is still to happen, and their status."""
    documents = pages(client, "/v1/documents")
    found = [(d["id"], (d["processingWorkflow"] or {}).get("status", "none")) for d in documents]
    return [(i, status) for i, status in found if status not in ("completed", "failed")]


def assert_over(document: dict[str, Any]) -> None:
    """Check that a document ended in order: nothing in progress, and a reason where it failed."""
    statuses = [stage["status"] for stage in document["stages"]]
    if document["processingWorkflow"]["status"] == "completed":
        assert set(statuses) == {"completed"}, document
        return
    assert statuses.count("failed") == 1, document
    assert set(statuses) <= {"completed", "failed", "pending"}, document
    assert document["stages"][statuses.index("failed")]["errorMessage"], document
    assert document["title"] == "broken", document


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _form(document_id: str, pieces: int) -> Iterator[bytes]:
    """Give a multipart form with a text of so many pieces, slowly enough to be cut in two."""
    fields = {"id": document_id, "workflowType": "automatic"}
    for name, value in fields.items():
        yield (
            f'--part\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        ).encode()
    yield (
        b'--part\r\nContent-Disposition: form-data; name="file"; filename="posted.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\n"
    )
    for piece in range(pieces):
        yield f"The lamp burned {piece} litres of oil in week {document_id}.\n\n".encode() * 20
        time.sleep(0.002)
    yield b"\r\n--part--\r\n"


def run(seed: int, count: int, say: Callable[[str], None] | None = None) -> None:
    """Run `count` rounds of each kind on one home, in an order and at moments of the seed's."""
    say = say or _tell
    random = Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="dl-campaign-"))
    try:
        with installed(lease_seconds=LEASE_SECONDS) as installation:
            campaign = Campaign(installation, random, folder, say)
            rounds = [campaign.round_of_process, campaign.round_of_posts] * count
            random.shuffle(rounds)
            for number, each in enumerate(rounds, start=1):
                say(f"round {number} of {len(rounds)}: {each.__name__.removeprefix('round_of_')}")
                each()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Run a campaign from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, required=True, help="decides every moment and choice")
    parser.add_argument("--count", type=int, default=10, help="rounds of each kind")
    arguments = parser.parse_args()
    started = time.monotonic()
    run(arguments.seed, arguments.count)
    _tell(f"nothing was lost; {time.monotonic() - started:.0f} s")


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
