"""Random commands over HTTP by several clients, and everything readable held against a model.

    cd tests && python -m faults.model_campaign --seed 1 --count 10000 [--clients 4]

`serve` and `project` run as processes of their own. Each client registers, reports, uploads,
executes, pauses, cancels, starts again, deletes and re-registers documents: its own, of which the
model knows each answer ahead, and some that all clients share. Of these the answers that accepted
a command say in which order they landed; in that order the model has to accept them.

After each batch the answers about every document (itself, its files and their versions, its
history, what is next), the list of all, and the tables have to be what the model says; `docledger
verify` in the end. Without a URL an embedded server is started. Exits with 1 and names each
difference.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random

import httpx

from domain.errors import (
    DocumentExists,
    DocumentNotFound,
    IllegalTransition,
    InvalidValue,
    StaleAttempt,
    UnknownStage,
)
from e2e.installation import Installation, installed
from faults.model_checks import Checker, Told
from faults.model_commands import EXECUTED, FILE_TYPE, Commands, Known, Sent
from unit.domain.reference_model import DocumentModel, No

BATCH = 40
DOCUMENTS_A_CLIENT = 3
SHARED = 2
SHARED_SHARE = 0.25
STOP_AFTER = 50
STATUS_OF = {
    DocumentNotFound: 404,
    DocumentExists: 409,
    UnknownStage: 404,
    IllegalTransition: 409,
    StaleAttempt: 409,
    InvalidValue: 422,
}


class Client:
    """One client with documents of its own; each command's answer is held against the model."""

    def __init__(
        self,
        url: str,
        number: int,
        seed: int,
        told: Told,
        shared: Sequence[Known],
        *,
        deletes: bool,
    ) -> None:
        self.http = httpx.Client(base_url=f"{url}/v1", timeout=60)
        self.chance = Random(f"{seed}-{number}")
        self.documents = [Known(f"c{number}-d{n}") for n in range(DOCUMENTS_A_CLIENT)]
        self._commands = Commands(self.chance, deletes=deletes)
        self._shared = shared
        self._told = told
        self.checker = Checker(self.http, told)
        self.accepted: list[tuple[Known, Sent, httpx.Response]] = []

    def batch(self, count: int) -> None:
        """Send so many commands, one after the other."""
        for _ in range(count):
            if self._shared and self.chance.random() < SHARED_SHARE:
                known = self.chance.choice(self._shared)
                self._contend(known, self._commands.draw(known))
            else:
                known = self.chance.choice(self.documents)
                self._send(known, self._commands.draw(known))

    def check(self) -> None:
        """Hold everything about the client's own documents against the model."""
        for known in self.documents:
            self.checker.check(known)

    def _contend(self, known: Known, sent: Sent) -> None:
        """Send a command for a document that others change at the same time."""
        answer = sent.send(self.http)
        self._told.by_status[answer.status_code] += 1
        if answer.status_code == sent.accepted:
            self.accepted.append((known, sent, answer))
        elif answer.status_code not in (404, 409, 422, 503):
            self.checker.differ(known, f"{sent.name}: {answer.status_code}", answer)

    def replay(self, known: Known, sent: Sent, answer: httpx.Response) -> None:
        """Have the model accept what was accepted."""
        after = known.model.copy()
        try:
            sent.apply(after)
        except No as no:
            self.checker.differ(
                known, f"{sent.name} was accepted at {_position(answer)}: {no}", answer
            )
            return
        self._note(known, sent, after, answer)

    def _send(self, known: Known, sent: Sent) -> None:
        after = known.model.copy()
        expected = sent.accepted
        try:
            sent.apply(after)
        except No as no:
            expected, after = STATUS_OF[no.error], known.model
        answer = sent.send(self.http)
        self._told.by_status[answer.status_code] += 1
        if answer.status_code != expected:
            self.checker.differ(
                known, f"{sent.name}: {answer.status_code} in place of {expected}", answer
            )
        if answer.status_code < 400:
            self._note(known, sent, after, answer)

    def _note(self, known: Known, sent: Sent, after: DocumentModel, answer: httpx.Response) -> None:
        if sent.name.startswith("register"):
            known.lives += 1
            known.title, known.realm_id = sent.title, sent.realm_id
            known.contents, known.shown, known.staged = {}, set(), {}
        known.model = after
        if sent.content is not None and sent.stage is not None:
            number = after.file_versions[sent.stage, FILE_TYPE]
            known.contents[sent.stage, number] = sent.content
            known.staged[sent.stage] = number
        self._show(known)
        if "etag" in answer.headers:
            known.version = int(answer.headers["etag"].strip('"'))
        if "docledger-position" in answer.headers:
            position = int(answer.headers["docledger-position"])
            if position < known.position:
                self.checker.differ(
                    known, f"{sent.name}: position {position} after {known.position}"
                )
            known.position = position

    def _show(self, known: Known) -> None:
        """Note which versions became current: a staged one does with its completion."""
        for name, stage in known.model.stages.items():
            number = known.staged.get(name)
            if number is None or stage.staged:
                continue
            if stage.status == "completed" and stage.files.get(FILE_TYPE) is not None:
                known.shown.add((name, number))
            del known.staged[name]


