"""`docledger rebuild`: what it runs, how it shows how it gets on, and what it prints at the end."""

from __future__ import annotations

import json as jsonlib
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from types import FrameType, TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from docledger.bootstrap import Docledger
from docledger.commands.reports import console, print_json
from docledger.search_rebuild import rebuild_search
from docledger.settings import Settings
from docledger.supervisor import end_with_supervisor
from domain.errors import InvalidValue
from domain.json_types import JsonObject
from eventstore.log_shards import LogShards
from postgres.rights import require_rights
from projections.rebuild.differences import RowDifference
from projections.rebuild.progress import Progress
from projections.rebuild.rebuilder import Rebuilder, Rebuilt
from projections.rebuild.session import reason_of

_HAND_OVER_SECONDS = 30.0
_LINE_EVERY_SECONDS = 5.0
_SHOWN = 1000


def rebuild(
    settings: Settings,
    *,
    table: str | None,
    workers: int | None,
    rebuild_id: str | None,
    as_json: bool,
) -> None:
    """Build the read models, or one table, anew and swap them in."""
    with Docledger(settings) as docledger, _Watching(hidden=as_json) as watching:
        # A rebuild that was registered under its id is handed the lock when it asks for it.
        lock_seconds = _HAND_OVER_SECONDS if rebuild_id else 0.0
        rebuilder = _rebuilder(docledger, watching, workers, lock_seconds)
        made = rebuilder.rebuild(table, rebuild_id)
    _print_made(made, as_json=as_json)


def search(settings: Settings, *, rebuild_id: str | None, as_json: bool) -> None:
    """Fill the search store again from stored chunks."""
    with Docledger(settings) as docledger, _Watching(hidden=as_json) as watching:
        docledger.require_schema()
        made = rebuild_search(
            docledger.connecting("rebuild"),
            docledger.search_filler,
            watching.show,
            rebuild_id=rebuild_id,
            lock_seconds=_HAND_OVER_SECONDS if rebuild_id else 0.0,
        )
    if as_json:
        print_json(_made(made))
    else:
        console().print(
            f"search store: {made.documents:,} documents in {made.seconds:.1f} s, "
            f"as of position {made.position:,}"
        )


@contextmanager
def failure_as_json(*, wanted: bool) -> Iterator[None]:
    """Print the reason of a failure as one JSON line, for the process that started this one."""
    try:
        yield
    except Exception as error:
        if wanted:
            sys.stdout.write(jsonlib.dumps({"error": reason_of(error)}) + "\n")
            sys.stdout.flush()
        raise


def dry_run(settings: Settings, *, table: str | None, workers: int | None, as_json: bool) -> bool:
    """Print what a rebuild would change; return True if that is nothing."""
    found: list[RowDifference] = []
    count = 0

    def add(difference: RowDifference) -> None:
        nonlocal count
        count += 1
        if len(found) < _SHOWN:
            found.append(difference)

    with Docledger(settings) as docledger, _Watching(hidden=as_json) as watching:
        made = _rebuilder(docledger, watching, workers).dry_run(add, table)
    if as_json:
        listed = {"differences": [_difference(it) for it in found], "differenceCount": count}
        print_json(_made(made) | listed)
    else:
        _print_differences(console(), made, found, count)
    return count == 0


def materialise(
    settings: Settings, *, until: str, into: str, workers: int | None, as_json: bool
) -> None:
    """Make the three tables as of a position or a time in a schema of their own."""
    with Docledger(settings) as docledger, _Watching(hidden=as_json) as watching:
        rebuilder = _rebuilder(docledger, watching, workers)
        made = rebuilder.materialise(_position(docledger, until), into)
    _print_made(made, as_json=as_json)


def _rebuilder(
    docledger: Docledger, watching: _Watching, workers: int | None, lock_seconds: float = 0.0
) -> Rebuilder:
    docledger.require_schema()
    connect = docledger.connecting("rebuild")
    with connect() as connection:
        require_rights(connection, made_by_us=True)
    return Rebuilder(
        connect,
        docledger.history,
        LogShards(connect),
        workers=workers,
        on_progress=watching.show,
        lock_seconds=lock_seconds,
    )


