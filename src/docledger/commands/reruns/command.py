"""`docledger rerun`: outputs of an older executor are made again by today's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import chain, islice
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from docledger.bootstrap import Docledger
from docledger.commands import reports
from docledger.commands.living_workers import LivingWorkers
from docledger.commands.reruns import outputs
from docledger.commands.reruns.rerun import Parts, Rerun, Tally
from docledger.settings import Settings
from domain.errors import InvalidValue

_ACTOR = "command line"
_LINE_EVERY_SECONDS = 5.0
_MOST_TOLD = 20


def rerun(
    settings: Settings,
    stage_name: str,
    executor: str,
    *,
    limit: int | None,
    dry_run: bool,
    as_json: bool,
) -> bool:
    """Make the outputs again that `executor` made; return False if a document failed."""
    _check_executor(stage_name, executor)
    with Docledger(settings) as docledger:
        docledger.require_schema()
        _check_stage(docledger, stage_name)
        if dry_run:
            tally = Tally(_count(docledger, stage_name, executor, limit))
        else:
            tally = _run(docledger, stage_name, executor, limit, as_json=as_json)
    if as_json:
        _print_json(stage_name, executor, tally, dry_run=dry_run)
    else:
        _print(reports.console(), executor, tally, dry_run=dry_run)
    return not tally.failed


def _check_executor(stage_name: str, executor: str) -> None:
    name, _, version = executor.partition("/")
    if name != stage_name or not version:
        raise InvalidValue(
            f"--executor: '{executor}' is no executor of stage '{stage_name}'; "
            f"give it as {stage_name}/VERSION, as 'docledger history ID' shows it.",
            field="executor",
        )


def _check_stage(docledger: Docledger, stage_name: str) -> None:
    known = sorted({row.stage_name for row in docledger.pipeline()})
    if stage_name not in known:
        raise InvalidValue(
            f"--stage: there is no '{stage_name}'; stages are {', '.join(known)}.", field="stage"
        )


def _count(docledger: Docledger, stage_name: str, executor: str, limit: int | None) -> int:
    return sum(1 for _ in islice(_document_ids(docledger, stage_name, executor), limit))


def _document_ids(docledger: Docledger, stage_name: str, executor: str) -> Iterator[str]:
    with docledger.connect("rerun") as connection:
        connection.autocommit = True
        yield from chain.from_iterable(outputs.pages(connection, stage_name, executor))


def _run(
    docledger: Docledger, stage_name: str, executor: str, limit: int | None, *, as_json: bool
) -> Tally:
    workers = LivingWorkers(docledger, [stage_name])
    if not workers.has_due_jobs() and not _count(docledger, stage_name, executor, 1):
        return Tally()
    with workers:
        workers.wait_for_read_models()
        matched = _count(docledger, stage_name, executor, limit)
        with _watching(matched, as_json=as_json) as watching:
            parts = Parts(
                submit=docledger.worker_commands.submit,
                load=docledger.worker_commands.load,
                context=lambda: docledger.context(_ACTOR),
                standings=docledger.standings,
                check=workers.check,
            )
            document_ids = islice(_document_ids(docledger, stage_name, executor), matched)
            tally = Rerun(parts, stage_name, executor, watching.show).run(document_ids)
        workers.wait_until_idle()
    return tally


class _Watching(Protocol):
    def show(self, tally: Tally) -> None: ...


class _Silence:
    def show(self, tally: Tally) -> None:
        """Show nothing."""


class _Lines:
    """Writes a line now and then, for logs and pipes."""

    def __init__(self, console: Console, matched: int) -> None:
        self._console = console
        self._matched = matched
        self._next_at = 0.0

    def show(self, tally: Tally) -> None:
        """Say how many documents are over."""
        if time.monotonic() >= self._next_at or tally.over == self._matched:
            self._next_at = time.monotonic() + _LINE_EVERY_SECONDS
            self._console.print(f"{tally.over:,} of {self._matched:,} documents")


class _Bar(AbstractContextManager["_Bar"]):
    """A bar over all documents."""

    def __init__(self, console: Console, matched: int) -> None:
        self._progress = Progress(
            TextColumn("[bold]Re-running"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._progress.add_task("", total=matched)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._progress.stop()

    def show(self, tally: Tally) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=tally.over)


def _watching(matched: int, *, as_json: bool) -> AbstractContextManager[_Watching]:
    if as_json:
        return nullcontext(_Silence())
    console = reports.console()
    return _Bar(console, matched) if console.is_terminal else nullcontext(_Lines(console, matched))


def _print_json(stage_name: str, executor: str, tally: Tally, *, dry_run: bool) -> None:
    found = {
        "action": "rerun",
        "stage": stage_name,
        "executor": executor,
        "dryRun": dry_run,
        "matched": tally.matched,
        "done": tally.done,
        "unchanged": tally.unchanged,
        "madeBy": dict(tally.made_by),
        "failed": tally.failed,
        "refused": dict(tally.refused),
        "errors": [{"documentId": i, "error": error} for i, error in tally.errors],
    }
    reports.print_json(found)


def _print(console: Console, executor: str, tally: Tally, *, dry_run: bool) -> None:
    say = partial(console.print, highlight=False, markup=False)
    say(f"{tally.matched:,} documents have an output of {executor}")
    if dry_run or not tally.matched:
        return
    for made_by, count in tally.made_by.most_common():
        say(f"{count:,} have one of {made_by} now")
    say(f"{tally.unchanged:,} of these are equal to the old one, so nothing downstream ran")
    for why, count in tally.refused.most_common():
        say(f"{count:,} left as they are: {why}")
    if tally.failed:
        say(f"{tally.failed:,} failed; 'docledger history ID' tells why:")
    for document_id, error in tally.errors[:_MOST_TOLD] if tally.failed else ():
        say(f"  {document_id}: {error}")
