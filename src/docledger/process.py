"""`docledger process`: register files, follow their workflows to the end, report."""

from __future__ import annotations

import mimetypes
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from docledger.progress import Standing, Watching
from domain.commands import Command, Context, RegisterDocument
from domain.errors import DocledgerError
from domain.file_names import safe_name, split_extension
from domain.pipeline import StageDependency
from domain.values import Original, WorkflowType

_FIRST_POLL_SECONDS = 0.1
_LONGEST_POLL_SECONDS = 1.0
_TITLE_CHARACTERS = 255
_IN_FLIGHT = 64


class NothingToProcess(DocledgerError):
    """No file was found under the paths given."""


class RoleGaveUp(DocledgerError):
    """A part of docledger that processing needs cannot run; its reason is above."""


class Blob(Protocol):
    """A stored content."""

    @property
    def checksum(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...


@dataclass(frozen=True)
class Parts:
    """What processing needs of the rest: a place for files, the log, and how documents stand."""

    put_file: Callable[[Path], Blob]
    submit: Callable[[Command], Future[Any]]
    context: Callable[[], Context]
    new_id: Callable[[], str]
    pipeline: Callable[[], tuple[StageDependency, ...]]
    standings: Callable[[Sequence[str]], list[Standing]]
    gave_up: Callable[[], str | None]


def files_under(paths: Sequence[Path]) -> list[Path]:
    """Return the files among `paths` and in folders among them, hidden ones left out, sorted.

    Raises NothingToProcess, naming the path, for one that is not there or holds no file.
    """
    found: dict[Path, None] = {}
    for path in paths:
        own = list(_files(path))
        if not own:
            what = "holds no file" if path.is_dir() else "is not there or not a file"
            raise NothingToProcess(f"{path} {what}; name files, or folders with files.")
        found.update(dict.fromkeys(own))
    return list(found)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        for child in sorted(path.iterdir()):
            if not child.name.startswith("."):
                yield from _files(child)


def register(
    parts: Parts,
    files: Sequence[Path],
    realm_id: str | None,
    titles: dict[str, str],
    watching: Watching,
) -> None:
    """Take every file in as a document with an automatic workflow; put names by id in `titles`."""
    pipeline = parts.pipeline()
    answers: deque[Future[Any]] = deque()
    for path in files:
        command = _registration(parts, path, realm_id, pipeline)
        answers.append(parts.submit(command))
        # A name on disk can be any bytes; only what is text may get to a terminal.
        titles[command.document_id] = safe_name(path.name)
        _await(answers, _IN_FLIGHT - 1)
        watching.registered(len(titles) - len(answers), len(files))
    _await(answers, 0)
    watching.registered(len(titles), len(files))


def _registration(
    parts: Parts, path: Path, realm_id: str | None, pipeline: tuple[StageDependency, ...]
) -> RegisterDocument:
    blob = parts.put_file(path)
    name = safe_name(path.name)
    return RegisterDocument(
        document_id=parts.new_id(),
        context=parts.context(),
        title=split_extension(name)[0][:_TITLE_CHARACTERS],
        realm_id=realm_id,
        original=Original(
            file_name=name,
            checksum=blob.checksum,
            size_bytes=blob.size_bytes,
            mime_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
        ),
        workflow_type=WorkflowType.AUTOMATIC,
        pipeline=pipeline,
    )


def _await(answers: deque[Future[Any]], most_left: int) -> None:
    """Wait for answers, oldest first, until so many are left; raises what a command met."""
    while len(answers) > most_left:
        answers.popleft().result()


def follow(parts: Parts, titles: Mapping[str, str], watching: Watching) -> list[Standing]:
    """Wait until every document is over; return how they ended, in order of registration."""
    standings: dict[str, Standing] = {}
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
