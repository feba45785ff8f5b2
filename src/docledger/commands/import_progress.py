"""What a person watches while documents are imported."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from importing.pipeline import Imported

_LINE_EVERY_SECONDS = 5.0


class ImportProgress:
    """A bar with rate and time left on a terminal, a line now and then anywhere else."""

    def __init__(self, *, hidden: bool) -> None:
        self._console = Console(stderr=True, quiet=hidden)
        self._bars = Bars(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[done]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=hidden or not self._console.is_terminal,
        )
        self._task = self._bars.add_task("importing", total=None, done="")
        self._started_at = time.monotonic()
        self._next_line_at = self._started_at + _LINE_EVERY_SECONDS

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

    def expect(self, documents: int) -> None:
        """Say how many rows there are to look at."""
        self._bars.update(self._task, total=documents)

    def show(self, imported: Imported) -> None:
        """Show how far the import is."""
        self._show(imported.looked_at, imported.documents, "imported")

    def show_undone(self, documents: int) -> None:
        """Show how many documents were taken back."""
        self._show(documents, documents, "taken back")

    def say(self, what: str) -> None:
        """Show what comes next."""
        self._bars.update(self._task, description=what)

    def _show(self, looked_at: int, documents: int, what: str) -> None:
        now = time.monotonic()
        rate = documents / max(now - self._started_at, 0.001)
        told = f"{documents:,} documents {what}, {rate:,.0f}/s"
        self._bars.update(self._task, completed=looked_at, done=told)
        if not self._console.is_terminal and now >= self._next_line_at:
            self._console.print(told)
            self._next_line_at = now + _LINE_EVERY_SECONDS