def end_in_good_order(*, supervised: bool) -> None:
    """Have SIGTERM end the command as Ctrl-C does, so that nothing is left behind.

    A supervised one ends so, too, when whoever started it is gone.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    if supervised:
        end_with_supervisor()


def _position(docledger: Docledger, until: str) -> int:
    if until.isdecimal():
        return int(until)
    try:
        at = datetime.fromisoformat(until)
    except ValueError:
        raise InvalidValue(
            f"--until: '{until}' is neither a position nor a time such as 2026-11-24T01:54:33Z.",
            field="until",
        ) from None
    if at.tzinfo is None:
        raise InvalidValue(f"--until: '{until}' says no offset from UTC; add Z.", field="until")
    connect = docledger.connecting("rebuild")
    return LogShards(connect).position_at(at.astimezone(UTC))


class _Watching:
    """A bar with rate and time left on a terminal, a line now and then anywhere else."""

    def __init__(self, *, hidden: bool) -> None:
        self._console = Console(stderr=True, quiet=hidden)
        self._bars = Bars(
            TextColumn("[bold]{task.description:<12}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[done]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="yellow"),
            console=self._console,
            disable=hidden or not self._console.is_terminal,
        )
        self._task = self._bars.add_task("Preparing", total=None, done="", note="")
        self._next_line_at = 0.0
        self._told = ""

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def show(self, progress: Progress) -> None:
        """Show how far the rebuild is."""
        phase = progress.phase.replace("_", " ")
        waiting = f"waiting for {progress.waiting_for}" if progress.waiting_for else ""
        self._bars.update(
            self._task,
            description=phase.capitalize(),
            total=progress.events_total or None,
            completed=progress.events_done,
            done=_told(progress),
            note=waiting,
        )
        if not self._console.is_terminal:
            self._line(f"{phase}: {_told(progress)} {waiting}".rstrip(" :"), phase + waiting)

    def _line(self, text: str, kind: str) -> None:
        now = time.monotonic()
        if kind != self._told or now >= self._next_line_at:
            self._console.print(Text(text), soft_wrap=True)
            self._told, self._next_line_at = kind, now + _LINE_EVERY_SECONDS


def _told(progress: Progress) -> str:
    if progress.phase == "filling":
        return f"{progress.documents:,} documents"
    if not progress.events_total:
        return ""
    told = f"{progress.events_done:,} of {progress.events_total:,} events"
    if progress.phase == "folding" and progress.seconds_left is not None:
        told += f", {progress.events_per_second:,.0f}/s, {progress.seconds_left:,.0f} s left"
    return told


def _made(made: Rebuilt) -> JsonObject:
    return {
        "position": made.position,
        "events": made.events,
        "documents": made.documents,
        "seconds": round(made.seconds, 3),
        "tables": list(made.tables),
    }


def _print_made(made: Rebuilt, *, as_json: bool) -> None:
    if as_json:
        print_json(_made(made))
        return
    rate = made.events / made.seconds if made.seconds else 0.0
    console().print(
        f"{', '.join(made.tables)}: as of position {made.position:,}, from {made.events:,} events "
        f"of {made.documents:,} documents in {made.seconds:.1f} s ({rate:,.0f} events/s)"
    )


def _difference(it: RowDifference) -> JsonObject:
    return {
        "table": it.table,
        "documentId": it.document_id,
        "id": it.row_id,
        "kind": it.kind,
        "columns": {n: {"now": now, "then": then} for n, (now, then) in it.columns.items()},
    }


def _print_differences(
    console: Console, made: Rebuilt, found: list[RowDifference], count: int
) -> None:
    for it in islice(found, _SHOWN):
        changes = "; ".join(
            f"{name} {jsonlib.dumps(now)} -> {jsonlib.dumps(then)}"
            for name, (now, then) in it.columns.items()
        )
        line = f"{it.table}: {it.document_id}: {it.row_id}: {it.kind} {changes}".rstrip()
        console.print(Text(line), soft_wrap=True)
    if count > len(found):
        console.print(f"… and {count - len(found):,} more")
    console.print(
        f"{count:,} rows would change, as of position {made.position:,}; nothing was changed"
    )
