"""What a person watches while documents are processed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from docledger.overview import DocumentProgress

_SHOWN_AT_ONCE = 10
_LINE_EVERY_SECONDS = 5.0
MARKS: Mapping[str, tuple[str, str]] = {
    "pending": ("·", "dim"),
    "in_progress": ("▸", "bold cyan"),
    "completed": ("✔", "green"),
    "failed": ("✘", "bold red"),
    "skipped": ("–", "yellow"),
}
"""The sign and the style in which each status of a stage is shown."""


class Watching(Protocol):
    """Shows how documents get on."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    def registered(self, count: int, total: int) -> None:
        """Show that `count` of `total` documents are in the log."""

    def show(self, standings: Sequence[DocumentProgress]) -> None:
        """Show how every document stands."""


class Silence:
    """Shows nothing: scripts read one JSON document at the end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def registered(self, count: int, total: int) -> None:
        """Show nothing."""

    def show(self, standings: Sequence[DocumentProgress]) -> None:
        """Show nothing."""


class Lines(Silence):
    """Writes a line now and then, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_line_at = 0.0

    def registered(self, count: int, total: int) -> None:
        """Say so once all are registered."""
        if count == total:
            self._console.print(f"{total} documents registered")

    def show(self, standings: Sequence[DocumentProgress]) -> None:
        """Say how many documents are over, at most every few seconds."""
        over = sum(standing.over for standing in standings)
        if not standings:
            return
        if time.monotonic() >= self._next_line_at or over == len(standings):
            self._next_line_at = time.monotonic() + _LINE_EVERY_SECONDS
            running = Counter(s.running_stage for s in standings if s.running_stage)
            now = ", ".join(f"{count} in {name}" for name, count in running.most_common())
            self._console.print(f"{over} of {len(standings)} documents done{'; ' * bool(now)}{now}")


class Bars:
    """A bar over all stages of all documents, and below it what runs at the moment."""

    def __init__(self, console: Console, titles: Mapping[str, str]) -> None:
        self._titles = titles
        self._progress = Progress(
            TextColumn("[bold]{task.description:<12}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._registering = self._progress.add_task("Registering", total=None)
        self._documents = self._progress.add_task("Documents", total=None, visible=False)
        self._stages = self._progress.add_task("Stages", total=None, visible=False)
        self._live = Live(self._progress, console=console, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.update(self._progress)
        self._live.__exit__(kind, error, traceback)

    def registered(self, count: int, total: int) -> None:
        """Move the first bar."""
        self._progress.update(self._registering, completed=count, total=total)

    def show(self, standings: Sequence[DocumentProgress]) -> None:
        """Move the bars and list what runs."""
        over = sum(standing.over for standing in standings)
        total = sum(len(standing.stages) for standing in standings)
        settled = sum(standing.settled_stages for standing in standings)
        self._progress.update(self._documents, completed=over, total=len(standings), visible=True)
        self._progress.update(self._stages, completed=settled, total=total, visible=True)
        running = [standing for standing in standings if standing.running_stage]
        self._live.update(Group(self._progress, self._running(running[:_SHOWN_AT_ONCE])))

    def _running(self, standings: Sequence[DocumentProgress]) -> Table:
        table = Table.grid(padding=(0, 2))
        for standing in standings:
            title = Text(self._titles.get(standing.document_id, standing.document_id))
            title.truncate(44, overflow="ellipsis", pad=True)
            table.add_row(title, marks(standing.stages), Text(standing.running_stage, "cyan"))
        return table


def marks(stages: Sequence[tuple[str, str]]) -> Text:
    """Return one sign a stage, in order."""
    text = Text()
    for _, status in stages:
        sign, style = MARKS.get(status, ("?", ""))
        text.append(f"{sign} ", style)
    return text