def own_documents(clients: list[Client]) -> list[Known]:
    """Return the documents that one client alone changes."""
    return [known for client in clients for known in client.documents]


def replay_shared(clients: list[Client]) -> None:
    """Have the model follow what all clients did to the documents that they share.

    An execution that was asked for already changes nothing and tells the position that it found.
    """
    accepted = [each for client in clients for each in client.accepted]
    accepted.sort(key=lambda each: (_position(each[2]), each[1].accepted == EXECUTED))
    for known, sent, answer in accepted:
        clients[0].replay(known, sent, answer)
    for client in clients:
        client.accepted = []


def _position(answer: httpx.Response) -> int:
    return int(answer.headers["docledger-position"])


def settle(url: str, clients: list[Client]) -> None:
    """Wait until the read models have all that was answered."""
    last = max(known.position for known in own_documents(clients))
    deadline = time.monotonic() + 60
    with httpx.Client(base_url=f"{url}/v1") as http:
        while time.monotonic() < deadline:
            found = http.get("/projections").json()["items"]
            if all(
                each["position"] >= last for each in found if each["projection"] == "read_models"
            ):
                return
            time.sleep(0.02)


def run(
    installation: Installation,
    seed: int,
    count: int,
    clients: int = 4,
    batch: int = BATCH,
    stop_after: int = STOP_AFTER,
    *,
    deletes: bool = True,
) -> Told:
    """Run one campaign on an installation that is migrated; its roles end with it.

    It is broken off after so many differences.
    """
    told = Told(seed)
    started = time.monotonic()
    projector, service = installation.start("project"), installation.serve()
    shared = [Known(f"shared-{number}") for number in range(SHARED)]
    senders = [
        Client(service.url, number, seed, told, shared, deletes=deletes)
        for number in range(clients)
    ]
    with ThreadPoolExecutor(clients) as threads:
        while told.commands < count and len(told.differences) < stop_after:
            list(threads.map(lambda sender: sender.batch(batch), senders))
            told.commands += clients * batch
            replay_shared(senders)
            settle(service.url, senders)
            list(threads.map(Client.check, senders))
            checker, every = senders[0].checker, [*shared, *own_documents(senders)]
            for known in shared:
                checker.check(known)
            checker.check_list(every)
            checker.check_tables(installation.database_url, every)
    for sender in senders:
        sender.http.close()
    for running in (service, projector):
        if running.stop() != 0:
            told.differences.append(f"a role failed: {running.said()[-2000:]}")
    verified = installation.run("verify", "--json")
    told.verify = json.loads(verified.stdout) if verified.stdout else verified.stderr
    if verified.returncode:
        told.differences.append(f"verify: {told.verify}")
    told.seconds = round(time.monotonic() - started, 1)
    return told


def lines(told: Told) -> Iterator[str]:
    """Yield what is printed of a campaign: each difference, then one line of JSON."""
    yield from told.differences
    yield json.dumps(
        {
            "seed": told.seed,
            "commands": told.commands,
            "answers": dict(sorted(told.by_status.items())),
            "differences": len(told.differences),
            "seconds": told.seconds,
        }
    )


def main() -> int:
    """Run a campaign from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--batch", type=int, default=BATCH, help="commands a client between checks")
    parser.add_argument("--stop-after", type=int, default=STOP_AFTER, help="differences")
    parser.add_argument("--no-deletes", action="store_true")
    parser.add_argument("--database-url")
    given = parser.parse_args()
    with ExitStack() as stack:
        stack.enter_context(tempfile.TemporaryDirectory(prefix="docledger-model-"))
        settings = {"database_url": given.database_url} if given.database_url else {}
        installation = stack.enter_context(installed(**settings))
        done = installation.run("migrate", "up")
        if done.returncode:
            sys.stderr.write(done.stderr)
            return 1
        told = run(
            installation,
            given.seed,
            given.count,
            given.clients,
            given.batch,
            given.stop_after,
            deletes=not given.no_deletes,
        )
    for line in lines(told):
        sys.stdout.write(f"{line}\n")
    return bool(told.differences)


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1])]
    sys.exit(main())
