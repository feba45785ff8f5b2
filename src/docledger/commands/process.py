"""`docledger process`: register files, follow their workflows to the end, report."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from docledger.bootstrap import Docledger, new_id
from docledger.commands import answers, document_report, reports
from docledger.commands.file_search import FoundFiles, Reason, Unreadable, content_of, find_files
from docledger.commands.living_workers import LivingWorkers
from docledger.commands.progress import Bars, Lines, Silence, Watching
from docledger.overview import DocumentProgress
from docledger.settings import Settings
from domain.commands import Command, Context, RegisterDocument
from domain.file_names import safe_name
from domain.pipeline import StageDependency
from domain.registration import Registration, StoredContent, register_file
from domain.values import WorkflowType
from eventstore.append_round import Committed

_FIRST_POLL_SECONDS = 0.1
_LONGEST_POLL_SECONDS = 1.0
_IN_FLIGHT = 64
_TREE_SECONDS = 30.0
_ACTOR = "command line"


@dataclass(frozen=True)
class Parts:
    """What processing needs of the rest: a place for files, the log, and how documents stand.

    `check` raises what keeps documents from being worked on at all.
    """

    put: Callable[[Iterable[bytes]], StoredContent]
    submit: Callable[[Command], Future[Committed]]
    context: Callable[[], Context]
    new_id: Callable[[], str]
    pipeline: Callable[[], tuple[StageDependency, ...]]
    standings: Callable[[Sequence[str]], list[DocumentProgress]]
    extracted: Callable[[Sequence[str]], Mapping[str, str]]
    check: Callable[[], None]


def process(
    settings: Settings,
    paths: Sequence[Path],
    realm_id: str | None,
    *,
    follow_links: bool,
    as_json: bool,
) -> bool:
    """Run the workflows of these files to their end, telling what is passed over.

    Returns False if a document failed or a file could not be read.
    """
    console = reports.console()
    found = find_files(paths, follow_links=follow_links)
    with Docledger(settings) as docledger, ExitStack() as stack:
        docledger.migrator.up()
        docledger.adoption.adopt_if_fits()
        stages = {row.stage_name for row in docledger.pipeline()}
        workers = stack.enter_context(LivingWorkers(docledger, stages))
        parts = _parts(docledger, workers.check)
        titles: dict[str, str] = {}
        with _watching(console, titles, as_json=as_json) as watching:
            register(parts, found, realm_id, titles, watching)
            ended = follow(parts, titles, watching)
        for stage_name in sorted({s.missing_executor for s in ended if s.missing_executor}):
            print(
                f"docledger: stage '{stage_name}' has no executor here, so its documents wait; "
                "install the package that brings it and run docledger work or up",
                file=sys.stderr,
            )
        docledger.wait_for_tree(_TREE_SECONDS)
        documents = answers.documents(docledger, [standing.document_id for standing in ended])
    if as_json:
        reports.print_json({"documents": documents})
    else:
        document_report.overview(console, documents, titles)
    for line in found.lines():
        print(f"docledger: {line}", file=sys.stderr)
    return found.is_complete and all(standing.workflow_status == "completed" for standing in ended)


def _parts(docledger: Docledger, check: Callable[[], None]) -> Parts:
    return Parts(
        put=docledger.storage.blobs.put_stream,
        submit=docledger.commands.submit,
        context=lambda: docledger.context(_ACTOR),
        new_id=new_id,
        pipeline=docledger.pipeline,
        standings=docledger.standings,
        extracted=docledger.extracted,
        check=check,
    )


def _watching(console: Console, titles: dict[str, str], *, as_json: bool) -> Watching:
    if as_json:
        return Silence()
    return Bars(console, titles) if console.is_terminal else Lines(console)


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
    answers: deque[Future[Committed]] = deque()
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


def _await(answers: deque[Future[Committed]], most_left: int) -> None:
    """Wait for answers, oldest first, until so many are left; raises what a command met."""
    while len(answers) > most_left:
        answers.popleft().result()


def follow(parts: Parts, titles: dict[str, str], watching: Watching) -> list[DocumentProgress]:
    """Wait until every document is over; return how they ended, in order of registration.

    Documents that were taken out of others, such as attachments, are followed as well, their
    titles added to `titles`.
    """
    searched: set[str] = set()
    standings: dict[str, DocumentProgress] = {}
    wait = _FIRST_POLL_SECONDS
    while True:
        unfinished = [i for i in titles if i not in standings or not standings[i].over]
        changed = {standing.document_id: standing for standing in parts.standings(unfinished)}
        wait = _FIRST_POLL_SECONDS if changed.items() - standings.items() else wait * 1.5
        standings.update(changed)
        ended = [i for i in titles if i in standings and standings[i].over and i not in searched]
        titles.update(parts.extracted(ended) if ended else {})
        searched.update(ended)
        watching.show(list(standings.values()))
        if len(standings) == len(titles) and all(s.over for s in standings.values()):
            return [standings[i] for i in titles]
        parts.check()
        time.sleep(wait := min(wait, _LONGEST_POLL_SECONDS))
