"""`docledger process`: register files, follow their workflows to the end, report."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docledger.commands.file_search import FoundFiles, Reason, Unreadable, content_of
from docledger.commands.progress import Watching
from docledger.overview import DocumentProgress
from domain.commands import Command, Context, RegisterDocument
from domain.errors import DocledgerError
from domain.file_names import safe_name
from domain.pipeline import StageDependency
from domain.registration import Registration, StoredContent, register_file
from domain.values import WorkflowType

_FIRST_POLL_SECONDS = 0.1
_LONGEST_POLL_SECONDS = 1.0
_IN_FLIGHT = 64


class RoleGaveUp(DocledgerError):
    """A part of docledger that processing needs cannot run; its reason is above."""


@dataclass(frozen=True)
class Parts:
    """What processing needs of the rest: a place for files, the log, and how documents stand."""

    put: Callable[[Iterable[bytes]], StoredContent]
    submit: Callable[[Command], Future[Any]]
    context: Callable[[], Context]
    new_id: Callable[[], str]
    pipeline: Callable[[], tuple[StageDependency, ...]]
    standings: Callable[[Sequence[str]], list[DocumentProgress]]
    gave_up: Callable[[], str | None]


def register(
    parts: Parts,
    found: FoundFiles,
    realm_id: str | None,
    titles: dict[str, str],
    watching: Watching,
) -> None:
    """Take every file in as a document with an automatic workflow; put names by id in `titles`.

    A file that cannot be read is added to those that are passed over.
    """
    pipeline = parts.pipeline()
    answers: deque[Future[Any]] = deque()
    for path in found.files:
        try:
            content = parts.put(content_of(path))
        except Unreadable:
            found.passed_over.append((path, Reason.UNREADABLE))
            continue
        command = _registration(parts, path, content, realm_id, pipeline)
        answers.append(parts.submit(command))
        # A name on disk can be any bytes; only what is text may get to a terminal.
        titles[command.document_id] = safe_name(path.name)
        _await(answers, _IN_FLIGHT - 1)
        watching.registered(len(titles) - len(answers), len(found.files))
    _await(answers, 0)
    watching.registered(len(titles), len(titles))


def _registration(
    parts: Parts,
    path: Path,
    content: StoredContent,
    realm_id: str | None,
    pipeline: tuple[StageDependency, ...],
) -> RegisterDocument:
    registration = Registration(
        document_id=parts.new_id(),
        context=parts.context(),
        realm_id=realm_id,
        workflow_type=WorkflowType.AUTOMATIC,
        pipeline=pipeline,
    )
    return register_file(registration, content, path.name)


def _await(answers: deque[Future[Any]], most_left: int) -> None:
    """Wait for answers, oldest first, until so many are left; raises what a command met."""
    while len(answers) > most_left:
        answers.popleft().result()


def follow(parts: Parts, titles: Mapping[str, str], watching: Watching) -> list[DocumentProgress]:
    """Wait until every document is over; return how they ended, in order of registration."""
    standings: dict[str, DocumentProgress] = {}
    wait = _FIRST_POLL_SECONDS
    while True:
        unfinished = [i for i in titles if i not in standings or not standings[i].over]
        changed = {standing.document_id: standing for standing in parts.standings(unfinished)}
        wait = _FIRST_POLL_SECONDS if changed.items() - standings.items() else wait * 1.5
        standings.update(changed)
        watching.show(list(standings.values()))
        if len(standings) == len(titles) and all(s.over for s in standings.values()):
            return [standings[i] for i in titles]
        if (role := parts.gave_up()) is not None:
            raise RoleGaveUp(f"The role '{role}' cannot run; its reason is above.")
        time.sleep(wait := min(wait, _LONGEST_POLL_SECONDS))
